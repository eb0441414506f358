"""The long fault runs: `make faults`, or `python -m tests.faults kills precise --seed 7`.

Prints what was injected and what came of it, and ends with 1 if anything was lost, sent twice, left
over or otherwise wrong. With `--break MECHANISM` the run that has to notice is made without that
safety mechanism, and so has to end with 1; `--prove` breaks each in turn, and ends with 1 if any
run stayed clean.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from tests.faults.breaking import breaking
from tests.faults.kills import Plan
from tests.faults.runs import BREAKS, RUNS
from tests.faults.scenes.report import Result, table


def main(arguments: Sequence[str] | None = None) -> int:
    given = _parse(arguments)
    seed = secrets.randbelow(1_000_000) if given.seed is None else given.seed
    if given.prove:
        return _prove(seed)
    if given.mechanism:
        return _show(_without(given.mechanism, seed=seed))
    runs = given.runs or list(RUNS)
    limit = None if given.minutes is None else given.minutes * 60
    return _show(
        {name: _one(name, seed=seed, plan=_plan(name, given), limit=limit) for name in runs}
    )


def _plan(name: str, given: argparse.Namespace) -> Plan:
    plan = RUNS[name].plan.scaled(given.scale)
    return plan if given.over is None else replace(plan, over=given.over)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="RUN", help=f"{', '.join(RUNS)}; all if none")
    parser.add_argument("--seed", type=int, help="repeats the choices of an earlier run")
    parser.add_argument("--scale", type=float, default=1.0, help="0.1 is a tenth of each run")
    parser.add_argument("--over", type=float, help="seconds over which messages fall due")
    parser.add_argument("--minutes", type=float, help="break a run off that takes longer")
    parser.add_argument("--break", dest="mechanism", choices=BREAKS, help="take it out")
    parser.add_argument("--prove", action="store_true", help="take each out, one after the other")
    given = parser.parse_args(arguments)
    if unknown := set(given.runs) - set(RUNS):
        parser.error(f"there is no run named {', '.join(sorted(unknown))}")
    return given


Made = Mapping[str, Result | None]
"""Runs by name; None broke off."""


def _show(made: Made) -> int:
    results = [result for result in made.values() if result is not None]
    sys.stdout.write(table(results) + "\n" if results else "")
    for name, result in made.items():
        if result is None:
            sys.stdout.write(f"\n{name}: broke off, see above\n")
    return int(not _clean(made))


def _clean(made: Made) -> bool:
    return all(result is not None and result.clean for result in made.values())


def _without(mechanism: str, *, seed: int) -> Made:
    name, plan = BREAKS[mechanism]
    sys.stderr.write(f"without {mechanism}: ")
    with breaking(mechanism):
        return {name: _one(name, seed=seed, plan=plan)}


def _prove(seed: int) -> int:
    """Break each mechanism in turn; return 1 unless each time the run notices."""
    unnoticed = 0
    for mechanism in BREAKS:
        made = _without(mechanism, seed=seed)
        _show(made)
        # One that breaks off has noticed nothing: something else is the matter with it.
        noticed = None not in made.values() and not _clean(made)
        sys.stdout.write(f"\nwithout {mechanism}: {'noticed' if noticed else 'NOT NOTICED'}\n\n")
        unnoticed += not noticed
    return int(unnoticed > 0)


def _one(name: str, *, seed: int, plan: Plan, limit: float | None = None) -> Result | None:
    """Make one run; say on standard error how it goes. None if it broke off."""
    sys.stderr.write(f"{name}, seed {seed} ...\n")
    try:
        with _at_most(limit):
            result = RUNS[name](plan, seed=seed)
    except (Exception, GivenUp):  # noqa: BLE001 - one run that breaks must not hide the others' results
        traceback.print_exc()
        return None
    sys.stderr.write(table([result]) + "\n\n")
    return result


class GivenUp(BaseException):
    """A run took too long. No mere exception: nothing on the way is to take it for its own."""


@contextmanager
def _at_most(seconds: float | None) -> Iterator[None]:
    """Raise `GivenUp` in the block once it has taken so long; what it started is ended."""

    def end(*_: object) -> None:
        message = f"not over after {seconds} seconds: given up"
        raise GivenUp(message)

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds or 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


if __name__ == "__main__":
    sys.exit(main())
