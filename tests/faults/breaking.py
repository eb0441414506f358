"""Safety mechanisms broken on purpose, to see that the fault runs notice."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.stacks import StackError

MISFIT = re.compile(r"^(AttributeError|TypeError|NameError|ImportError|ValueError): ", re.MULTILINE)
BROKEN = Path(__file__).with_name("broken")
VARIABLE = "TEST_BREAK"


@contextmanager
def breaking(mechanism: str) -> Iterator[None]:
    """Break a mechanism in every process of the product that is started in the block."""
    os.environ[VARIABLE] = mechanism
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def broken(path: str) -> dict[str, str]:
    """Return the environment for processes of the product whose PYTHONPATH is `path`."""
    mechanism = os.environ.get(VARIABLE)
    return {"PYTHONPATH": f"{BROKEN}:{path}", VARIABLE: mechanism} if mechanism else {}


def require_well_broken(logs: Iterable[Path]) -> None:
    """Raise `StackError` where a break failed by itself, instead of breaking what it is to break.

    What it is made for has changed since: whatever a run finds then, it proves nothing.
    """
    if VARIABLE not in os.environ:
        return
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        for trace in text.split("Traceback (most recent call last)")[1:]:
            if str(BROKEN) in trace and MISFIT.search(trace):
                message = f"the break does not fit the product any more:\n{trace[:2000]}"
                raise StackError(message)
