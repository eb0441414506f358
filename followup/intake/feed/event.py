"""Events of a feed in the product's own words: who, which visit, what happened, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from followup.domain.errors import InvalidInput
from followup.domain.people.written_names import written_name
from followup.domain.sites.site import EventKind

DELETED: Final = None
"""What a fact says that the feed has deleted. A fact that is absent is left alone."""

Fact = str | bool | list[str] | None

PersonKey = str | UUID
"""How a feed names a person: as its site knows them, or by the id of what is known of them."""

STOPPED: Final = "stopped"
"""The status of a procedure that was begun and broken off: a person decides."""
NAME_LEFT_OUT: Final = "name-left-out"
LONGEST_NAME = 200
REMARKS: Final = "remarks"
"""The fact of a person that holds what was left out and is told once they are followed up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitKeys:
    """By what a site knows a visit: the number of the visit, and that of the appointment."""

    visit: str | None = None
    appointment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent:
    """One event. `stamp` orders events; `person_key` is how the feed names the person.

    `nhs_key` is how it would know them by the NHS number alone, where it gives that too.
    Facts of a person: name, nhs_number, date_of_birth, mobile, other_number, email, language, died,
    restricted. Facts of a visit: status, procedure, service, location, time.0, time.1 and so on,
    the most reliable first. Values are text, codes in lists, times in ISO form.
    """

    kind: EventKind
    stamp: str
    person_key: PersonKey
    nhs_key: str | None = None
    person: Mapping[str, Fact] = field(default_factory=dict)
    visit: VisitKeys | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    merged_key: PersonKey | None = None
    remarks: tuple[str, ...] = ()


def name_fact(sent: str, remarks: list[str]) -> Iterator[tuple[str, Fact]]:
    """Yield the fact of a name that was sent; of one that can't be right, a remark alone."""
    try:
        yield "name", written_name(sent)[:LONGEST_NAME]
    except InvalidInput:
        remarks.append(NAME_LEFT_OUT)


def stamp_of(
    happened_at: datetime, *, sent_at: datetime, sequence: str = "", control_id: str
) -> str:
    """Return what orders events: text that compares as the times in it do."""
    number = sequence if sequence.isdecimal() else "0"
    times = (at.astimezone(UTC).strftime("%Y%m%d%H%M%S.%f") for at in (happened_at, sent_at))
    return "|".join([*times, number.zfill(15)[-15:], control_id])
