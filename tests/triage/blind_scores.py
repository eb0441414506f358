"""What the sorting makes of the blind replies, by voice: the figures that docs/replies.md tells."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from followup.domain.triage.triage import GRAVE_CLASSES, Found, ReplyClass
from scripts.train_second_net import labelled_lines
from tests.triage import GRAVE_LABELS

BLIND = Path(__file__).with_name("blind")
HARMLESS_LABELS = frozenset({"harmless", "logistics"})
LIKELY = 1.96
"""Of a normal distribution: 95 in 100 lie within so many deviations."""


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many."""

    some: int
    of: int

    def __add__(self, other: Share) -> Share:
        return Share(self.some + other.some, self.of + other.of)

    @property
    def text(self) -> str:
        return f"{self.some} of {self.of}"

    @property
    def interval(self) -> str:
        """The interval of Wilson, in hundredths, that holds the true share 95 times in 100."""
        n, p, z = self.of, self.some / self.of, LIKELY
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        return f"{100 * low:.0f} to {100 * high:.0f}"


Judged = tuple[frozenset[str], Found]


def _share(judged: Iterable[Judged], of: Callable, counts: Callable) -> Share:
    chosen = [found for labels, found in judged if of(labels)]
    return Share(sum(map(counts, chosen)), len(chosen))


def is_grave(labels: frozenset[str]) -> bool:
    return bool(labels & GRAVE_LABELS)


def is_harmless(labels: frozenset[str]) -> bool:
    return bool(labels & HARMLESS_LABELS)


def is_stop(labels: frozenset[str]) -> bool:
    return "stop" in labels


def is_other(labels: frozenset[str]) -> bool:
    return not (is_grave(labels) or is_harmless(labels) or is_stop(labels))


def raised(found: Found) -> bool:
    return bool(set(found.classes) & GRAVE_CLASSES)


def stopped(found: Found) -> bool:
    return ReplyClass.STOP in found.classes


MEASURES: dict[str, tuple[Callable, Callable]] = {
    "grave, raised as such": (is_grave, raised),
    "grave, judged harmless": (is_grave, lambda found: found.is_harmless),
    "a symptom or doubtful, judged harmless": (is_other, lambda found: found.is_harmless),
    "requests to stop, obeyed": (is_stop, stopped),
    "no request to stop, stopped": (lambda labels: not is_stop(labels), stopped),
    "harmless, left in peace": (is_harmless, lambda found: found.is_harmless),
    "harmless, raised as grave": (is_harmless, raised),
}
"""What is measured: which replies, and what counts of them."""


def scores(file: Path, sort: Callable[[str], Found]) -> dict[str, Share]:
    judged = [(labels, sort(text)) for text, labels in labelled_lines(file)]
    return {name: _share(judged, of, counts) for name, (of, counts) in MEASURES.items()}


def table(files: Iterable[Path], sort: Callable[[str], Found]) -> str:
    """Return the table of docs/replies.md."""
    by_file = {file.stem: scores(file, sort) for file in files}
    rows = [["", *by_file, "all", "of 100, likely"], ["---"] * (len(by_file) + 3)]
    for name in MEASURES:
        every = [one[name] for one in by_file.values()]
        whole = sum(every, Share(0, 0))
        rows.append([name, *(one.text for one in every), whole.text, whole.interval])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def added(
    files: Iterable[Path], without: Callable[[str], Found], sort: Callable[[str], Found]
) -> str:
    """Return the sentence of decision 0014 on what the second net adds."""
    every = list(files)
    told = {}
    for name in ("grave, raised as such", "harmless, raised as grave"):
        told[name] = [
            sum((scores(file, by)[name] for file in every), Share(0, 0)) for by in (without, sort)
        ]
    (few, more), (in_peace, alarmed) = told.values()
    return (
        f"Phrases alone raise {few.some} of {few.of} grave replies, with the net it is "
        f"{more.some}. Of {in_peace.of} harmless ones they raise {in_peace.some}, with the net "
        f"{alarmed.some}."
    )
