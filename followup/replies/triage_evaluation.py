"""Triage evaluation: how well the phrases find what labelled replies are about."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from followup.domain.errors import InvalidInput
from followup.domain.triage.triage import Found, ReplyClass


@dataclass(frozen=True, slots=True)
class Labelled:
    """A made-up reply and what a person says that it is about."""

    text: str
    classes: frozenset[ReplyClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassScore:
    """Of one class: how many replies are labelled with it, found, and found without the label."""

    labelled: int
    found: int
    false_alarms: int

    @property
    def sensitivity(self) -> float | None:
        """Return the share of labelled replies that were found; None where there are none."""
        return self.found / self.labelled if self.labelled else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriageEvaluation:
    """The scores of one corpus, and the replies whose red flag was missed."""

    name: str
    replies: int
    scores: dict[ReplyClass, ClassScore]
    missed: tuple[str, ...]


def read_corpus(path: Path) -> tuple[Labelled, ...]:
    """Return the replies of a CSV file with the columns `classes` (spaces between) and `text`.

    Raises `InvalidInput` with the line that is wrong.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = enumerate(csv.DictReader(file), start=2)
            return tuple(_labelled(row, line=line) for line, row in rows)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of("corpus", f"{path} can't be read as UTF-8 text") from error


def _labelled(row: dict[str, str | None], *, line: int) -> Labelled:
    classes = (row.get("classes") or "").split()
    if row.get("text") is None or not classes or not set(classes) <= set(ReplyClass):
        raise InvalidInput.of(
            "corpus",
            f"line {line}: write classes and text, with classes of {', '.join(ReplyClass)}",
        )
    return Labelled(row["text"] or "", frozenset(map(ReplyClass, classes)))


def score_triage(
    name: str, replies: Iterable[Labelled], sort: Callable[[str], Found]
) -> TriageEvaluation:
    """Sort every reply, and compare with its labels."""
    sorted_ = [(reply, frozenset(sort(reply.text).classes)) for reply in replies]
    flag = ReplyClass.RED_FLAG
    return TriageEvaluation(
        name=name,
        replies=len(sorted_),
        scores={each: _score(each, sorted_) for each in ReplyClass},
        missed=tuple(
            reply.text for reply, found in sorted_ if flag in reply.classes and flag not in found
        ),
    )


def _score(each: ReplyClass, sorted_: list[tuple[Labelled, frozenset[ReplyClass]]]) -> ClassScore:
    labelled = [found for reply, found in sorted_ if each in reply.classes]
    others = [found for reply, found in sorted_ if each not in reply.classes]
    return ClassScore(
        labelled=len(labelled),
        found=sum(each in found for found in labelled),
        false_alarms=sum(each in found for found in others),
    )
