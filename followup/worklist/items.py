"""Worklist items: opened once per subject, with the cause and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from followup.catalogue.bank_holidays import bank_holidays
from followup.context import AppContext, UnitOfWork
from followup.domain.clinics.office_time import after_office_time, while_open_or_first
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.feeds import EnrolmentDraft
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import Occurrence, WorklistItem
from followup.worklist.queries import AT_ANY_HOUR

TIME_LIMITS = {
    1: timedelta(minutes=15),
    2: timedelta(hours=4),
    3: timedelta(hours=8),
}
"""How soon a person should look, by urgency.

The first passes by night as by day; the others only while the clinic's office is open.
"""
WITH_CARE = 2
"""A reply that is not provably harmless: how soon it is read, the clinic says."""

URGENCY_OF_KIND = {
    ItemKind.VOLUME_LIMIT: 1,
    ItemKind.REPLY: 2,
    ItemKind.RESTART: 3,
    ItemKind.MISSED: 2,
    ItemKind.FAILED: 2,
    ItemKind.UNREACHABLE: 3,
    ItemKind.UNKNOWN: 2,
    ItemKind.SET_UP: 2,
    ItemKind.WORDS: 1,
    ItemKind.REVIEW: 3,
    ItemKind.CALL_WANTED: 2,
    ItemKind.NO_ANSWER: 2,
    ItemKind.RESTORED: 2,
    ItemKind.READING_NEED: 3,
    ItemKind.ENROLLED_AFTER_STOP: 3,
    ItemKind.ADVICE_STOPPED: 3,
    ItemKind.SAME_PERSON: 2,
    ItemKind.NO_RECEIPT: 3,
    ItemKind.DUPLICATE: 3,
    ItemKind.DRAFT: 3,
    ItemKind.FEED: 2,
}


GATHERED = frozenset(
    {
        ItemKind.ADVICE_STOPPED,
        ItemKind.FAILED,
        ItemKind.MISSED,
        ItemKind.NO_RECEIPT,
        ItemKind.UNREACHABLE,
    }
)
"""Kinds of which one item gathers all messages of a patient: one call settles them together."""

IDENTITY_OUTCOMES = (ItemOutcome.SAME_PERSON, ItemOutcome.TWO_PEOPLE)
"""What alone closes the question whether somebody is a patient who is there."""

NOTE_COLUMN = "worklist_items.note"
LONGEST_NOTE = 2000
OUTCOME = re.compile(r"[a-z][a-z-]{0,39}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """Something for a person to do. Two tasks of one `subject` are one item."""

    subject: str
    kind: ItemKind
    clinic: str
    cause: str
    patient_id: UUID | None = None
    enrolment_id: UUID | None = None
    message_id: UUID | None = None
    inbound_id: UUID | None = None
    more: dict[str, Any] = field(default_factory=dict)
    # Where it depends on more than the kind.
    urgency: int | None = None
    # Since when somebody waits, where that is longer than we know of it: its limit begins then.
    since: datetime | None = None
    # By when a person should have looked, where that is no matter of how long it has waited.
    due_at: datetime | None = None

    @classmethod
    def of_message(cls, message: Message, *, kind: ItemKind, cause: str) -> NewItem:
        """Return the task that a message which went wrong makes."""
        return cls(
            subject=f"{kind}:{message.id}",
            kind=kind,
            clinic=message.clinic,
            cause=cause,
            patient_id=message.patient_id,
            enrolment_id=message.enrolment_id,
            message_id=message.id,
            more={
                "step": message.step,
                "occurrence": message.occurrence,
                "channel": message.channel,
            },
        )

    @property
    def of(self) -> str:
        """The message as the audit trail names it."""
        return str(self.message_id)


def respond_by(
    app: AppContext, clinic: str, urgency: int, *, at: datetime, kind: ItemKind | None = None
) -> datetime:
    """Return by when a person of that clinic should look at what was found at `at`."""
    facts, span = app.catalogue.clinics.get(clinic), TIME_LIMITS[urgency]
    if urgency == AT_ANY_HOUR or facts is None:
        return at + span
    holidays = bank_holidays(facts.division)
    if kind is ItemKind.REPLY and urgency == WITH_CARE:
        if facts.replies_on_call and app.policy.on_call.anybody:
            return at + facts.reply_within
        return while_open_or_first(
            at, facts.reply_within, hours=facts.office_hours, zone=facts.zone, holidays=holidays
        )
    return after_office_time(at, span, hours=facts.office_hours, zone=facts.zone, holidays=holidays)


def open_item(unit: UnitOfWork, task: NewItem) -> UUID:
    """Open an item for a person, or return the one that is there for the same subject."""
    if (known := _gathered(unit.session, unit.by, task)) is not None:
        return known
    item_id, urgency = new_id(unit.by.real_at), task.urgency or URGENCY_OF_KIND[task.kind]
    since = min(task.since or unit.by.at, unit.by.at)
    due_at = task.due_at or respond_by(unit.app, task.clinic, urgency, at=since, kind=task.kind)
    is_new = insert_new(
        unit.session,
        WorklistItem,
        {
            "id": item_id,
            "subject": task.subject,
            "clinic": task.clinic,
            "kind": task.kind.value,
            "urgency": urgency,
            "patient_id": task.patient_id,
            "enrolment_id": task.enrolment_id,
            "message_id": task.message_id,
            "inbound_id": task.inbound_id,
            "detail": {"cause": task.cause, **task.more},
            "opened_at": since,
            "due_at": due_at,
            "escalate_at": due_at,
            "escalations": 0,
            "state": "open",
        },
    )
    if not is_new:
        return unit.session.scalars(
            select(WorklistItem.id).where(WorklistItem.subject == task.subject)
        ).one()
    _add(unit.session, unit.by, item_id, task)
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action="worklist.opened",
            clinic=task.clinic,
            patient_id=task.patient_id,
            enrolment_id=task.enrolment_id,
            message_id=task.message_id,
            detail={"item": str(item_id), "kind": task.kind, "cause": task.cause},
        ),
    )
    return item_id


def _gathered(session: Session, by: AuditContext, task: NewItem) -> UUID | None:
    """Return the item that a message is gathered in, where one of its patient's is still open."""
    if task.message_id is None or task.patient_id is None or task.kind not in GATHERED:
        return None
    # Two that find something at once find one item.
    session.get(Patient, task.patient_id, with_for_update={"key_share": True})
    known = session.scalars(
        select(WorklistItem.id)
        .join(Occurrence, Occurrence.item_id == WorklistItem.id)
        .where(Occurrence.message_id == task.message_id, WorklistItem.kind == task.kind.value)
        .limit(1)
    ).first()
    if known is not None:
        return known
    items = session.scalars(
        select(WorklistItem)
        .where(
            WorklistItem.patient_id == task.patient_id,
            WorklistItem.kind == task.kind.value,
            WorklistItem.message_id.is_not(None),
            WorklistItem.state != "closed",
        )
        .order_by(WorklistItem.opened_at, WorklistItem.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).all()
    # What is about another channel or another enrolment has another remedy.
    item = next((one for one in items if _alike(one, task)), None)
    if item is None:
        return None
    _add(session, by, item.id, task)
    record_event(
        session, by, entry_of(item, "worklist.gathered", cause=task.cause, message=task.of)
    )
    return item.id


def _alike(item: WorklistItem, task: NewItem) -> bool:
    if task.kind is ItemKind.ADVICE_STOPPED:
        # One conversation settles all that they stopped.
        return True
    same_channel = item.detail.get("channel") == task.more.get("channel")
    return item.enrolment_id == task.enrolment_id and same_channel


def _add(session: Session, by: AuditContext, item_id: UUID, task: NewItem) -> None:
    if task.message_id is None:
        return
    row = {
        "item_id": item_id,
        "message_id": task.message_id,
        "cause": task.cause,
        "found_at": by.at,
        "settled": False,
    }
    insert_new(session, Occurrence, row)


def occurrences(session: Session, item_id: UUID) -> Sequence[tuple[Message, str]]:
    """Return the messages that an item is still about, each with its cause, by due time."""
    rows = session.execute(
        select(Message, Occurrence.cause)
        .join(Occurrence, Occurrence.message_id == Message.id)
        .where(Occurrence.item_id == item_id, Occurrence.settled.is_(False))
        .order_by(Message.due_at, Message.id)
    )
    return [(row[0], row[1]) for row in rows]


def settle_open_items(
    session: Session,
    by: AuditContext,
    message_id: UUID,
    *,
    kinds: Collection[ItemKind],
    outcome: str,
) -> None:
    """Close what nobody has taken up yet about a message, because it has settled itself."""
    settled = session.scalars(
        select(WorklistItem)
        .join(Occurrence, Occurrence.item_id == WorklistItem.id)
        .where(
            Occurrence.message_id == message_id,
            WorklistItem.kind.in_([kind.value for kind in kinds]),
            WorklistItem.state == "open",
        )
        .order_by(WorklistItem.id)
        .with_for_update(key_share=True, of=WorklistItem)
        .execution_options(populate_existing=True)
    ).all()
    for item in settled:
        if settle_item_occurrence(session, item, message_id):
            _close(session, by, item, outcome=outcome)


def settle_item_occurrence(session: Session, item: WorklistItem, message_id: UUID) -> bool:
    """Take a message off an item; return whether it was the last one."""
    session.execute(
        update(Occurrence)
        .where(Occurrence.item_id == item.id, Occurrence.message_id == message_id)
        .values(settled=True)
        .execution_options(synchronize_session=False)
    )
    left = [message for message, _ in occurrences(session, item.id)]
    if left and item.message_id == message_id:
        item.message_id = left[0].id
        item.detail = item.detail | {"step": left[0].step, "occurrence": left[0].occurrence}
    return not left


def take_over_item(
    app: AppContext, item_id: UUID, *, actor: str, instead_of: str | None = None
) -> None:
    """Make an item `actor`'s own; raise `Conflict` where somebody else has it or it is closed.

    `instead_of` is the owner whom `actor` takes it over from, as they saw it.
    """

    def work(session: Session) -> None:
        item = _find(session, item_id)
        if item.state == "closed":
            raise Conflict("this item is closed already")
        if item.state == "taken" and item.owner not in {actor, instead_of}:
            raise Conflict(f"{item.owner} has taken this; speak to them first")
        item.state, item.owner = "taken", actor
        item.looked_at = item.looked_at or app.clock.now()
        record_event(session, app.by(actor), entry_of(item, "worklist.taken"))

    app.store.transact(work)


def close_item(app: AppContext, item_id: UUID, *, outcome: str, actor: str, note: str = "") -> None:
    """Close an item with what came of it (a code such as `rang` or `dealt-with`).

    The note is sealed under the patient's key. Raises `Conflict` where it is closed already.
    """
    if not OUTCOME.fullmatch(outcome):
        raise InvalidInput.of("outcome", "use a code of small letters and hyphens, such as rang")
    app.transact(actor, lambda unit: close_item_in(unit, item_id, outcome=outcome, note=note))


def close_item_in(unit: UnitOfWork, item_id: UUID, *, outcome: str, note: str = "") -> None:
    """Close an item in a transaction that is open, with what was done about it."""
    item = _find(unit.session, item_id)
    if item.state == "closed":
        raise Conflict("this item is closed already")
    if item.kind == ItemKind.SAME_PERSON and outcome not in {*IDENTITY_OUTCOMES}:
        message = (
            "first say whether it is the same person, on the item's page or with: followup "
            "worklist same, or followup worklist two"
        )
        raise Conflict(message)
    if item.kind == ItemKind.DRAFT and _waits_for_enrolment(unit.session, item.id):
        message = (
            "an enrolment waits for what is missing: complete it, or close it there because nobody "
            "is to be enrolled, in the console under Needs attention, Enrolments to complete"
        )
        raise Conflict(message)
    add_note(unit, item, note)
    item.looked_at = item.looked_at or unit.by.at
    _close(unit.session, unit.by, item, outcome=outcome)


def add_note(unit: UnitOfWork, item: WorklistItem, note: str) -> None:
    """Add to what stands with an item, sealed; an empty note adds nothing."""
    if len(note) > LONGEST_NOTE:
        raise InvalidInput.of("note", f"use at most {LONGEST_NOTE} characters")
    if not note.strip():
        return
    sealer = sealer_of(unit.session, unit.app, item)
    before = sealer.open_if(item.note_sealed, column=NOTE_COLUMN)
    lines = [line for line in (before, note.strip()) if line]
    item.note_sealed = sealer.seal("\n".join(lines), column=NOTE_COLUMN)


def _waits_for_enrolment(session: Session, item_id: UUID) -> bool:
    """Say whether an enrolment that a hospital's system began is yet to be completed."""
    waits = select(EnrolmentDraft.id).where(
        EnrolmentDraft.item_id == item_id, EnrolmentDraft.state == "waiting"
    )
    return session.scalar(waits.limit(1)) is not None


def sealer_of(session: Session, app: AppContext, item: WorklistItem) -> Sealer:
    """Return what seals the note of an item: the patient's key, or the system's if there is none.

    Raises `NotFound` for a patient whose data was erased.
    """
    patient = session.get(Patient, item.patient_id) if item.patient_id else None
    if patient is None:
        return app.keyring.system
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        raise NotFound("this patient's data was erased: leave the note out")
    return sealer


def open_items(session: Session, *, clinic: str | None = None) -> Sequence[WorklistItem]:
    """Return what waits for a person, the most urgent and oldest first."""
    query = select(WorklistItem).where(WorklistItem.state != "closed")
    if clinic is not None:
        query = query.where(WorklistItem.clinic == clinic)
    return session.scalars(
        query.order_by(WorklistItem.urgency, WorklistItem.opened_at, WorklistItem.id)
    ).all()


def _close(session: Session, by: AuditContext, item: WorklistItem, *, outcome: str) -> None:
    item.state, item.outcome = "closed", outcome
    item.closed_at, item.closed_by = by.at, by.actor
    record_event(session, by, entry_of(item, "worklist.closed", outcome=outcome))


def _find(session: Session, item_id: UUID) -> WorklistItem:
    item = session.get(WorklistItem, item_id, with_for_update={"key_share": True})
    if item is None:
        raise NotFound(f"there is no worklist item {item_id}")
    return item


def entry_of(item: WorklistItem, action: str, **detail: object) -> AuditEntry:
    """Return what the audit trail says when this is done to an item; `detail` holds no words."""
    return AuditEntry(
        action=action,
        clinic=item.clinic,
        patient_id=item.patient_id,
        enrolment_id=item.enrolment_id,
        message_id=item.message_id,
        detail={"item": str(item.id), **detail},
    )
