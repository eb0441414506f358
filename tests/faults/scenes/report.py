"""What a fault run came to, and the table of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.faults.scenes.reckoning import Reckoning

HEAD = (
    *("run", "seed", "injected", "SIGKILLs", "due", "taken"),
    *("lost", "sent twice", "remainder", "wrong", "seconds", ""),
)
CLEAN = "Clean: nothing was lost, nothing was sent twice, nothing is unaccounted for."
KILLED = "SIGKILL"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run: what was done to the product, how often, and the account afterwards."""

    name: str
    seed: int
    seconds: float
    injected: Mapping[str, int]
    account: Reckoning

    @property
    def clean(self) -> bool:
        """Whether the run shows nothing lost, nothing doubled and nothing else that is wrong."""
        return self.account.clean

    @property
    def killed(self) -> int:
        """How many processes of the product were killed."""
        return sum(times for fault, times in self.injected.items() if fault.startswith(KILLED))

    def with_wrong(self, more: Sequence[str]) -> Result:
        """Return the result with more that was found wrong."""
        account = replace(self.account, wrong=[*self.account.wrong, *more])
        return replace(self, account=account)

    def row(self) -> tuple[str, ...]:
        account = self.account
        figures = (
            sum(self.injected.values()),
            self.killed,
            account.due,
            account.taken,
            len(account.lost),
            len(account.doubled),
            account.remainder,
            len(account.wrong),
            round(self.seconds),
        )
        verdict = "clean" if self.clean else "NOT CLEAN"
        return (self.name, str(self.seed), *map(str, figures), verdict)


Show = Callable[[Result], Result]


def table(results: Sequence[Result]) -> str:
    """Return the runs, then every fault with how often it was injected, as text."""
    injected: Counter[str] = Counter()
    for result in results:
        injected.update(result.injected)
    faults = [(fault, str(times)) for fault, times in sorted(injected.items())]
    lines = [
        *_aligned([HEAD, *(result.row() for result in results)]),
        "",
        *_aligned([("injected in all", "times"), *faults]),
    ]
    for result in results:
        if not result.clean:
            lines += ["", f"NOT CLEAN: {result.name}: {result.account}"]
    if all(result.clean for result in results):
        lines += ["", CLEAN]
    return "\n".join(lines)


def _aligned(rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [list(row) for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in cells
    ]
