"""Follow-ups of two records made one: doubles and older ones end, wishes and deaths hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from followup.consent.cancel_unsent import cancel_unsent, cancel_unsent_where, note_on_enrolment
from followup.context import UnitOfWork
from followup.domain.lifecycle import (
    MAY_HAVE_ARRIVED,
    ONGOING_STATES,
    EnrolmentState,
)
from followup.domain.merging.doubles import Double, FollowUp
from followup.domain.merging.facts import Side
from followup.domain.reasons import Reason
from followup.enrolment.next_procedure import end_follow_up, next_procedure
from followup.enrolment.pause import hold_messages
from followup.merging.both_records import BothRecords
from followup.patients.records import open_objections
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedVisit
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.wording.records.merging import DIED_ELSEWHERE


def follow_ups_of(both: BothRecords, enrolments: Sequence[Enrolment]) -> list[FollowUp]:
    """Return the enrolments of both records, but for those that went on in another before."""
    return [
        FollowUp(
            id=each.id,
            side=Side.SURVIVOR if each.patient_id == both.survivor.id else Side.DUPLICATE,
            protocol=each.protocol,
            day=each.procedure_at.astimezone(ZoneInfo(each.zone)).date(),
            state=EnrolmentState(each.state),
            answers=each.attributes,
        )
        for each in enrolments
        if each.merged_into is None
    ]


def end_double(unit: UnitOfWork, double: Double, by_id: Mapping[UUID, Enrolment]) -> None:
    """Let one of two follow-ups of a procedure go on in the other."""
    session = unit.session
    kept, ended = by_id[double.kept.id], by_id[double.ended.id]
    if ended.state == EnrolmentState.PAUSED and kept.state == EnrolmentState.ACTIVE:
        # Somebody wanted nothing to go out for now.
        kept.state = EnrolmentState.PAUSED.value
        note_on_enrolment(session, unit.by, kept, "enrolment.paused")
        hold_messages(session, unit.by, kept.id)
    if not double.ended.is_ended:
        cancel_unsent(session, unit.by, reason=Reason.MERGED, enrolment_ids=[ended.id])
        ended.state, ended.finish_due_at = EnrolmentState.WITHDRAWN.value, None
        ended.ended_at = unit.by.at
        note_on_enrolment(
            session,
            unit.by,
            ended,
            "enrolment.withdrawn",
            detail={"why": Reason.MERGED.value, "into": str(kept.id)},
        )
    for each in by_id.values():
        if each.merged_into == ended.id:
            each.merged_into = kept.id
    ended.merged_into = kept.id
    session.flush()
    _cancel_received(unit, kept, ended)


def _cancel_received(unit: UnitOfWork, kept: Enrolment, ended: Enrolment) -> None:
    """Cancel what the patient has, or may have, by the other follow-up of the procedure."""
    told = unit.session.execute(
        select(Message.step, Message.occurrence)
        .where(
            Message.enrolment_id == ended.id,
            Message.state.in_([state.value for state in MAY_HAVE_ARRIVED]),
        )
        .distinct()
    ).all()
    if not told:
        return
    cancel_unsent_where(
        unit.session,
        unit.by,
        Message.enrolment_id == kept.id,
        tuple_(Message.step, Message.occurrence).in_([(row.step, row.occurrence) for row in told]),
        reason=Reason.RECEIVED_ALREADY,
    )


def move_visits(session: Session, doubles: Sequence[Double]) -> dict[str, str]:
    """Let visits of a feed lead to the follow-up that goes on; return where they led before."""
    goes_on = {double.ended.id: double.kept.id for double in doubles}
    visits = session.scalars(
        select(FeedVisit)
        .where(FeedVisit.enrolment_id.in_(goes_on))
        .order_by(FeedVisit.id)
        .with_for_update()
    ).all()
    led = {str(visit.id): str(visit.enrolment_id) for visit in visits}
    for visit in visits:
        if visit.enrolment_id is not None:
            visit.enrolment_id = goes_on[visit.enrolment_id]
    session.flush()
    return led


def end_older(unit: UnitOfWork, survivor: Patient) -> None:
    """End each follow-up where that of a newer procedure begins."""
    for each in _ongoing(unit.session, survivor):
        until = next_procedure(unit.session, survivor.id, after=each.procedure_at)
        if until is not None:
            end_follow_up(unit, each, at=until)


def heed_wishes(unit: UnitOfWork, survivor: Patient, *, died: bool) -> None:
    """Cancel what an objection to everything, or a death, that either record knew of covers.

    Other objections are judged when a message falls due, as always.
    """
    session, ongoing = unit.session, _ongoing(unit.session, survivor)
    ids = [each.id for each in ongoing]
    if died:
        cancel_unsent(session, unit.by, reason=Reason.PATIENT_DIED, enrolment_ids=ids)
        sealer = unit.app.keyring.patient(survivor.data_key, survivor.master_key_id)
        for each in ongoing:
            each.state, each.finish_due_at = EnrolmentState.WITHDRAWN.value, None
            each.ended_at = unit.by.at
            if sealer is not None:
                each.ended_reason_sealed = sealer.seal(
                    DIED_ELSEWHERE, column="enrolments.ended_reason"
                )
            note_on_enrolment(
                session,
                unit.by,
                each,
                "enrolment.withdrawn",
                detail={"why": Reason.PATIENT_DIED.value},
            )
        session.flush()
        return
    wishes = open_objections(session, patient_ids=[survivor.id], contact_indexes=[])
    if any(wish.channel is None for wish in wishes):
        cancel_unsent(session, unit.by, reason=Reason.OBJECTION, enrolment_ids=ids)


def _ongoing(session: Session, patient: Patient) -> Sequence[Enrolment]:
    return session.scalars(
        select(Enrolment)
        .where(Enrolment.patient_id == patient.id, Enrolment.state.in_(ONGOING_STATES))
        .order_by(Enrolment.id)
        .with_for_update(key_share=True)
    ).all()
