"""The list of tests that prove controls of hazards, by `python -m scripts.list_controls`.

It is shipped with the product, which carries no tests: `followup safety-case` goes by it there. A
test of ours collects each of them, and fails where the list is not the log's.
"""

from __future__ import annotations

from pathlib import Path

from followup.data_files import CHECKOUT
from followup.domain.errors import ConfigurationError
from followup.safety_case.controls import LIST_FILE, control_faults
from followup.safety_case.hazards import FOLDER, load_hazards

HEAD = "# Tests that prove the controls in hazards.toml, found as this version was built.\n"


def controls_text() -> str:
    """Return the list; raise `ConfigurationError` where a test is gone or skipped."""
    hazards = load_hazards()
    if faults := control_faults(hazards):
        raise ConfigurationError("\n".join(str(fault) for fault in faults))
    tests = {control.test for hazard in hazards for control in hazard.controls}
    return HEAD + "".join(f"{test}\n" for test in sorted(tests))


def write_controls(folder: Path = CHECKOUT / FOLDER) -> None:
    """Write the list to its place."""
    (folder / LIST_FILE).write_text(controls_text(), encoding="utf-8")


if __name__ == "__main__":
    write_controls()
