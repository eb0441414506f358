"""Answers of CSV cells: yes and no, and the words of lists that answer a question of ours.

`T2DM - diet controlled` says yes to diabetes, `LA only` no to a steroid. Every word of a cell must
be known, and all must say one thing: `pre-diabetic`, `?T2DM` and `no (metformin)` are asked back.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from followup.intake.yes_or_no import read_yes_or_no

PARTED = re.compile(r"[-\N{EN DASH},;:()/+&]+")
NON = re.compile(r"\bnon[ -]+(?:(?P<kind>insulin|particulate)\b)?")
DOSE = re.compile(r"\d+(?:\.\d+)?(?:mg|mls?|%)?", re.ASCII)
NEGATIONS = frozenset({"no", "not", "nil", "without"})
NEGATED = frozenset({"a", "any", "known", "history", "of", "given", "used", "mellitus"})
ONLY = "only"


class Said(Enum):
    """What a part of a cell says; what is beside an answer says nothing by itself."""

    YES, NO, BESIDE, UNKNOWN = range(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is written in answer to one question: what it asks for, and what says that it is so.

    With "only", what was used `instead` says no.
    """

    asked: frozenset[str]
    yes: frozenset[str]
    beside: frozenset[str]
    instead: frozenset[str] = frozenset()


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


WORDS = {
    "diabetic": Words(
        asked=_words("diabetic diabetes dm"),
        yes=_words("t1 t2 t1dm t2dm dm1 dm2 iddm niddm type insulin noninsulin controlled"),
        beside=_words(
            "a known i ii one two mellitus on diet tablet tablets oral dependent treated "
            "metformin gliclazide"
        ),
    ),
    "steroid_given": Words(
        asked=_words("steroid steroids"),
        yes=_words(
            "triamcinolone kenalog adcortyl methylprednisolone depomedrone medrone dexamethasone "
            "betamethasone hydrocortisone"
        ),
        beside=_words("given used with and mg ml depo particulate nonparticulate"),
        instead=_words("la local anaesthetic lidocaine bupivacaine levobupivacaine"),
    ),
}
"""By the keys of attributes of the shipped protocols. Any other question has yes and no alone."""


def read_answer(key: str, cell: str) -> bool | None:
    """Return what a cell answers to the question of this key, or None where that is not certain."""
    plain, known = read_yes_or_no(cell), WORDS.get(key)
    if plain is not None or known is None:
        return plain
    text = NON.sub(lambda found: f"non{found['kind']}" if found["kind"] else "no ", cell.lower())
    parts = (frozenset(part.split()) for part in PARTED.split(text))
    said = {_said(part, known) for part in parts if part}
    if Said.YES in said:
        return True if said <= {Said.YES, Said.BESIDE} else None
    return False if said == {Said.NO} else None


def _said(part: frozenset[str], known: Words) -> Said:
    words = frozenset(word for word in part if not DOSE.fullmatch(word))
    plain = read_yes_or_no(" ".join(words))
    if plain is not None:
        return Said.YES if plain else Said.NO
    if words & NEGATIONS:
        is_no = known.asked & words and words <= known.asked | NEGATIONS | NEGATED
        return Said.NO if is_no else Said.UNKNOWN
    if ONLY in words:
        return Said.NO if frozenset() < words - {ONLY} <= known.instead else Said.UNKNOWN
    if not words <= known.asked | known.yes | known.beside | known.instead:
        return Said.UNKNOWN
    return Said.YES if words & (known.asked | known.yes) else Said.BESIDE
