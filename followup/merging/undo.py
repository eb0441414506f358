"""Undo of a merge: within a day, all that was moved goes back exactly as it was.

What happened since and can be told apart goes with the record that it belongs to. What can't be
told apart forbids it, and it is said what that is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import Conflict, NotFound
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.merging.facts import Side
from followup.domain.merging.undo import (
    CHANGES,
    MERGES,
    Obstacle,
    obstacle_in,
    obstacle_in_time,
    whose_address,
)
from followup.domain.reasons import Reason
from followup.merging.before import Before, put_back
from followup.merging.both_records import BothRecords, enrolments_of_both, lock_both
from followup.merging.merge import claim_back
from followup.merging.move_rows import move_rows
from followup.patients.merged import repoint
from followup.patients.records import address_index, read_patient
from followup.patients.search_keys import write_search_keys
from followup.store.audit_log import AuditEntry, record_event
from followup.store.message_state import move_messages
from followup.store.models.audit import AuditEvent
from followup.store.models.feeds import FeedVisit
from followup.store.models.merges import PatientMerge
from followup.store.models.messages import Attempt, InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.staff import Call
from followup.store.models.worklist import WorklistItem
from followup.wording.records.merging import OBSTACLES

Addresses = Mapping[Side, tuple[bytes | None, bytes | None]]
"""The keyed hashes of mobile number and e-mail address that each record had of its own."""


def undo_merge(app: AppContext, merge_id: UUID, *, actor: str) -> PatientMerge:
    """Take a merge back; return it.

    Raises `NotFound`, and `Conflict` where it is too late or something stands in the way.
    """
    return app.transact(actor, lambda unit: undo_merge_in(unit, merge_id))


def obstacle_to_undo(session: Session, app: AppContext, merge: PatientMerge) -> Obstacle | None:
    """Return what keeps a merge from being undone now."""
    early = obstacle_in_time(
        merged_at=merge.merged_at, undone=merge.undone_at is not None, now=app.clock.now()
    )
    if early is not None or merge.before is None:
        return early or Obstacle.TOO_LATE
    before = Before.of_json(merge.before)
    addresses = _addresses(before)
    done = session.scalars(
        select(AuditEvent.action).where(
            AuditEvent.patient_id.in_([merge.survivor_id, merge.duplicate_id]),
            AuditEvent.id > merge.event_id,
            AuditEvent.action.in_(CHANGES | MERGES),
        )
    ).all()
    return (
        obstacle_in(done)
        or _texts_in_the_way(session, merge, addresses)
        or _sent_elsewhere(session, app, merge, addresses)
        or _taken(session, merge, before)
    )


def undo_merge_in(unit: UnitOfWork, merge_id: UUID) -> PatientMerge:
    """Do what `undo_merge` does within a transaction."""
    session = unit.session
    merge = session.get(PatientMerge, merge_id)
    if merge is None:
        raise NotFound("there is no such merge")
    both = lock_both(unit, merge.survivor_id, merge.duplicate_id)
    session.refresh(merge, with_for_update=True)
    obstacle = obstacle_to_undo(session, unit.app, merge)
    if obstacle is not None or merge.before is None:
        raise Conflict(OBSTACLES[obstacle or Obstacle.TOO_LATE])
    before = Before.of_json(merge.before)
    claim_back(unit, both)
    move_rows(
        session, unit.app, _to_go_back(session, merge, before), of=both.survivor, to=both.duplicate
    )
    _put_back_patients(unit, both, before)
    _put_back_enrolments(session, both, before)
    _put_back_messages(unit, before)
    _put_back_items(session, before)
    _put_back_visits(session, before)
    _record(unit, merge, before)
    merge.undone_at, merge.undone_by, merge.before = unit.by.at, unit.by.actor, None
    session.flush()
    return merge


# -------------------------------------------------------------------- what stands in the way


def _addresses(before: Before) -> Addresses:
    def own(columns: Mapping[str, object]) -> tuple[bytes | None, bytes | None]:
        row = Patient()
        put_back(row, {name: columns[name] for name in ("mobile_index", "email_index")})
        return row.mobile_index, row.email_index

    return {Side.SURVIVOR: own(before.survivor), Side.DUPLICATE: own(before.duplicate)}


def _whose(addresses: Addresses, address: bytes | None) -> Side | None:
    return whose_address(
        address, survivor=addresses[Side.SURVIVOR], duplicate=addresses[Side.DUPLICATE]
    )


def _texts_since(session: Session, merge: PatientMerge) -> Sequence[InboundMessage]:
    details = session.scalars(
        select(AuditEvent.detail).where(
            AuditEvent.patient_id == merge.survivor_id,
            AuditEvent.id > merge.event_id,
            AuditEvent.action == "inbound.taken",
        )
    )
    ids = [UUID(detail["inbound"]) for detail in details if detail]
    return session.scalars(select(InboundMessage).where(InboundMessage.id.in_(ids))).all()


def _texts_in_the_way(
    session: Session, merge: PatientMerge, addresses: Addresses
) -> Obstacle | None:
    unclear = any(
        _whose(addresses, text.address_index) is None for text in _texts_since(session, merge)
    )
    return Obstacle.WROTE if unclear else None


def _sent_elsewhere(
    session: Session, app: AppContext, merge: PatientMerge, addresses: Addresses
) -> Obstacle | None:
    """Say whether advice of one record went to an address that the other alone has."""
    patient = session.get_one(Patient, merge.survivor_id)
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    assert merge.before is not None  # noqa: S101 - the caller has looked
    moved = {UUID(id_) for id_ in Before.of_json(merge.before).owned["enrolments"]}
    begun = select(AuditEvent.message_id).where(
        AuditEvent.patient_id == merge.survivor_id,
        AuditEvent.id > merge.event_id,
        AuditEvent.action == f"message.{State.SENDING.value}",
    )
    rows = session.execute(
        select(Attempt, Message.enrolment_id, Message.channel)
        .join(Message, Message.id == Attempt.message_id)
        .where(
            Message.id.in_(begun),
            Message.enrolment_id.is_not(None),
            Attempt.number == Message.attempt_count,
        )
    )
    for attempt, enrolment_id, channel in rows:
        to = sealer and sealer.open_if(
            attempt.address_sealed, column="attempts.address", row=attempt.id
        )
        index = address_index(app.keyring.indexes, ChannelKind(channel), to) if to else None
        side = Side.DUPLICATE if enrolment_id in moved else Side.SURVIVOR
        if index not in addresses[side]:
            return Obstacle.SENT_ELSEWHERE
    return None


def _taken(session: Session, merge: PatientMerge, before: Before) -> Obstacle | None:
    """Say whether somebody else has what the two would be known by again."""
    for columns in (before.survivor, before.duplicate):
        row = Patient()
        put_back(row, {"identity_index": columns["identity_index"]})
        if row.identity_index is None:
            continue
        other = session.scalar(
            select(Patient.id).where(
                Patient.clinic == merge.clinic,
                Patient.identity_index == row.identity_index,
                Patient.id.not_in([merge.survivor_id, merge.duplicate_id]),
            )
        )
        if other is not None:
            return Obstacle.TAKEN
    return None


# ------------------------------------------------------------------------------ putting back


def _to_go_back(session: Session, merge: PatientMerge, before: Before) -> dict[str, list[UUID]]:
    """Return what was moved, and what came since that belongs to it."""
    ids = {table: [UUID(id_) for id_ in found] for table, found in before.owned.items()}
    enrolments = ids["enrolments"]
    mine = [table.patient_id == merge.survivor_id for table in (Message, WorklistItem, Call)]
    ids["messages"] += session.scalars(
        select(Message.id).where(mine[0], Message.enrolment_id.in_(enrolments))
    )
    texts = [
        text.id
        for text in _texts_since(session, merge)
        if _whose(_addresses(before), text.address_index) is Side.DUPLICATE
    ]
    ids["inbound_messages"] += texts
    answers = select(InboundMessage.answer_id).where(InboundMessage.id.in_(texts))
    ids["messages"] += session.scalars(select(Message.id).where(mine[0], Message.id.in_(answers)))
    ids["worklist_items"] += session.scalars(
        select(WorklistItem.id).where(
            mine[1],
            or_(
                WorklistItem.enrolment_id.in_(enrolments),
                WorklistItem.message_id.in_(ids["messages"]),
                WorklistItem.inbound_id.in_(ids["inbound_messages"]),
            ),
        )
    )
    ids["calls"] += session.scalars(
        select(Call.id).where(
            mine[2],
            or_(Call.enrolment_id.in_(enrolments), Call.item_id.in_(ids["worklist_items"])),
        )
    )
    return ids


def _put_back_patients(unit: UnitOfWork, both: BothRecords, before: Before) -> None:
    session, keyring = unit.session, unit.app.keyring
    # The identity that the survivor had taken is the duplicate's again.
    both.survivor.identity_index = None
    session.flush()
    put_back(both.survivor, before.survivor)
    put_back(both.duplicate, before.duplicate)
    session.flush()
    people = [(each, read_patient(each, keyring)) for each in (both.survivor, both.duplicate)]
    write_search_keys(session, keyring.indexes, [(each, who) for each, who in people if who])
    repoint(session, [UUID(id_) for id_ in before.followers], to=both.duplicate.id)


def _put_back_enrolments(session: Session, both: BothRecords, before: Before) -> None:
    for enrolment in enrolments_of_both(session, both.ids):
        columns = before.enrolments.get(str(enrolment.id), {})
        if enrolment.state == EnrolmentState.FINISHED:
            # It has run its course meanwhile.
            columns = {name: columns[name] for name in columns if name == "received"}
        put_back(enrolment, columns)
    session.flush()


def _put_back_messages(unit: UnitOfWork, before: Before) -> None:
    """Let messages be as they were, unless something has happened to them since.

    One whose window has passed meanwhile expires at the next run, and a person is asked to ring
    where its step says so.
    """
    for id_, (state, reason, left_as) in before.messages.items():
        if left_as is None or state is None:
            continue
        move_messages(
            unit.session,
            unit.by,
            [UUID(id_)],
            expected=State(left_as),
            to=State(state),
            reason=reason,
            detail={"why": Reason.MERGE_UNDONE.value},
        )


def _put_back_items(session: Session, before: Before) -> None:
    for item in session.scalars(
        select(WorklistItem)
        .where(WorklistItem.id.in_([UUID(id_) for id_ in before.items]))
        .order_by(WorklistItem.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ):
        put_back(item, before.items[str(item.id)])
    session.flush()


def _put_back_visits(session: Session, before: Before) -> None:
    for visit in session.scalars(
        select(FeedVisit)
        .where(FeedVisit.id.in_([UUID(id_) for id_ in before.visits]))
        .order_by(FeedVisit.id)
        .with_for_update()
    ):
        visit.enrolment_id = UUID(before.visits[str(visit.id)])
    session.flush()


def _record(unit: UnitOfWork, merge: PatientMerge, before: Before) -> None:
    record_event(
        unit.session,
        unit.by,
        *(
            AuditEntry(
                action="enrolment.corrected",
                clinic=merge.clinic,
                patient_id=merge.duplicate_id,
                enrolment_id=UUID(enrolment_id),
                detail={"fields": ["patient"], "merge": str(merge.id)},
            )
            for enrolment_id in before.owned["enrolments"]
        ),
        AuditEntry(
            action="patient.unmerged",
            clinic=merge.clinic,
            patient_id=merge.duplicate_id,
            detail={"from": str(merge.survivor_id), "merge": str(merge.id)},
        ),
    )
