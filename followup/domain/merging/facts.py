"""Facts of a merged patient: whose count where two records of one person differ.

What the survivor's record says stands, and what it lacks is taken from the duplicate's. A contact
detail that works and was confirmed counts before one that was not. What protects the patient holds
whoever's it was: a death, and every reading need. What nobody can tell from the records is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from followup.domain.needs import ReadingNeed


class Side(StrEnum):
    """One of the two records: the one that goes on, and the one that goes into it."""

    SURVIVOR = "survivor"
    DUPLICATE = "duplicate"


class Question(StrEnum):
    """What a person must decide before two records become one."""

    NHS_NUMBER = "nhs_number"
    """Two numbers, of which one must be wrong."""
    BIRTH_DATE = "date_of_birth"
    ANSWERS = "answers"
    """The same procedure with other answers, on which it depends what is sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """A number or address; `works` is false of one that was given up."""

    address: str
    works: bool = True
    confirmed: bool = False

    def counts_before(self, other: Contact | None, *, is_later: bool = False) -> bool:
        """Say whether this one is the better to write to; of two as good, the later one is."""
        if other is None:
            return True
        ours, theirs = (self.works, self.confirmed), (other.works, other.confirmed)
        return ours > theirs or (is_later and ours == theirs and self.address != other.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFacts:
    """What one record says of the person."""

    name: str | None
    nhs_number: str | None
    date_of_birth: date | None
    mobile: Contact | None
    email: Contact | None
    language: str
    needs: frozenset[ReadingNeed] = frozenset()
    deceased_at: datetime | None = None


Decisions = Mapping[Question, Side]
"""Whose record is right, as a person has decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedFacts:
    """What the survivor's record says after the merge, and which of it is the duplicate's."""

    facts: RecordFacts
    taken: frozenset[str]


def merge_facts(
    survivor: RecordFacts,
    duplicate: RecordFacts,
    *,
    decisions: Decisions,
    later_contacts: bool = False,
) -> MergedFacts:
    """Return what is so of the person, as far as it is decided; else what the survivor's says.

    With `later_contacts` the duplicate's contact details were given later than the survivor's.
    """
    taken = {
        name
        for name, question in (
            ("name", None),
            ("nhs_number", Question.NHS_NUMBER),
            ("date_of_birth", Question.BIRTH_DATE),
        )
        if _is_taken(getattr(survivor, name), getattr(duplicate, name), question, decisions)
    }
    taken |= {
        name
        for name in ("mobile", "email")
        if (theirs := getattr(duplicate, name))
        and theirs.counts_before(getattr(survivor, name), is_later=later_contacts)
    }
    if duplicate.needs - survivor.needs:
        taken.add("needs")
    deaths = [at for at in (survivor.deceased_at, duplicate.deceased_at) if at is not None]
    if deaths and min(deaths) != survivor.deceased_at:
        taken.add("deceased_at")

    def of(name: str) -> RecordFacts:
        return duplicate if name in taken else survivor

    return MergedFacts(
        facts=RecordFacts(
            name=of("name").name,
            nhs_number=of("nhs_number").nhs_number,
            date_of_birth=of("date_of_birth").date_of_birth,
            mobile=of("mobile").mobile,
            email=of("email").email,
            language=survivor.language,
            needs=survivor.needs | duplicate.needs,
            deceased_at=min(deaths, default=None),
        ),
        taken=frozenset(taken),
    )


def questions_about(survivor: RecordFacts, duplicate: RecordFacts) -> tuple[Question, ...]:
    """Return what only a person can decide of two records' facts."""
    differ = {
        Question.NHS_NUMBER: (survivor.nhs_number, duplicate.nhs_number),
        Question.BIRTH_DATE: (survivor.date_of_birth, duplicate.date_of_birth),
    }
    return tuple(
        question
        for question, (one, other) in differ.items()
        if one is not None and other is not None and one != other
    )


def _is_taken(
    ours: object, theirs: object, question: Question | None, decisions: Decisions
) -> bool:
    if theirs is None or theirs == ours:
        return False
    return ours is None or (question is not None and decisions.get(question) is Side.DUPLICATE)
