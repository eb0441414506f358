"""Reschedule of an enrolment: a new generation of its timeline, in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, exists, select, true
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import (
    cancel_unsent,
    find_enrolment_for_change,
    must_be_open,
    must_go_on_by_itself,
    note_on_enrolment,
)
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput
from followup.domain.lifecycle import (
    DID_NOT_ARRIVE,
    MAY_HAVE_ARRIVED,
    ONGOING_STATES,
    EnrolmentState,
    State,
)
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.repetition import (
    BY_THE_RULE,
    GivenBefore,
    Key,
    RepetitionChoice,
    SentBefore,
    given_before,
    wrong_now,
)
from followup.domain.protocols.timeline import Fate, PlannedMessage, end_timeline, plan_timeline
from followup.domain.protocols.timing import Procedure
from followup.domain.reasons import Reason
from followup.enrolment.enrol import wrong_time
from followup.enrolment.existing import merged_enrolments
from followup.enrolment.finish import finish_due_at
from followup.enrolment.message_rows import add_generation
from followup.enrolment.missed_steps import ask_to_call_about, newly_missed
from followup.enrolment.next_procedure import end_follow_up, next_procedure
from followup.enrolment.page_tokens import extend_page_token
from followup.enrolment.pause import hold_messages
from followup.messages.correction_notice import (
    correction_waits_until,
    is_corrected,
    send_correction,
)
from followup.messages.opt_out import settle_stopped_advice
from followup.messages.view import utc_text
from followup.patients import records as patients
from followup.store.audit_log import AuditContext
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.wording.outlooks import repetition_text

Timeline = tuple[PlannedMessage, ...]

AFTER_CORRECTION = timedelta(minutes=15)
"""How long what is due at once waits for a correction, which says not to follow earlier advice."""

_ARRIVED = tuple(state.value for state in MAY_HAVE_ARRIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled:
    """A changed timeline: what is planned now, and what becomes of what was sent before.

    `received` is what is not repeated. After a move, `given` says why of each message that went out
    before, and `wrong` is the advice which the patient has and is not to follow yet; `correction`
    says whether they are told so.
    """

    timeline: Timeline
    received: frozenset[Key]
    given: Mapping[Key, GivenBefore] = field(default_factory=dict)
    wrong: Mapping[Key, PlannedMessage] = field(default_factory=dict)
    correction: bool = False
    too_late: frozenset[Key] = frozenset()
    """What was sent before, and has no time left by the new timeline."""
    correct_until: datetime | None = None
    """Until when a correction of an earlier move is of use that waits, and is planned again."""

    @property
    def to_come(self) -> int:
        """How many messages are still to go out."""
        return sum(planned.fate is Fate.PLANNED for planned in self.timeline)

    def told_of_before(self, zone: ZoneInfo) -> dict[str, object]:
        """Return, as JSON values, what is repeated and what is not, each with why."""
        told = [(_told(key, each, zone), each.again) for key, each in self.given.items()]
        return {
            "not_repeated": [one for one, again in told if not again],
            "repeated": [one for one, again in told if again],
            "correction": self.correction,
        }

    def note(self, *, before: datetime, to: datetime, generation: int) -> dict[str, object]:
        """Return what the audit trail says of it."""
        return {
            "from": before.isoformat(),
            "to": to.isoformat(),
            "generation": generation,
            "planned": len(self.timeline),
            "not_repeated": len(self.received),
            "corrected": self.correction,
        }


def _told(key: Key, given: GivenBefore, zone: ZoneInfo) -> dict[str, object]:
    step, occurrence = key
    return {
        "step": step,
        "occurrence": occurrence,
        "sent_at": utc_text(given.message.at),
        "known": given.known,
        "message": repetition_text(given, zone),
    }


def reschedule(
    app: AppContext,
    enrolment_id: UUID,
    procedure_at: datetime,
    *,
    actor: str,
    choice: RepetitionChoice = BY_THE_RULE,
) -> Rescheduled:
    """Plan an enrolment anew for another procedure time, in one transaction.

    Unsent messages are cancelled and planned afresh. What was sent before is given again or not by
    the rule (`followup.domain.protocols.repetition`) or by `choice`; a patient who has advice that
    is not for now yet is told so, and a person is asked about what is too late now. One that has
    finished is active again where something is to come. Raises `NotFound`, `InvalidInput` for a
    time that enrolment would refuse, and `Conflict` for an enrolment that was withdrawn.
    """
    return app.transact(
        actor, lambda unit: reschedule_in(unit, enrolment_id, procedure_at, choice=choice)
    )


def preview_reschedule(
    app: AppContext,
    enrolment_id: UUID,
    procedure_at: datetime,
    *,
    choice: RepetitionChoice = BY_THE_RULE,
) -> Rescheduled:
    """Return what `reschedule` would make, and change nothing."""
    with app.store.read() as session:
        enrolment = find_enrolment_for_change(session, enrolment_id)
        return move_timeline(session, app, enrolment, procedure_at, choice=choice)


def reschedule_in(
    unit: UnitOfWork,
    enrolment_id: UUID,
    procedure_at: datetime,
    *,
    choice: RepetitionChoice = BY_THE_RULE,
) -> Rescheduled:
    """Do what `reschedule` does, within a transaction."""
    session, by = unit.session, unit.by
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    changed = move_timeline(session, unit.app, enrolment, procedure_at, choice=choice)
    procedure_at = procedure_at.astimezone(UTC)
    must_be_free(session, enrolment, procedure_at)
    before = enrolment.procedure_at
    write_generation(
        unit,
        enrolment,
        changed,
        procedure_at=procedure_at,
        reason=Reason.RESCHEDULED,
    )
    tell_of_move(unit, enrolment, changed)
    note_on_enrolment(
        session,
        by,
        enrolment,
        "enrolment.rescheduled",
        detail=changed.note(before=before, to=procedure_at, generation=enrolment.generation),
    )
    reopen_finished(session, by, enrolment, changed)
    join_follow_ups(unit, patient_id=enrolment.patient_id)
    return changed


def reopen_in(unit: UnitOfWork, enrolment_id: UUID, procedure_at: datetime) -> Rescheduled:
    """Let an enrolment that was withdrawn go on, planned anew from now, within a transaction.

    For whoever knows that the reason to end it is gone: a cancelled procedure takes place after
    all, a death was recorded for the wrong patient. What was received is not repeated.
    """
    session, by = unit.session, unit.by
    enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
    must_go_on_by_itself(enrolment)
    if enrolment.state != EnrolmentState.WITHDRAWN:
        raise Conflict(f"enrolment {enrolment_id} was not withdrawn")
    must_be_free(session, enrolment, procedure_at)
    enrolment.state, enrolment.ended_at = EnrolmentState.ACTIVE.value, None
    enrolment.ended_reason_sealed = None
    changed = replan_timeline(session, unit.app, enrolment, procedure_at)
    write_generation(
        unit,
        enrolment,
        changed,
        procedure_at=procedure_at.astimezone(UTC),
        reason=Reason.PLANNED_AGAIN,
    )
    note_on_enrolment(
        session, by, enrolment, "enrolment.reopened", detail={"to_come": changed.to_come}
    )
    join_follow_ups(unit, patient_id=enrolment.patient_id)
    return changed


def tell_of_move(unit: UnitOfWork, enrolment: Enrolment, changed: Rescheduled) -> None:
    """Correct what the patient has and is not for now, and ask a person about what is too late."""
    if changed.correction:
        send_correction(
            unit,
            enrolment,
            until=min(planned.due_at for planned in changed.wrong.values()),
            reachable=_reachable(unit.session, unit.app, enrolment),
        )
    ask_to_call_about(unit, newly_missed(unit, enrolment))


def must_be_free(session: Session, enrolment: Enrolment, procedure_at: datetime) -> None:
    """Raise `AlreadyEnrolled` where another enrolment of the patient has that procedure time."""
    clash = session.scalar(
        select(Enrolment.id).where(
            Enrolment.patient_id == enrolment.patient_id,
            Enrolment.protocol == enrolment.protocol,
            Enrolment.procedure_at == procedure_at,
            Enrolment.id != enrolment.id,
            Enrolment.state != EnrolmentState.WITHDRAWN.value,
        )
    )
    if clash is not None:
        raise AlreadyEnrolled(clash)


def reopen_finished(
    session: Session, by: AuditContext, enrolment: Enrolment, changed: Rescheduled
) -> None:
    """Let an enrolment that had finished go on, if its new timeline has something to come."""
    if enrolment.state != EnrolmentState.FINISHED:
        return
    if changed.to_come:
        enrolment.state, enrolment.ended_at = EnrolmentState.ACTIVE.value, None
        note_on_enrolment(
            session, by, enrolment, "enrolment.reopened", detail={"to_come": changed.to_come}
        )
    else:
        enrolment.finish_due_at = None


def plan_again(unit: UnitOfWork, *, patient_id: UUID) -> int:
    """Plan again what an objection cancelled, once it is lifted; return how much is to come.

    What is past stays past, what was received is not repeated, and an enrolment of which nothing
    useful was cancelled is left as it is.
    """
    cancelled = (Message.state == State.CANCELLED.value) & (
        Message.reason == Reason.OBJECTION.value
    )
    enrolments = _still_useful(unit.session, unit.by, cancelled, patient_id=patient_id)
    to_come = sum(
        _plan_again(unit, enrolment, reason=Reason.PLANNED_AGAIN) for enrolment in enrolments
    )
    settle_stopped_advice(unit, patient_id)
    return to_come


def plan_lost_again(unit: UnitOfWork, *, patient_id: UUID) -> int:
    """Plan again what did not arrive, once an address is corrected; return how much is to come.

    As `plan_again` does. An enrolment that can't be planned anew, because its protocol has changed
    and asks for more, stays as it is, with the person who was asked about what failed.
    """
    lost = Message.state.in_([state.value for state in DID_NOT_ARRIVE])
    to_come = 0
    for enrolment in _still_useful(unit.session, unit.by, lost, patient_id=patient_id):
        with suppress(Conflict):
            to_come += _plan_again(unit, enrolment, reason=Reason.ADDRESS_CORRECTED)
    return to_come


def join_follow_ups(unit: UnitOfWork, *, patient_id: UUID) -> None:
    """End each follow-up of a patient where the next begins, and let it go on where none does now.

    That is after a procedure was moved, or its follow-up ended or opened again.
    """
    ongoing = unit.session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id, Enrolment.state.in_(ONGOING_STATES))
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()
    for each in ongoing:
        until = next_procedure(unit.session, patient_id, after=each.procedure_at)
        if until is not None:
            end_follow_up(unit, each, at=until)
        if _ended_too_early(unit, each, until):
            with suppress(Conflict):
                _plan_again(unit, each, reason=Reason.PLANNED_AGAIN)


def _ended_too_early(unit: UnitOfWork, enrolment: Enrolment, until: datetime | None) -> bool:
    """Say whether something useful was cancelled for a newer procedure that is not before it."""
    before_it = true() if until is None else Message.due_at < until
    return bool(
        unit.session.scalar(
            select(Message.id)
            .where(
                Message.enrolment_id == enrolment.id,
                Message.generation == enrolment.generation,
                Message.state == State.CANCELLED.value,
                Message.reason == Reason.NEWER_PROCEDURE.value,
                Message.not_after > unit.by.at,
                before_it,
            )
            .limit(1)
        )
    )


def _still_useful(
    session: Session, by: AuditContext, which: ColumnElement[bool], *, patient_id: UUID
) -> Sequence[Enrolment]:
    """Return the patient's open enrolments with such messages inside their windows, locked."""
    useful = exists().where(
        Message.enrolment_id == Enrolment.id,
        Message.generation == Enrolment.generation,
        Message.not_after > by.at,
        which,
    )
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id, Enrolment.state.in_(ONGOING_STATES), useful)
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()


def _plan_again(unit: UnitOfWork, enrolment: Enrolment, *, reason: Reason) -> int:
    at = enrolment.procedure_at
    known = enrolment.clinic in unit.app.catalogue.clinics
    if not known or enrolment.protocol not in unit.app.catalogue.protocols:
        return 0
    if wrong_time(at, now=unit.by.at):
        return 0
    changed = replan_timeline(unit.session, unit.app, enrolment, at)
    if changed.to_come:
        write_generation(unit, enrolment, changed, procedure_at=at, reason=reason)
        note_on_enrolment(
            unit.session,
            unit.by,
            enrolment,
            "enrolment.planned-again",
            detail={"generation": enrolment.generation, "to_come": changed.to_come},
        )
    return changed.to_come


def write_generation(
    unit: UnitOfWork,
    enrolment: Enrolment,
    changed: Rescheduled,
    *,
    procedure_at: datetime,
    reason: Reason,
) -> None:
    """Write the next generation: what is unsent of the last is cancelled for `reason`."""
    merged = merged_enrolments(unit.session, enrolment)
    ids = [enrolment.id, *(each.id for each in merged)]
    cancel_unsent(unit.session, unit.by, reason=reason, enrolment_ids=ids)
    protocol = protocol_of(unit.app, enrolment)
    enrolment.generation += 1
    enrolment.procedure_at = procedure_at
    enrolment.finish_due_at = finish_due_at(procedure_at, changed.timeline)
    enrolment.zone = unit.app.catalogue.clinics[enrolment.clinic].zone.key
    enrolment.protocol_version = protocol.version
    unit.session.flush()
    reachable = _reachable(unit.session, unit.app, enrolment)
    add_generation(
        unit, enrolment, protocol=protocol, timeline=changed.timeline, reachable=reachable
    )
    if changed.correct_until is not None:
        send_correction(unit, enrolment, until=changed.correct_until, reachable=reachable)
    extend_page_token(enrolment, (planned.not_after for planned in changed.timeline))
    if enrolment.state == EnrolmentState.PAUSED:
        hold_messages(unit.session, unit.by, enrolment.id)


def replan_timeline(
    session: Session, app: AppContext, enrolment: Enrolment, procedure_at: datetime
) -> Rescheduled:
    """Return an enrolment's timeline for its procedure time, without what was received already.

    A correction that waits stays: it would be cancelled with the rest.
    """
    until = correction_waits_until(session, enrolment)
    if until is not None and until <= app.clock.now():
        until = None
    wait = timedelta() if until is None else AFTER_CORRECTION
    timeline = _timeline(session, app, enrolment, procedure_at, wait=wait)
    received = _received(session, enrolment)
    return Rescheduled(
        timeline=_without(timeline, received), received=received, correct_until=until
    )


def move_timeline(
    session: Session,
    app: AppContext,
    enrolment: Enrolment,
    procedure_at: datetime,
    *,
    choice: RepetitionChoice = BY_THE_RULE,
) -> Rescheduled:
    """Return an enrolment's timeline for another procedure time, and what was sent before."""
    now = app.clock.now()
    timeline = _timeline(session, app, enrolment, procedure_at)
    zone = app.catalogue.clinics[enrolment.clinic].zone
    was, becomes = (each.astimezone(zone).date() for each in (enrolment.procedure_at, procedure_at))
    given = given_before(
        timeline,
        _sent(session, enrolment),
        now=now,
        other_day=was != becomes,
        choice=choice,
    )
    wrong = wrong_now(timeline, given, now=now)
    received = frozenset(key for key, each in given.items() if not each.again and not each.lost)
    told = is_corrected(session, enrolment, [given[key] for key in wrong])
    correction = bool(wrong) and choice.correction and not told
    if correction:
        timeline = _timeline(session, app, enrolment, procedure_at, wait=AFTER_CORRECTION)
    return Rescheduled(
        timeline=_without(timeline, received),
        received=received,
        given=given,
        wrong=wrong,
        correction=correction,
        too_late=frozenset(
            (planned.step.key, planned.occurrence)
            for planned in timeline
            if planned.fate is not Fate.PLANNED
        )
        & given.keys(),
    )


def _timeline(
    session: Session,
    app: AppContext,
    enrolment: Enrolment,
    procedure_at: datetime,
    *,
    wait: timedelta = timedelta(),
) -> Timeline:
    must_be_open(enrolment)
    now = app.clock.now()
    problems = wrong_time(procedure_at, now=now)
    if problems:
        raise InvalidInput(*problems)
    clinic = app.catalogue.clinics.get(enrolment.clinic)
    if clinic is None:
        message = f"the clinic {enrolment.clinic} is no longer configured; put its file back"
        raise Conflict(message)
    procedure = Procedure(at=procedure_at.astimezone(UTC), zone=clinic.zone)
    timeline = plan_timeline(
        protocol_of(app, enrolment),
        procedure,
        attributes=_attributes(app, enrolment),
        enrolled_at=now + wait,
        hours=clinic.sending_hours,
    )
    until = next_procedure(
        session, enrolment.patient_id, after=procedure.at, apart_from=enrolment.id
    )
    return end_timeline(timeline, until)


def _without(timeline: Sequence[PlannedMessage], received: Collection[Key]) -> Timeline:
    return tuple(
        planned for planned in timeline if (planned.step.key, planned.occurrence) not in received
    )


def _whole(session: Session, enrolment: Enrolment) -> list[UUID]:
    """Return an enrolment and those of the same procedure that were merged into it."""
    return [enrolment.id, *(one.id for one in merged_enrolments(session, enrolment))]


def _received(session: Session, enrolment: Enrolment) -> frozenset[Key]:
    """Return what the patient has, or may have, of the latest timeline that asked for it."""
    latest: dict[tuple[UUID | None, Key], tuple[int, set[str]]] = {}
    for row in session.execute(
        select(
            Message.enrolment_id,
            Message.step,
            Message.occurrence,
            Message.generation,
            Message.state,
        )
        .where(Message.enrolment_id.in_(_whole(session, enrolment)))
        .order_by(Message.generation)
    ):
        key = (row.enrolment_id, (row.step, row.occurrence))
        if key not in latest or row.generation > latest[key][0]:
            latest[key] = (row.generation, set())
        latest[key][1].add(row.state)
    return frozenset(key for (_, key), (_, states) in latest.items() if states & {*_ARRIVED})


def _sent(session: Session, enrolment: Enrolment) -> dict[Key, list[SentBefore]]:
    """Return every message of an enrolment that the patient has, or may have."""
    found: dict[Key, list[SentBefore]] = {}
    for row in session.execute(
        select(
            Message.step,
            Message.occurrence,
            Message.state,
            Message.channel,
            Message.due_at,
            Message.sent_at,
            Message.receipt_wait,
        )
        .where(Message.enrolment_id.in_(_whole(session, enrolment)), Message.state.in_(_ARRIVED))
        .order_by(Message.sent_at, Message.id)
    ):
        at = row.sent_at or row.due_at
        # An e-mail that was taken is never confirmed.
        waits = row.channel == ChannelKind.SMS and row.receipt_wait
        found.setdefault((row.step, row.occurrence), []).append(
            SentBefore(
                state=State(row.state),
                channel=ChannelKind(row.channel),
                at=at,
                confirmed_by=at + timedelta(seconds=row.receipt_wait) if waits else None,
            )
        )
    return found


def protocol_of(app: AppContext, enrolment: Enrolment) -> Protocol:
    """Return the protocol of an enrolment; raise `Conflict` where it is no longer configured."""
    protocol = app.catalogue.protocols.get(enrolment.protocol)
    if protocol is None:
        message = f"the protocol {enrolment.protocol} is no longer configured; put its file back"
        raise Conflict(message)
    return protocol


def _reachable(session: Session, app: AppContext, enrolment: Enrolment) -> list[ChannelKind]:
    patient = session.get_one(Patient, enrolment.patient_id)
    person = patients.read_patient(patient, app.keyring)
    agreed = [ChannelKind(channel) for channel in enrolment.channels]
    return [channel for channel in agreed if person and person.address(channel)]


def _attributes(app: AppContext, enrolment: Enrolment) -> dict[str, bool]:
    """Return the answers given at enrolment that the protocol, as it is now, asks for."""
    protocol = protocol_of(app, enrolment)
    asked = {attribute.key for attribute in protocol.needed_attributes()}
    try:
        return protocol.check_attributes(
            {key: value for key, value in enrolment.attributes.items() if key in asked}
        )
    except InvalidInput as error:
        message = (
            f"the protocol {protocol.key} has changed and asks for more than was answered at "
            f"enrolment ({error}); withdraw this enrolment and enrol the patient anew"
        )
        raise Conflict(message) from error
