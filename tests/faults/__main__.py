"""The long fault runs: `make faults`, or `python -m tests.faults kills precise --seed 7`.

Prints what was injected and what came of it, and ends with 1 if anything was lost, sent twice, left
over or otherwise wrong.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import traceback
from collections.abc import Sequence

from tests.faults.report import Result, table
from tests.faults.runs import RUNS


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"{', '.join(RUNS)}; all if none")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 is a tenth of each run")
    given = parser.parse_args(arguments)
    if unknown := set(given.runs) - set(RUNS):
        parser.error(f"there is no run named {', '.join(sorted(unknown))}")
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    results, broken = [], []
    for name in given.runs or RUNS:
        result = _one(name, seed=seed, scale=given.scale)
        if result is None:
            broken.append(name)
        else:
            results.append(result)
    sys.stdout.write(table(results) + "\n" if results else "")
    for name in broken:
        sys.stdout.write(f"\n{name}, seed {seed}: broke off, see above\n")
    return int(bool(broken) or not all(result.clean for result in results))


def _one(name: str, *, seed: int, scale: float) -> Result | None:
    """Make one run; say on standard error how it goes. None if it broke off."""
    sys.stderr.write(f"{name}, seed {seed} ...\n")
    try:
        result = RUNS[name](seed=seed, scale=scale)
    except Exception:  # noqa: BLE001 - one run that breaks must not hide the others' results
        traceback.print_exc()
        return None
    sys.stderr.write(f"  {result.account}\n")
    return result


if __name__ == "__main__":
    sys.exit(main())
