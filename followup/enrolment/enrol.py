"""Enrolment of a patient: checked whole, shown as a dated timeline, written in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.consent.in_force import (
    Addresses,
    ObjectionsInForce,
    addresses_given,
    addresses_of,
    objections_of_people,
)
from followup.content.handbook import ContentContext
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.errors import (
    AlreadyEnrolled,
    Conflict,
    ContentDiffers,
    EnrolledThatDay,
    EnrolmentEnded,
    InvalidInput,
    Problem,
)
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.lifecycle import EnrolmentState
from followup.domain.needs import ReadingNeed
from followup.domain.number_confirmation import NumberConfirmation
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.timeline import PlannedMessage, end_timeline, plan_timeline
from followup.domain.protocols.timing import Procedure
from followup.enrolment.existing import goes_on_in, merged_enrolments
from followup.enrolment.finish import finish_due_at
from followup.enrolment.identity_question import hold_if_asked
from followup.enrolment.message_rows import TimelineRows, add_generations
from followup.enrolment.missed_steps import ask_to_call
from followup.enrolment.next_procedure import (
    OlderFollowUp,
    end_older_follow_ups,
    next_procedure,
    older_follow_ups,
)
from followup.enrolment.number_verification import keep_confirmed, verification_note
from followup.enrolment.objections import heed_objections
from followup.enrolment.page_tokens import make_page_token
from followup.enrolment.pause import waits_for_identity
from followup.enrolment.reading_needs import ask_for_help
from followup.enrolment.received import (
    LANGUAGE,
    PROTOCOL,
    TIME,
    Received,
    differences,
    marks_of,
    read_content,
)
from followup.patients import records as patients
from followup.patients.match import Match, PatientKey, lock_people, match_person
from followup.patients.merged import records_of
from followup.patients.records import Person
from followup.releases.reviews import require_enrollable
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.wording.enrolments import HELD
from followup.wording.objections import objection_text

LONGEST_AGO = timedelta(days=42)
DAY = timedelta(days=1)
OTHER_PROTOCOL = (
    "An enrolment can't change its protocol: end that one, and enrol the patient under another "
    "reference"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentRequest:
    """A request to enrol, normalised: `procedure_at` aware, contacts as `Person` has them.

    `attributes` are as they came and checked against the protocol; `channels` are those that the
    patient agreed to; `number` is how staff made sure of the mobile number, if anybody did.
    `assumed` are the fields that the sender left out and that were filled in, as dotted paths.
    """

    clinic: str
    protocol: str
    reference: str | None
    procedure_at: datetime
    attributes: dict[str, object]
    person: Person
    channels: tuple[ChannelKind, ...]
    number: NumberConfirmation | None = None
    assumed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """What came of it; `created` is false where it was enrolled before.

    `objection` is what the patient wants no more of, and will not be sent. `updated` are the fields
    of an enrolment that was there, as dotted paths, to which what was sent was applied; `reopened`
    is one that had been ended. `held` is one of somebody who may be a patient that is there:
    nothing is sent until a person has said so. `joined` are older follow-ups of the patient, which
    end where the new one begins.
    """

    enrolment_id: UUID
    created: bool
    objection: EnrolmentObjection | None = None
    updated: tuple[str, ...] = ()
    reopened: bool = False
    held: bool = False
    joined: tuple[OlderFollowUp, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever enrolled is told besides."""
        return notes_of(self.joined, held=self.held)

    @property
    def changed(self) -> bool:
        """Whether an enrolment that was there is another one now."""
        return self.reopened or bool(self.updated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What would come of it: `enrolment_id` is the enrolment that is there already.

    With `changes` that one would be changed: in the fields `updates`, or by being opened again.
    `held` and `joined` are as of `Enrolled`.
    """

    enrolment_id: UUID | None = None
    objection: EnrolmentObjection | None = None
    updates: tuple[str, ...] = ()
    changes: bool = False
    held: bool = False
    joined: tuple[OlderFollowUp, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever enrols is to be told besides."""
        return notes_of(self.joined, held=self.held)


def notes_of(joined: Iterable[OlderFollowUp], *, held: bool) -> tuple[str, ...]:
    """Return the sentences that tell of both."""
    return (*((HELD,) if held else ()), *(each.sentence for each in joined))


@dataclass(frozen=True, kw_only=True)
class CheckedEnrolment:
    """A request that can be carried out; its timeline ends at `until`, if at all."""

    request: EnrolmentRequest
    clinic: Clinic
    protocol: Protocol
    attributes: dict[str, bool]
    procedure: Procedure
    at: datetime
    until: datetime | None = None

    @cached_property
    def timeline(self) -> tuple[PlannedMessage, ...]:
        """The messages that the protocol asks for: worked out once somebody asks for them."""
        planned = plan_timeline(
            self.protocol,
            self.procedure,
            attributes=self.attributes,
            enrolled_at=self.at,
            hours=self.clinic.sending_hours,
        )
        return end_timeline(planned, self.until)

    @property
    def content(self) -> Received:
        """What the request says, to be compared with what is there."""
        return read_content(
            protocol=self.request.protocol,
            procedure_at=self.procedure.at,
            attributes=self.attributes,
            person=self.request.person,
            channels=self.request.channels,
            assumed=self.request.assumed,
        )


def check_request(app: ContentContext, request: EnrolmentRequest) -> CheckedEnrolment:
    """Return the request with its timeline; raise `InvalidInput` with all that is wrong with it."""
    problems: list[Problem] = []
    now = app.clock.now()
    clinic = app.catalogue.clinics.get(request.clinic)
    if clinic is None:
        problems.append(_unknown("clinic", request.clinic, app.catalogue.clinics))
    protocol = app.catalogue.protocols.get(request.protocol)
    attributes: dict[str, bool] = {}
    if protocol is None:
        problems.append(_unknown("protocol", request.protocol, app.catalogue.protocols))
    else:
        try:
            attributes = protocol.check_attributes(request.attributes)
        except InvalidInput as error:
            problems.extend(error.problems)
    problems.extend(wrong_time(request.procedure_at, now=now))
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
    return CheckedEnrolment(
        request=request,
        clinic=clinic,
        protocol=protocol,
        attributes=attributes,
        procedure=Procedure(at=request.procedure_at.astimezone(UTC), zone=clinic.zone),
        at=now,
    )


def enrol(app: AppContext, request: EnrolmentRequest, *, actor: str, asks: bool = True) -> Enrolled:
    """Enrol a patient, once per reference; the same content again changes nothing.

    Raises `InvalidInput` for a request that can't be carried out, `EnrolmentClash` where an
    enrolment is there that differs, was ended, or has another reference, and `Conflict` where the
    reference belongs to another patient. To apply what differs there is `enrol_or_update`. `asks`
    is false where nobody is there to be asked about an objection.
    """
    checked = check_request(app, request)
    # Where somebody enrols the same patient at the same moment, `transact` runs it again, and then
    # theirs is there to be found.
    return app.transact(actor, lambda unit: enrol_in(unit, checked, asks=asks))


def dry_run(
    session: Session,
    app: AppContext,
    checked: CheckedEnrolment,
    *,
    in_force: ObjectionsInForce | None = None,
) -> Foreseen:
    """Return what would come of it; `in_force` are the objections, where they are known.

    Raises what `enrol` would raise, and writes nothing.
    """
    if in_force is None:
        in_force = objections_to(session, app, [checked.request])
    already = _by_reference(session, app, checked, in_force)
    if already is not None:
        return Foreseen(enrolment_id=already.enrolment_id, objection=already.objection)
    match = match_person(
        session, app.keyring, checked.request.person, clinic=checked.request.clinic
    )
    patient = match.patient
    _must_be_new(session, app, checked, match, in_force)
    if patient is not None:
        must_be_alive(patient)
    require_enrollable(session, app, checked.request.clinic, checked.request.protocol)
    foreseen = foresee_new(app, checked.request, patient, in_force)
    held = match.alike is not None or (
        patient is not None and waits_for_identity(session, patient.id)
    )
    joined = (
        older_follow_ups(session, patient.id, procedure_at=checked.procedure.at) if patient else ()
    )
    return replace(foreseen, held=held, joined=tuple(joined))


def foresee_new(
    app: AppContext,
    request: EnrolmentRequest,
    patient: Patient | None,
    in_force: ObjectionsInForce,
) -> Foreseen:
    """Return what would come of an enrolment that nothing is there of."""
    given = addresses_given(app.keyring.indexes, request.person)
    # A contact detail that is left out is kept.
    kept: Addresses = {} if patient is None else addresses_of(patient)
    return Foreseen(
        objection=in_force.against(
            request.channels,
            patient_id=None if patient is None else patient.id,
            addresses={channel: index or kept.get(channel) for channel, index in given.items()},
        )
    )


def objections_to(
    session: Session,
    app: AppContext,
    requests: Iterable[EnrolmentRequest],
    keys: Collection[PatientKey] | None = None,
) -> ObjectionsInForce:
    """Return the objections in force that bear on requests: one query, however many they are.

    `keys` are by what their people are known, where that was worked out.
    """
    people = ((request.clinic, request.person) for request in requests)
    return objections_of_people(session, app.keyring.indexes, people, keys)


def enrol_in(
    unit: UnitOfWork,
    checked: CheckedEnrolment,
    *,
    in_force: ObjectionsInForce | None = None,
    asks: bool = True,
) -> Enrolled:
    """Enrol a patient within a transaction; raises what `enrol` does, but for `InvalidInput`."""
    session, app, request = unit.session, unit.app, checked.request
    lock_people(session, app.keyring.indexes, [(request.clinic, request.person)])
    if in_force is None:
        in_force = objections_to(session, app, [request])
    already = _by_reference(session, app, checked, in_force)
    if already is not None:
        return already
    match = match_person(session, app.keyring, request.person, clinic=request.clinic)
    _must_be_new(session, app, checked, match, in_force)
    require_enrollable(session, app, request.clinic, request.protocol)
    patient = _write_patient(unit, match, request)
    keep_confirmed(unit, patient, request.number)
    # Of somebody who is new there is no other procedure, and nothing that is asked.
    known = match.patient is not None
    checked = _until_next_procedure(session, checked, match.patient)
    enrolment = new_enrolment(app, checked, patient, by=unit.by)
    session.add(enrolment)
    session.flush()
    timelines = [timeline_of(enrolment, checked)]
    add_generations(unit, timelines)
    record_event(session, unit.by, new_enrolments(enrolment, checked))
    ask_to_call(unit, timelines)
    needs = request.person.needs
    ask_for_help(unit, patient, needs, enrolment_id=enrolment.id)
    objection = heed_objections(unit, enrolment, patient, in_force, asks=asks)
    held = (known or match.alike is not None) and hold_if_asked(
        unit, enrolment, patient, alike=match.alike
    )
    return Enrolled(
        enrolment_id=enrolment.id,
        created=True,
        objection=objection,
        held=held,
        joined=end_older_follow_ups(unit, enrolment) if known else (),
    )


def _until_next_procedure(
    session: Session, checked: CheckedEnrolment, patient: Patient | None
) -> CheckedEnrolment:
    """Return an enrolment whose timeline ends where that of a newer procedure begins."""
    if patient is None:
        return checked
    until = next_procedure(session, patient.id, after=checked.procedure.at)
    return replace(checked, until=until)


def new_enrolment(
    app: AppContext, checked: CheckedEnrolment, patient: Patient, *, by: AuditContext
) -> Enrolment:
    """Return the row of an enrolment with a page of its own, still to be written."""
    request = checked.request
    enrolment = Enrolment(
        id=new_id(by.real_at),
        clinic=request.clinic,
        protocol=request.protocol,
        protocol_version=checked.protocol.version,
        reference=request.reference,
        patient_id=patient.id,
        procedure_at=checked.procedure.at,
        zone=checked.clinic.zone.key,
        attributes=dict(checked.attributes),
        channels=[channel.value for channel in request.channels],
        state=EnrolmentState.ACTIVE.value,
        finish_due_at=finish_due_at(checked.procedure.at, checked.timeline),
        generation=1,
        created_at=by.at,
        created_by=by.actor,
    )
    enrolment.received = marks_of(app, enrolment.id, checked.content)
    make_page_token(app, enrolment, patient, checked.timeline)
    return enrolment


def timeline_of(enrolment: Enrolment, checked: CheckedEnrolment) -> TimelineRows:
    """Return the first timeline of an enrolment."""
    return TimelineRows(
        enrolment=enrolment,
        protocol=checked.protocol,
        messages=checked.timeline,
        reachable=checked.request.channels,
    )


def new_enrolments(enrolment: Enrolment, checked: CheckedEnrolment) -> AuditEntry:
    """Return what the audit trail says of a new enrolment."""
    return AuditEntry(
        action="enrolment.created",
        clinic=enrolment.clinic,
        patient_id=enrolment.patient_id,
        enrolment_id=enrolment.id,
        detail={
            "protocol": enrolment.protocol,
            "messages": len(checked.timeline),
            **verification_note(checked.request.number),
        },
    )


def _by_reference(
    session: Session, app: AppContext, checked: CheckedEnrolment, in_force: ObjectionsInForce
) -> Enrolled | None:
    """Return the enrolment that has this reference; raise if it is another one."""
    request = checked.request
    if request.reference is None:
        return None
    there = session.scalar(
        select(Enrolment).where(
            Enrolment.clinic == request.clinic, Enrolment.reference == request.reference
        )
    )
    if there is None:
        return None
    there = goes_on_in(session, there)
    patient = session.get_one(Patient, there.patient_id)
    _must_be_same(session, app, there, request)
    _must_not_differ(session, app, there, patient, checked, by_reference=True)
    return _as_it_stands(there, patient, in_force)


def _must_be_new(
    session: Session,
    app: AppContext,
    checked: CheckedEnrolment,
    match: Match,
    in_force: ObjectionsInForce,
) -> None:
    """Raise where the patient has this procedure already, or one of that day.

    Who is the patient but for a birth date or a number, and has the procedure, is corrected.
    """
    patient = match.patient or (match.alike if match.but_for_details else None)
    if patient is None:
        return
    same = _of_that_day(session, patient, checked)
    if same is not None:
        _must_not_differ(session, app, same, patient, checked)
        objection = _as_it_stands(same, patient, in_force).objection
        told = objection_text(objection, ZoneInfo(same.zone)) if objection else ""
        raise AlreadyEnrolled(same.id, objection=objection, told=told)


def _must_be_same(
    session: Session, app: AppContext, there: Enrolment, request: EnrolmentRequest
) -> None:
    """Raise `Conflict` where a reference belongs to another patient; one erased is nobody."""
    known = [
        patients.read_patient(record, app.keyring)
        for record in records_of(session, there.patient_id)
    ]
    if not any(one and patients.may_be_same(one, request.person) for one in known):
        message = (
            f"the reference {request.reference} belongs to enrolment {there.id}, of another "
            "patient; give this one a reference of its own. If that enrolment was made for the "
            "wrong patient, end it first"
        )
        raise Conflict(message)


def _must_not_differ(
    session: Session,
    app: AppContext,
    there: Enrolment,
    patient: Patient,
    checked: CheckedEnrolment,
    *,
    by_reference: bool = False,
) -> None:
    """Raise what says how an enrolment that is there differs from the one that was sent."""
    if there.state == EnrolmentState.WITHDRAWN:
        raise EnrolmentEnded(there.id)
    person = patients.read_patient(patient, app.keyring)
    merged = merged_enrolments(session, there)
    fields = differences(app, there, person, checked.content, merged=merged) if person else ()
    if PROTOCOL in fields:
        raise ContentDiffers(there.id, fields, refused=OTHER_PROTOCOL)
    if TIME in fields and not by_reference:
        raise EnrolledThatDay(there.id, fields, at=f"{_local(there):%H:%M}")
    if fields:
        raise ContentDiffers(there.id, fields)


def _of_that_day(session: Session, patient: Patient, checked: CheckedEnrolment) -> Enrolment | None:
    """Return the patient's enrolment on the protocol that day, the one of that very time first."""
    at, zone = checked.procedure.at, checked.clinic.zone
    found = session.scalars(
        select(Enrolment).where(
            Enrolment.patient_id == patient.id,
            Enrolment.protocol == checked.request.protocol,
            Enrolment.procedure_at > at - DAY,
            Enrolment.procedure_at < at + DAY,
            Enrolment.state != EnrolmentState.WITHDRAWN.value,
        )
    ).all()
    day = at.astimezone(zone).date()
    same_day = [one for one in found if one.procedure_at.astimezone(zone).date() == day]
    return min(same_day, key=lambda one: abs(one.procedure_at - at), default=None)


def _local(enrolment: Enrolment) -> datetime:
    return enrolment.procedure_at.astimezone(ZoneInfo(enrolment.zone))


def _as_it_stands(enrolment: Enrolment, patient: Patient, in_force: ObjectionsInForce) -> Enrolled:
    objection = in_force.against(
        map(ChannelKind, enrolment.channels), patient_id=patient.id, addresses=addresses_of(patient)
    )
    return Enrolled(enrolment_id=enrolment.id, created=False, objection=objection)


def _write_patient(unit: UnitOfWork, match: Match, request: EnrolmentRequest) -> Patient:
    person, patient = match.person, match.patient
    if patient is None:
        return patients.add_patient(
            unit.session,
            unit.app.keyring,
            person,
            clinic=request.clinic,
            at=unit.by.at,
            may_be_another=match.alike is not None,
        )
    must_be_alive(patient)
    if LANGUAGE in request.assumed:
        person = replace(person, language=patient.language)
    changed = patients.update_patient(unit.session, patient, unit.app.keyring, person)
    if changed:
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="patient.changed",
                clinic=patient.clinic,
                patient_id=patient.id,
                detail={"fields": list(changed)},
            ),
        )
    return patient


def must_be_alive(patient: Patient) -> None:
    """Raise `Conflict` for a patient who is recorded as having died."""
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
    if procedure_at > now + LONGEST_AHEAD:
        return [
            Problem(
                field, f"this is more than {LONGEST_AHEAD.days} days ahead; enrol nearer to the day"
            )
        ]
    if procedure_at < now - LONGEST_AGO:
        return [
            Problem(
                field, f"this is more than {LONGEST_AGO.days} days ago: no advice would be useful"
            )
        ]
    return []


def _unreachable(request: EnrolmentRequest) -> list[Problem]:
    no_texts = ReadingNeed.NO_TEXTS in request.person.needs
    if no_texts and ChannelKind.SMS in request.channels:
        return [Problem("channels", "texts are of no use to this patient: leave sms out")]
    # Whom nothing reaches, a person rings: see `followup.enrolment.reading_needs`.
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
