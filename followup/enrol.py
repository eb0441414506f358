"""Enrolling a patient: checked whole, shown as a dated timeline, written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.clinic import Clinic
from followup.domain.confirmed import Confirmed
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, Problem
from followup.domain.needs import Need
from followup.domain.protocol import Protocol
from followup.domain.timeline import PlannedMessage, Procedure, plan
from followup.kit import Handbook, Kit
from followup.needs import ask_for_help
from followup.number_check import keep_confirmed, said_of
from followup.page_links import open_page
from followup.planning import Timeline, add_generations
from followup.store import patients
from followup.store.audit_log import Deed, Entry, record
from followup.store.models import Enrolment, Message, Patient
from followup.store.patients import Person
from followup.store.types import new_id
from followup.too_late import ask_to_ring

AHEAD = timedelta(days=7)
BEHIND = timedelta(days=42)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A wish to enrol, in normalised values: `procedure_at` aware, contacts as `Person` has them.

    `attributes` are as they came and checked against the protocol; `channels` are those that the
    patient agreed to; `number` is how staff made sure of the mobile number, if anybody did.
    """

    clinic: str
    protocol: str
    reference: str | None
    procedure_at: datetime
    attributes: dict[str, object]
    person: Person
    channels: tuple[ChannelKind, ...]
    number: Confirmed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What came of it; `created` is false where the same reference was enrolled before."""

    enrolment_id: UUID
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A request that can be carried out, with its timeline."""

    request: Request
    clinic: Clinic
    protocol: Protocol
    attributes: dict[str, bool]
    procedure: Procedure
    timeline: tuple[PlannedMessage, ...]


def check(kit: Handbook, request: Request) -> Checked:
    """Return the request with its timeline; raise `InvalidInput` with all that is wrong with it."""
    problems: list[Problem] = []
    clinic = kit.catalogue.clinics.get(request.clinic)
    if clinic is None:
        problems.append(_unknown("clinic", request.clinic, kit.catalogue.clinics))
    protocol = kit.catalogue.protocols.get(request.protocol)
    attributes: dict[str, bool] = {}
    if protocol is None:
        problems.append(_unknown("protocol", request.protocol, kit.catalogue.protocols))
    else:
        try:
            attributes = protocol.check_attributes(request.attributes)
        except InvalidInput as error:
            problems.extend(error.problems)
    problems.extend(wrong_time(request.procedure_at, now=kit.clock.now()))
    problems.extend(_unreachable(request))
    if clinic is not None and request.person.language not in clinic.languages:
        problems.append(
            Problem(
                "patient.language",
                f"{clinic.name} writes in {', '.join(clinic.languages)}; choose one of these",
            )
        )
    if problems or clinic is None or protocol is None:
        raise InvalidInput(*problems)
    procedure = Procedure(at=request.procedure_at.astimezone(UTC), zone=clinic.zone)
    timeline = plan(
        protocol,
        procedure,
        attributes=attributes,
        enrolled_at=kit.clock.now(),
        hours=clinic.sending_hours,
    )
    return Checked(
        request=request,
        clinic=clinic,
        protocol=protocol,
        attributes=attributes,
        procedure=procedure,
        timeline=timeline,
    )


def enrol(kit: Kit, request: Request, *, actor: str) -> Enrolled:
    """Enrol a patient, once per reference.

    Raises `InvalidInput` for a request that can't be carried out, `AlreadyEnrolled` where the
    patient has this procedure under another reference, and `Conflict` where the reference belongs
    to another patient.
    """
    checked = check(kit, request)
    # Where somebody enrols the same patient at the same moment, `transact` runs it again, and then
    # theirs is there to be found.
    return kit.store.transact(lambda session: enrol_in(session, kit, checked, actor=actor))


def foresee(session: Session, kit: Kit, checked: Checked) -> UUID | None:
    """Return the enrolment that is there already, or None where there would be a new one.

    Raises what `enrol` would raise, and writes nothing.
    """
    patient = patients.find_by_identity(
        session, kit.keyring.indexes, checked.request.person, clinic=checked.request.clinic
    )
    already = _already(session, checked, patient)
    if already is None and patient is not None:
        _must_be_alive(patient)
    return already


def enrol_in(session: Session, kit: Kit, checked: Checked, *, actor: str) -> Enrolled:
    """Enrol a patient within a transaction; raises what `enrol` does, but for `InvalidInput`."""
    request, deed = checked.request, kit.deed(actor)
    patient = patients.find_by_identity(
        session, kit.keyring.indexes, request.person, clinic=request.clinic
    )
    already = _already(session, checked, patient)
    if already is not None:
        return Enrolled(enrolment_id=already, created=False)
    patient = _write_patient(session, kit, patient, request, deed=deed)
    keep_confirmed(session, kit, deed, patient, request.number)
    enrolment = new_enrolment(kit, checked, patient, deed=deed)
    session.add(enrolment)
    session.flush()
    timelines = [timeline_of(enrolment, checked)]
    add_generations(session, kit, timelines, deed=deed)
    record(session, deed, created(enrolment, checked))
    ask_to_ring(session, kit, deed, timelines)
    needs = request.person.needs
    ask_for_help(session, kit, deed, patient, needs, enrolment_id=enrolment.id)
    return Enrolled(enrolment_id=enrolment.id, created=True)


def new_enrolment(kit: Kit, checked: Checked, patient: Patient, *, deed: Deed) -> Enrolment:
    """Return the row of an enrolment with a page of its own, still to be written."""
    request = checked.request
    enrolment = Enrolment(
        id=new_id(deed.real_at),
        clinic=request.clinic,
        protocol=request.protocol,
        protocol_version=checked.protocol.version,
        reference=request.reference,
        patient_id=patient.id,
        procedure_at=checked.procedure.at,
        zone=checked.clinic.zone.key,
        attributes=dict(checked.attributes),
        channels=[channel.value for channel in request.channels],
        state="active",
        generation=1,
        created_at=deed.at,
        created_by=deed.actor,
    )
    open_page(kit, enrolment, patient, checked.timeline)
    return enrolment


def timeline_of(enrolment: Enrolment, checked: Checked) -> Timeline:
    """Return the first timeline of an enrolment."""
    return Timeline(
        enrolment=enrolment,
        protocol=checked.protocol,
        messages=checked.timeline,
        reachable=checked.request.channels,
    )


def created(enrolment: Enrolment, checked: Checked) -> Entry:
    """Return what the audit trail says of a new enrolment."""
    return Entry(
        action="enrolment.created",
        clinic=enrolment.clinic,
        patient_id=enrolment.patient_id,
        enrolment_id=enrolment.id,
        detail={
            "protocol": enrolment.protocol,
            "messages": len(checked.timeline),
            **said_of(checked.request.number),
        },
    )


def _already(session: Session, checked: Checked, patient: Patient | None) -> UUID | None:
    """Return the enrolment that has this reference; raise if it or the procedure clashes."""
    request = checked.request
    if request.reference is not None:
        there = session.scalar(
            select(Enrolment).where(
                Enrolment.clinic == request.clinic, Enrolment.reference == request.reference
            )
        )
        if there is not None:
            if patient is None or there.patient_id != patient.id:
                message = (
                    f"the reference {request.reference} belongs to enrolment {there.id}, of "
                    "another patient; give this one a reference of its own"
                )
                raise Conflict(message)
            return there.id
    if patient is not None:
        same = session.scalar(
            select(Enrolment.id).where(
                Enrolment.patient_id == patient.id,
                Enrolment.protocol == request.protocol,
                Enrolment.procedure_at == checked.procedure.at,
                Enrolment.state != "withdrawn",
            )
        )
        if same is not None:
            raise AlreadyEnrolled(same)
    return None


def _write_patient(
    session: Session, kit: Kit, patient: Patient | None, request: Request, *, deed: Deed
) -> Patient:
    if patient is None:
        patient = patients.add(
            session, kit.keyring, request.person, clinic=request.clinic, at=deed.at
        )
        # The rows that follow refer to it.
        session.flush()
        return patient
    _must_be_alive(patient)
    changed = patients.update(patient, kit.keyring, request.person)
    if changed:
        record(
            session,
            deed,
            Entry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed)},
            ),
        )
    return patient


def _must_be_alive(patient: Patient) -> None:
    if patient.deceased_at is not None:
        message = "this patient is recorded as having died; if that is wrong, correct it first"
        raise Conflict(message)


def _unknown(field: str, given: str, known: Iterable[str]) -> Problem:
    names = ", ".join(sorted(known))
    return Problem(field, f"there is no {field} {given!r}; choose one of: {names}")


def wrong_time(procedure_at: datetime, *, now: datetime) -> list[Problem]:
    """Return what is wrong with a procedure time: naive, too far ahead, too long ago."""
    field = "procedure_at"
    if procedure_at.tzinfo is None:
        return [Problem(field, "the time has no offset; write it like 2026-10-23T14:30:00+01:00")]
    if procedure_at > now + AHEAD:
        return [
            Problem(field, f"this is more than {AHEAD.days} days ahead; enrol nearer to the day")
        ]
    if procedure_at < now - BEHIND:
        return [
            Problem(field, f"this is more than {BEHIND.days} days ago: no advice would be useful")
        ]
    return []


def _unreachable(request: Request) -> list[Problem]:
    no_texts = Need.NO_TEXTS in request.person.needs
    if no_texts and ChannelKind.SMS in request.channels:
        return [Problem("channels", "texts are of no use to this patient: leave sms out")]
    # Whom nothing reaches, a person rings: see `followup.needs`.
    if not request.channels and not (no_texts and request.person.email is None):
        return [Problem("channels", "name at least one of sms, email")]
    return [
        Problem(
            f"patient.{'mobile' if channel is ChannelKind.SMS else 'email'}",
            f"needed because {channel.value} is among the channels",
        )
        for channel in request.channels
        if request.person.address(channel) is None
    ]


def message_rows(session: Session, enrolment_id: UUID) -> Sequence[Message]:
    """Return the messages of an enrolment, of all generations, in the order they fall due."""
    return session.scalars(
        select(Message)
        .where(Message.enrolment_id == enrolment_id)
        .order_by(Message.due_at, Message.id)
    ).all()
