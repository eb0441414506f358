"""FHIR searches: parameters read strictly, and pages of what they find, by id.

Ids begin with the time at which a row was made, so pages stay as they are while new rows come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    and_,
    exists,
    false,
    literal_column,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.selectable import Select

from followup.context import AppContext
from followup.domain.errors import InvalidInput, Problem
from followup.domain.lifecycle import State
from followup.fhir.codes import EVENT_STATUS, NHS_NUMBER, REQUEST_STATUS, Systems
from followup.fhir.dates import DateSearch, parse_date_search
from followup.fhir.messages import (
    CALLED,
    Resources,
    communication_requests,
    of_a_patient,
    received_communications,
    sent_communications,
    systems_of,
)
from followup.fhir.patients import patient_resource
from followup.fhir.resources import EventStatus
from followup.patients.merged import merged_into
from followup.patients.records import read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient

PAGE = 50
LONGEST_PAGE = 200

Parameters = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is asked for: every condition must hold; the values of one are alternatives.

    `patients` and `ids` None is any; `after` is the last id of the page before. `clinic` None is
    every clinic.
    """

    clinic: str | None
    ids: frozenset[UUID] | None = None
    patients: frozenset[UUID] | None = None
    statuses: tuple[frozenset[str], ...] = ()
    dates: Mapping[str, tuple[tuple[DateSearch, ...], ...]] = field(default_factory=dict)
    group: tuple[tuple[str, str], ...] = ()
    nhs_numbers: tuple[str, ...] = ()
    count: int = PAGE
    after: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was found, in order, and whether there is more."""

    found: list[tuple[UUID, dict[str, Any]]]
    more: bool


DATES = {
    "Communication": ("_lastUpdated", "sent", "received"),
    "CommunicationRequest": ("_lastUpdated", "occurrence", "authored"),
    "Patient": (),
}
COMMON = ("_id", "_count", "_format", "_page")
PARAMETERS: dict[str, tuple[str, ...]] = {
    "Communication": (*COMMON, "patient", "subject", "status", *DATES["Communication"]),
    "CommunicationRequest": (
        *COMMON,
        "patient",
        "subject",
        "status",
        "group-identifier",
        *DATES["CommunicationRequest"],
    ),
    "Patient": (*COMMON, "identifier"),
}
"""The search parameters of each kind of resource; `_page` is ours, from the link to the next."""
SENT_PARAMETERS: dict[str, tuple[str, ...]] = {
    "Appointment": ("_id", "_format", "identifier", "patient"),
    "Patient": ("_id", "_format", "identifier"),
    "Procedure": ("_id", "_format", "identifier", "patient", "subject"),
}
"""Likewise of what hospitals sent, for the keys that sent it."""

CODES = {
    "Communication": frozenset(EVENT_STATUS.values()),
    "CommunicationRequest": frozenset(REQUEST_STATUS.values()),
}


def parse_search(
    kind: str, given: Parameters, *, clinic: str | None, lenient: bool, systems: Systems
) -> Search:
    """Return what is asked for; raise `InvalidInput` with every parameter that can't be used.

    A parameter that is not known is refused, unless the caller asked to be `lenient`: leaving a
    condition out finds more patients than were meant.
    """
    values: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for name, value in given:
        if name in PARAMETERS[kind]:
            values.setdefault(name, []).append(value)
        elif not lenient:
            known = ", ".join(sorted(PARAMETERS[kind]))
            problems.append(Problem(name, f"{kind} can be searched by: {known}"))

    def read(name: str, how: Callable[[str], Any]) -> list[Any]:
        try:
            return [how(value) for value in values.get(name, ())]
        except InvalidInput as error:
            problems.extend(error.problems)
            return []

    def ids(name: str, *, of: str = "") -> list[frozenset[UUID]]:
        return read(name, lambda value: _ids(value, name=name, of=of))

    counts = read("_count", _count)
    search = Search(
        clinic=clinic,
        ids=_all(ids("_id")),
        patients=_all([*ids("patient", of="Patient"), *ids("subject", of="Patient")]),
        statuses=tuple(read("status", lambda value: _statuses(kind, value))),
        dates={name: tuple(read(name, _dates(name))) for name in DATES[kind]},
        group=tuple(read("group-identifier", lambda value: _group(value, systems))),
        nhs_numbers=tuple(read("identifier", _nhs_number)),
        count=min(counts[-1] if counts else PAGE, LONGEST_PAGE),
        after=next(iter(_all(ids("_page")) or ()), None),
    )
    if problems:
        raise InvalidInput(*problems)
    return search


def _ids(value: str, *, name: str, of: str) -> frozenset[UUID]:
    texts = [part.strip() for part in value.split(",")]
    bare = [text.rpartition("/")[2] if f"{of}/" in text and of else text for text in texts]
    found = {_uuid(text) for text in bare} - {None}
    # An id that can't be one of ours finds nothing, as any other that is not there.
    if not any(texts):
        raise InvalidInput.of(name, f"give an id{f', as in {of}/…' if of else ''}")
    return frozenset(one for one in found if one is not None)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _all(sets: Sequence[frozenset[UUID]]) -> frozenset[UUID] | None:
    return frozenset.intersection(*sets) if sets else None


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not value.strip("0") or len(value) > 9:  # noqa: PLR2004
        raise InvalidInput.of("_count", f"give a whole number from 1 to {LONGEST_PAGE}")
    return int(value)


def _statuses(kind: str, value: str) -> frozenset[str]:
    wanted = frozenset(part.strip() for part in value.split(","))
    if not wanted <= CODES[kind]:
        raise InvalidInput.of("status", f"choose from: {', '.join(sorted(CODES[kind]))}")
    return wanted


def _dates(name: str) -> Callable[[str], tuple[DateSearch, ...]]:
    return lambda value: tuple(parse_date_search(part, name=name) for part in value.split(","))


def _group(value: str, systems: Systems) -> tuple[str, str]:
    """Return the clinic and its reference, of a value such as `SYSTEM|REFERENCE`."""
    system, bar, reference = value.partition("|")
    before, after = systems.reference("\0").split("\0")
    clinic = system.removeprefix(before).removesuffix(after)
    if not bar or not reference or system != systems.reference(clinic):
        raise InvalidInput.of(
            "group-identifier", f"write it as {systems.reference('CLINIC')}|REFERENCE"
        )
    return clinic, reference


def _nhs_number(value: str) -> str:
    system, bar, number = value.partition("|")
    if not bar or system != NHS_NUMBER or not number.strip():
        raise InvalidInput.of("identifier", f"write it as {NHS_NUMBER}|NUMBER")
    return "".join(number.split())


# --------------------------------------------------------------------------------- finding


def find_page(session: Session, app: AppContext, kind: str, search: Search) -> Page:
    """Return a page of what is asked for."""
    ids = list(session.scalars(_QUERIES[kind](app, search)))
    more, ids = len(ids) > search.count, ids[: search.count]
    found = resources_of(session, app, kind, ids)
    return Page(found=[(id_, found[id_]) for id_ in ids if id_ in found], more=more)


def find_one(
    session: Session, app: AppContext, kind: str, id_: UUID, *, clinic: str | None
) -> dict[str, Any] | None:
    """Return one resource as JSON, or None where there is none that the caller may see."""
    search = Search(clinic=clinic, ids=frozenset({id_}), count=1)
    return next((resource for _, resource in find_page(session, app, kind, search).found), None)


def _is_shown(of: InstrumentedAttribute[UUID | None]) -> ColumnElement[bool]:
    """Return the condition that what is somebody's is not restricted (Article 18)."""
    return ~exists().where(Patient.id == of, Patient.restricted_at.is_not(None))


def resources_of(session: Session, app: AppContext, kind: str, ids: Sequence[UUID]) -> Resources:
    """Return the resources of these ids."""
    if kind == "Patient":
        systems = systems_of(app)
        rows = session.scalars(select(Patient).where(Patient.id.in_(ids))).all()
        people = [(row, read_patient(row, app.keyring)) for row in rows]
        merged = merged_into(session, ids)
        return {
            row.id: patient_resource(app, systems, row, person, merged=merged.get(row.id, ()))
            for row, person in people
            if person is not None and row.restricted_at is None
        }
    messages = session.scalars(
        select(Message).where(Message.id.in_(ids), _is_shown(Message.patient_id))
    ).all()
    if kind == "CommunicationRequest":
        return communication_requests(session, app, messages)
    texts = session.scalars(
        select(InboundMessage).where(
            InboundMessage.id.in_(ids), _is_shown(InboundMessage.patient_id)
        )
    ).all()
    return sent_communications(session, app, messages) | received_communications(
        session, app, texts
    )


def _requests(_app: AppContext, search: Search) -> Select[UUID]:
    conditions = [
        of_a_patient(),
        *_common(search, Message.id, Message.clinic, Message.patient_id),
        *_in_states(search, REQUEST_STATUS),
        *_in_time(search, "_lastUpdated", Message.state_since),
        *_in_time(search, "occurrence", Message.due_at),
        *_in_time(search, "authored", Message.created_at),
    ]
    for clinic, reference in search.group:
        of_it = select(Enrolment.id).where(
            Enrolment.clinic == clinic, Enrolment.reference == reference
        )
        conditions.append(Message.enrolment_id.in_(of_it))
    return select(Message.id).where(*conditions).order_by(Message.id).limit(search.count + 1)


def _communications(_app: AppContext, search: Search) -> Select[UUID]:
    sent = select(Message.id).where(
        of_a_patient(),
        Message.state.in_(CALLED),
        *_common(search, Message.id, Message.clinic, Message.patient_id),
        *_in_states(search, EVENT_STATUS),
        *_in_time(search, "_lastUpdated", Message.state_since),
        *_in_time(search, "sent", Message.sent_at),
        *_in_time(search, "received", Message.delivered_at),
    )
    received = (
        select(InboundMessage.id)
        .join(Patient, Patient.id == InboundMessage.patient_id)
        .where(
            *_common(search, InboundMessage.id, Patient.clinic, InboundMessage.patient_id),
            *(true() if EventStatus.COMPLETED in wanted else false() for wanted in search.statuses),
            *([false()] if search.dates.get("sent") else []),
            *_in_time(search, "_lastUpdated", InboundMessage.received_at),
            *_in_time(search, "received", InboundMessage.received_at),
        )
    )
    # Each part is cut by itself, so that neither is read to its end for one page.
    limit = search.count + 1
    parts = (
        select(part.order_by(literal_column("1")).limit(limit).subquery().c.id)
        for part in (sent, received)
    )
    both = union_all(*parts).subquery()
    return select(both.c.id).order_by(both.c.id).limit(limit)


def _patients(app: AppContext, search: Search) -> Select[UUID]:
    indexes = app.keyring.indexes
    conditions = [
        Patient.data_key.is_not(None),
        *_common(search, Patient.id, Patient.clinic, Patient.id),
        *(
            Patient.nhs_number_index == indexes.of("nhs number", number)
            for number in search.nhs_numbers
        ),
    ]
    return select(Patient.id).where(*conditions).order_by(Patient.id).limit(search.count + 1)


_QUERIES: dict[str, Callable[[AppContext, Search], Select[UUID]]] = {
    "Communication": _communications,
    "CommunicationRequest": _requests,
    "Patient": _patients,
}
KINDS = tuple(_QUERIES)


def _common(
    search: Search,
    id_: InstrumentedAttribute[UUID],
    clinic: InstrumentedAttribute[str],
    patient: InstrumentedAttribute[Any],
) -> Iterator[ColumnElement[bool]]:
    if search.clinic is not None:
        yield clinic == search.clinic
    if search.ids is not None:
        yield id_.in_(search.ids)
    if search.patients is not None:
        yield patient.in_(search.patients)
    if search.after is not None:
        yield id_ > search.after


def _in_states(search: Search, statuses: Mapping[State, str]) -> Iterator[ColumnElement[bool]]:
    for wanted in search.statuses:
        yield Message.state.in_([state.value for state in statuses if statuses[state] in wanted])


def _in_time(
    search: Search, name: str, column: InstrumentedAttribute[Any]
) -> Iterator[ColumnElement[bool]]:
    for alternatives in search.dates.get(name, ()):
        yield and_(column.is_not(None), or_(*(one.condition(column) for one in alternatives)))
