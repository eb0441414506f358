"""Moving an enrolment to another time; pausing and ending it are to be had from here too."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput
from followup.domain.lifecycle import State
from followup.domain.protocol import Protocol
from followup.domain.timeline import Fate, PlannedMessage, Procedure, plan
from followup.enrol import wrong_time
from followup.kit import Kit
from followup.ongoing import cancel_unsent, find, must_be_open, note
from followup.page_links import keep_open
from followup.pausing import hold, pause, resume
from followup.planning import add_generation
from followup.store import patients
from followup.store.audit_log import Deed
from followup.store.models import Enrolment, Message, Patient
from followup.withdrawing import withdraw

__all__ = [
    "Rescheduled",
    "pause",
    "plan_again",
    "plan_lost_again",
    "preview_reschedule",
    "reschedule",
    "resume",
    "withdraw",
]

OBJECTION = "objection"
"""The reason of messages that an objection cancelled."""

CORRECTED = "address-corrected"
"""The reason of messages that are planned anew because an address was corrected."""

LOST = (State.FAILED, State.SUPPRESSED)
"""States of messages that a right address may still bring to the patient."""

RECEIVED = frozenset({State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED})
"""States in which the patient has the advice, or may have it: it is not sent a second time."""


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
        enrolment = find(session, enrolment_id)
        return _replan(session, kit, enrolment, procedure_at)


def _reschedule(
    session: Session, kit: Kit, enrolment_id: UUID, procedure_at: datetime, *, actor: str
) -> Rescheduled:
    deed = kit.deed(actor)
    enrolment = find(session, enrolment_id, lock=True)
    changed = _replan(session, kit, enrolment, procedure_at)
    procedure_at = procedure_at.astimezone(UTC)
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
    before = enrolment.procedure_at
    _write(session, kit, deed, enrolment, changed, procedure_at=procedure_at, reason="rescheduled")
    note(
        session,
        deed,
        enrolment,
        "enrolment.rescheduled",
        detail={
            "from": before.isoformat(),
            "to": procedure_at.isoformat(),
            "generation": enrolment.generation,
            "planned": len(changed.timeline),
            "not_repeated": len(changed.received),
        },
    )
    return changed


def plan_again(session: Session, kit: Kit, deed: Deed, *, patient_id: UUID) -> int:
    """Plan again what an objection cancelled, once it is lifted; return how much is to come.

    What is past stays past, what was received is not repeated, and an enrolment of which nothing
    useful was cancelled is left as it is.
    """
    cancelled = (Message.state == State.CANCELLED.value) & (Message.reason == OBJECTION)
    enrolments = _still_useful(session, deed, cancelled, patient_id=patient_id)
    return sum(
        _plan_again(session, kit, deed, enrolment, reason="planned-again")
        for enrolment in enrolments
    )


def plan_lost_again(session: Session, kit: Kit, deed: Deed, *, patient_id: UUID) -> int:
    """Plan again what did not arrive, once an address is corrected; return how much is to come.

    As `plan_again` does. An enrolment that can't be planned anew, because its protocol has changed
    and asks for more, stays as it is, with the person who was asked about what failed.
    """
    lost = Message.state.in_([state.value for state in LOST])
    to_come = 0
    for enrolment in _still_useful(session, deed, lost, patient_id=patient_id):
        with suppress(Conflict):
            to_come += _plan_again(session, kit, deed, enrolment, reason=CORRECTED)
    return to_come


def _still_useful(
    session: Session, deed: Deed, which: ColumnElement[bool], *, patient_id: UUID
) -> Sequence[Enrolment]:
    """Return the patient's open enrolments with such messages inside their windows, locked."""
    useful = exists().where(
        Message.enrolment_id == Enrolment.id,
        Message.generation == Enrolment.generation,
        Message.not_after > deed.at,
        which,
    )
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient_id, Enrolment.state != "withdrawn", useful)
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()


def _plan_again(
    session: Session, kit: Kit, deed: Deed, enrolment: Enrolment, *, reason: str
) -> int:
    at = enrolment.procedure_at
    known = enrolment.clinic in kit.catalogue.clinics
    if not known or enrolment.protocol not in kit.catalogue.protocols:
        return 0
    if wrong_time(at, now=deed.at):
        return 0
    changed = _replan(session, kit, enrolment, at)
    to_come = sum(planned.fate is Fate.PLANNED for planned in changed.timeline)
    if to_come:
        _write(session, kit, deed, enrolment, changed, procedure_at=at, reason=reason)
        note(
            session,
            deed,
            enrolment,
            "enrolment.planned-again",
            detail={"generation": enrolment.generation, "to_come": to_come},
        )
    return to_come


def _write(
    session: Session,
    kit: Kit,
    deed: Deed,
    enrolment: Enrolment,
    changed: Rescheduled,
    *,
    procedure_at: datetime,
    reason: str,
) -> None:
    """Make the next generation: what is unsent of the last is cancelled for `reason`."""
    cancel_unsent(session, deed, reason=reason, enrolment_ids=[enrolment.id])
    protocol = _protocol(kit, enrolment)
    enrolment.generation += 1
    enrolment.procedure_at = procedure_at
    enrolment.zone = kit.catalogue.clinics[enrolment.clinic].zone.key
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
    keep_open(enrolment, (planned.not_after for planned in changed.timeline))
    if enrolment.state == "paused":
        hold(session, deed, enrolment.id)


def _replan(
    session: Session, kit: Kit, enrolment: Enrolment, procedure_at: datetime
) -> Rescheduled:
    must_be_open(enrolment)
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
        Procedure(at=procedure_at.astimezone(UTC), zone=clinic.zone),
        attributes=_attributes(kit, enrolment),
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


def _attributes(kit: Kit, enrolment: Enrolment) -> dict[str, bool]:
    """Return the answers given at enrolment that the protocol, as it is now, asks for."""
    protocol = _protocol(kit, enrolment)
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
