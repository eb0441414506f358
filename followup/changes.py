"""What staff may do to an enrolment later: move it, pause it, resume it, end it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, NotFound
from followup.domain.lifecycle import State
from followup.domain.protocol import Protocol
from followup.domain.timeline import PlannedMessage, Procedure, next_sending_moment, plan
from followup.enrol import wrong_time
from followup.kit import Kit
from followup.planning import add_generation
from followup.store import patients
from followup.store.audit_log import Deed, Entry, record
from followup.store.messages import move, postpone
from followup.store.models import Enrolment, Message, Patient

WITHDRAWABLE = (State.PLANNED, State.HELD, State.CLAIMED)
"""What a change of mind still stops: the provider has not been called for these."""

RECEIVED = frozenset({State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED})
"""States in which the patient has the advice, or may have it: it is not sent a second time."""

MAX_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescheduled:
    """A changed timeline: what is planned now, and which advice is not repeated."""

    timeline: tuple[PlannedMessage, ...]
    received: frozenset[tuple[str, int]]


def reschedule(kit: Kit, enrolment_id: UUID, procedure_at: datetime, *, actor: str) -> Rescheduled:
    """Plan an enrolment anew for another procedure time, in one transaction.

    Unsent messages are cancelled and planned afresh; advice already received is not repeated.
    Raises `NotFound`, `InvalidInput` for a time that enrolment would refuse, and `Conflict` for an
    enrolment that has ended.
    """
    return kit.store.transact(
        lambda session: _reschedule(session, kit, enrolment_id, procedure_at, actor=actor)
    )


def preview_reschedule(kit: Kit, enrolment_id: UUID, procedure_at: datetime) -> Rescheduled:
    """Return what `reschedule` would make, and change nothing."""
    with kit.store.read() as session:
        enrolment = _find(session, enrolment_id)
        return _replan(session, kit, enrolment, procedure_at)


def withdraw(
    kit: Kit, enrolment_id: UUID, *, reason: str, actor: str, deceased: bool = False
) -> int:
    """End an enrolment and cancel what is not sent yet; return how many messages that was.

    With `deceased` the patient is recorded as having died and every enrolment of theirs ends.
    """
    if not reason.strip():
        raise InvalidInput.of("reason", "say why, in a few words: the audit trail keeps it")
    if len(reason) > MAX_REASON:
        raise InvalidInput.of("reason", f"use at most {MAX_REASON} characters")
    return kit.store.transact(
        lambda session: _withdraw(
            session, kit, enrolment_id, reason=reason.strip(), actor=actor, deceased=deceased
        )
    )


def pause(kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    """Hold every unsent message of an enrolment; return how many. Windows go on running out."""
    return kit.store.transact(lambda session: _pause(session, kit, enrolment_id, actor=actor))


def resume(kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    """Let the messages of a paused enrolment go again; return how many are still useful.

    One whose time came meanwhile goes at the next sending hour inside its window; one whose
    window is over expires.
    """
    return kit.store.transact(lambda session: _resume(session, kit, enrolment_id, actor=actor))


def cancel_unsent(
    session: Session, deed: Deed, *, reason: str, enrolment_ids: Sequence[UUID]
) -> int:
    """Cancel what the provider was not called for yet; return how many messages that was."""
    cancelled = 0
    for state in WITHDRAWABLE:
        ids = _ids_in(session, enrolment_ids, state)
        cancelled += len(
            move(session, deed, ids, expected=state, to=State.CANCELLED, reason=reason)
        )
    return cancelled


def _reschedule(
    session: Session, kit: Kit, enrolment_id: UUID, procedure_at: datetime, *, actor: str
) -> Rescheduled:
    deed = kit.deed(actor)
    enrolment = _find(session, enrolment_id, lock=True)
    changed = _replan(session, kit, enrolment, procedure_at)
    clash = session.scalar(
        select(Enrolment.id).where(
            Enrolment.patient_id == enrolment.patient_id,
            Enrolment.protocol == enrolment.protocol,
            Enrolment.procedure_at == procedure_at,
            Enrolment.id != enrolment.id,
            Enrolment.state != "withdrawn",
        )
    )
    if clash is not None:
        raise AlreadyEnrolled(clash)
    cancel_unsent(session, deed, reason="rescheduled", enrolment_ids=[enrolment.id])
    before = enrolment.procedure_at
    protocol = _protocol(kit, enrolment)
    enrolment.generation += 1
    enrolment.procedure_at = procedure_at
    enrolment.protocol_version = protocol.version
    session.flush()
    add_generation(
        session,
        kit,
        enrolment,
        protocol=protocol,
        timeline=changed.timeline,
        reachable=_reachable(session, kit, enrolment),
        deed=deed,
    )
    if enrolment.state == "paused":
        _hold(session, deed, enrolment.id)
    _record(
        session,
        deed,
        enrolment,
        "enrolment.rescheduled",
        {
            "from": before.isoformat(),
            "to": procedure_at.isoformat(),
            "generation": enrolment.generation,
            "planned": len(changed.timeline),
            "not_repeated": len(changed.received),
        },
    )
    return changed


def _replan(
    session: Session, kit: Kit, enrolment: Enrolment, procedure_at: datetime
) -> Rescheduled:
    _must_be_open(enrolment)
    now = kit.clock.now()
    problems = wrong_time(procedure_at, now=now)
    if problems:
        raise InvalidInput(*problems)
    clinic = kit.catalogue.clinics.get(enrolment.clinic)
    if clinic is None:
        message = f"the clinic {enrolment.clinic} is no longer configured; put its file back"
        raise Conflict(message)
    received = frozenset(
        (row.step, row.occurrence)
        for row in session.execute(
            select(Message.step, Message.occurrence).where(
                Message.enrolment_id == enrolment.id,
                Message.state.in_([state.value for state in RECEIVED]),
            )
        )
    )
    timeline = plan(
        _protocol(kit, enrolment),
        Procedure(at=procedure_at, zone=clinic.zone),
        attributes=enrolment.attributes,
        enrolled_at=now,
        hours=clinic.sending_hours,
    )
    return Rescheduled(
        timeline=tuple(
            planned
            for planned in timeline
            if (planned.step.key, planned.occurrence) not in received
        ),
        received=received,
    )


def _withdraw(
    session: Session, kit: Kit, enrolment_id: UUID, *, reason: str, actor: str, deceased: bool
) -> int:
    deed = kit.deed(actor)
    enrolment = _find(session, enrolment_id, lock=True)
    ending = [enrolment]
    if deceased:
        patient = session.get_one(Patient, enrolment.patient_id)
        patient.deceased_at = patient.deceased_at or deed.at
        ending = _open_enrolments(session, patient.id)
    elif enrolment.state == "withdrawn":
        return 0
    for one in ending:
        one.state = "withdrawn"
        one.ended_at = deed.at
        one.ended_reason = reason
        _record(
            session,
            deed,
            one,
            "enrolment.withdrawn",
            {"why": "patient-died" if deceased else "by-staff"},
        )
    return cancel_unsent(
        session,
        deed,
        reason="patient-died" if deceased else "withdrawn",
        enrolment_ids=[one.id for one in ending],
    )


def _pause(session: Session, kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    deed = kit.deed(actor)
    enrolment = _find(session, enrolment_id, lock=True)
    _must_be_open(enrolment)
    if enrolment.state == "paused":
        return 0
    enrolment.state = "paused"
    _record(session, deed, enrolment, "enrolment.paused")
    return _hold(session, deed, enrolment.id)


def _hold(session: Session, deed: Deed, enrolment_id: UUID) -> int:
    ids = _ids_in(session, [enrolment_id], State.PLANNED)
    return len(
        move(session, deed, ids, expected=State.PLANNED, to=State.HELD, reason="paused")
    )


def _resume(session: Session, kit: Kit, enrolment_id: UUID, *, actor: str) -> int:
    deed = kit.deed(actor)
    enrolment = _find(session, enrolment_id, lock=True)
    _must_be_open(enrolment)
    if enrolment.state == "active":
        return 0
    enrolment.state = "active"
    _record(session, deed, enrolment, "enrolment.resumed")
    ids = _ids_in(session, [enrolment.id], State.HELD)
    useful = move(
        session,
        deed,
        ids,
        expected=State.HELD,
        to=State.PLANNED,
        reason="resumed",
        only=Message.not_after > deed.at,
    )
    _let_go(session, kit, enrolment, useful, at=deed.at)
    return len(useful)


def _let_go(
    session: Session, kit: Kit, enrolment: Enrolment, message_ids: Collection[UUID], *, at: datetime
) -> None:
    """Send those whose time came while they were held at the next sending hour."""
    clinic = kit.catalogue.clinics.get(enrolment.clinic)
    if clinic is None or not message_ids:
        return
    overdue = session.scalars(
        select(Message.id).where(Message.id.in_(message_ids), Message.claimable_at <= at)
    ).all()
    postpone(
        session,
        overdue,
        until=next_sending_moment(at, hours=clinic.sending_hours, zone=clinic.zone),
    )


def _find(session: Session, enrolment_id: UUID, *, lock: bool = False) -> Enrolment:
    query = select(Enrolment).where(Enrolment.id == enrolment_id)
    enrolment = session.scalar(query.with_for_update() if lock else query)
    if enrolment is None:
        message = f"there is no enrolment {enrolment_id}; list them with: followup messages"
        raise NotFound(message)
    return enrolment


def _must_be_open(enrolment: Enrolment) -> None:
    if enrolment.state == "withdrawn":
        message = f"enrolment {enrolment.id} was withdrawn; enrol the patient anew if they return"
        raise Conflict(message)


def _open_enrolments(session: Session, patient_id: UUID) -> list[Enrolment]:
    return list(
        session.scalars(
            select(Enrolment)
            .where(Enrolment.patient_id == patient_id, Enrolment.state != "withdrawn")
            .order_by(Enrolment.id)
            .with_for_update()
        )
    )


def _protocol(kit: Kit, enrolment: Enrolment) -> Protocol:
    protocol = kit.catalogue.protocols.get(enrolment.protocol)
    if protocol is None:
        message = f"the protocol {enrolment.protocol} is no longer configured; put its file back"
        raise Conflict(message)
    return protocol


def _reachable(session: Session, kit: Kit, enrolment: Enrolment) -> list[ChannelKind]:
    patient = session.get_one(Patient, enrolment.patient_id)
    person = patients.read(patient, kit.keyring)
    agreed = [ChannelKind(channel) for channel in enrolment.channels]
    return [channel for channel in agreed if person and person.address(channel)]


def _ids_in(session: Session, enrolment_ids: Sequence[UUID], state: State) -> list[UUID]:
    """Return the ids of an enrolment's messages in one state, locked in a fixed order."""
    return list(
        session.scalars(
            select(Message.id)
            .where(Message.enrolment_id.in_(enrolment_ids), Message.state == state.value)
            .order_by(Message.id)
            .with_for_update()
        )
    )


def _record(
    session: Session,
    deed: Deed,
    enrolment: Enrolment,
    action: str,
    detail: dict[str, object] | None = None,
) -> None:
    record(
        session,
        deed,
        Entry(
            action=action,
            clinic=enrolment.clinic,
            patient_id=enrolment.patient_id,
            enrolment_id=enrolment.id,
            detail=detail,
        ),
    )
