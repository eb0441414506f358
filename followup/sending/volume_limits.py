"""Volume limits: so many messages of one content a minute, so many to one patient a day.

What is beyond a limit is held, and a person asked: they let it go (`let_go`), throw a kill switch,
or leave it to expire. Answers to patients count by their content only, never by the patient.

Messages of one content are counted in the database, by the minute, in the transaction that begins
them: many workers share one count. A patient's are not counted apart: those sent within a day are
looked up, with those that another worker has in hand. Two workers can so hold one message more than
need be, and never send one more than may be.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.auto_reply import FOR_SAFETY
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import LEASED_STATES, State
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason
from followup.sending.attempt_builder import StartedAttempt
from followup.store.audit_log import AuditContext, AuditEntry, record_event
from followup.store.engine.bulk import is_among
from followup.store.message_state import lock_in, move_messages, state_is
from followup.store.models.messages import Message, VersionMinute
from followup.worklist.items import NewItem, open_item

DAY = timedelta(days=1)
COUNT_RETENTION = timedelta(minutes=5)
"""How long (real time) the count of a minute is kept: nobody asks for any but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldByLimit:
    """Messages that wait for a person, of one clinic and template."""

    clinic: str
    template: str
    held: int
    oldest: datetime


def within_limits(unit: UnitOfWork, prepared: Sequence[StartedAttempt]) -> list[StartedAttempt]:
    """Return what may be sent, in order; hold the rest, and ask a person about it."""
    bound = [one for one in prepared if not one.row.let_go and not _is_for_safety(one)]
    too_many = _beyond_for_patients(unit, bound)
    rest = [one for one in bound if one.row.id not in too_many]
    too_fast = _beyond_for_versions(unit, rest)
    _hold(unit, prepared, too_many, whose="patient")
    _hold(unit, prepared, too_fast, whose="version")
    return [one for one in prepared if one.row.id not in too_many | too_fast]


def _is_for_safety(one: StartedAttempt) -> bool:
    """Say whether it answers a red flag: a patient who wrote is told what to do, however many do.

    No number gets more than three of these a day (`followup.replies.auto_reply`).
    """
    return one.row.kind == MessageKind.REPLY and one.row.template in FOR_SAFETY


def release_surplus(
    app: AppContext, *, actor: str, enrolment_id: UUID | None = None, template: str | None = None
) -> int:
    """Let messages go that were held for being too many; return how many are still useful.

    Those of an enrolment, of a template, or all. They count no more: a person has looked at them.
    """

    def work(unit: UnitOfWork) -> int:
        conditions = [Message.reason == Reason.VOLUME_LIMIT.value, Message.not_after > unit.by.at]
        if enrolment_id is not None:
            conditions.append(Message.enrolment_id == enrolment_id)
        if template is not None:
            conditions.append(Message.template == template)
        held = lock_in(unit.session, [State.HELD], *conditions)[State.HELD]
        moved = move_messages(
            unit.session,
            unit.by,
            held,
            expected=State.HELD,
            to=State.PLANNED,
            reason=Reason.LET_GO,
            let_go=True,
        )
        detail = {"messages": len(moved), "template": template}
        record_event(
            unit.session,
            unit.by,
            AuditEntry(action="blast-radius.let-go", enrolment_id=enrolment_id, detail=detail),
        )
        return len(moved)

    return app.transact(actor, work)


def held_by_limits(session: Session) -> list[HeldByLimit]:
    """Return what waits for a person because it was too much."""
    rows = session.execute(
        select(Message.clinic, Message.template, func.count(), func.min(Message.due_at))
        .where(state_is(State.HELD), Message.reason == Reason.VOLUME_LIMIT.value)
        .group_by(Message.clinic, Message.template)
        .order_by(Message.clinic, Message.template)
    )
    return [HeldByLimit(clinic=row[0], template=row[1], held=row[2], oldest=row[3]) for row in rows]


def forget_minutes(app: AppContext) -> int:
    """Drop the counts of minutes long past; return 0, because there is never a next batch."""
    before = _minute(app.clock.real_now() - COUNT_RETENTION)
    app.store.transact(
        lambda session: session.execute(delete(VersionMinute).where(VersionMinute.minute < before))
    )
    return 0


def _beyond_for_patients(unit: UnitOfWork, prepared: Sequence[StartedAttempt]) -> frozenset[UUID]:
    """Return the messages by which a patient would get more in a day than they may."""
    advice = [
        (one.row.id, one.row.patient_id)
        for one in prepared
        if one.row.kind == MessageKind.ADVICE and one.row.patient_id is not None
    ]
    if not advice:
        return frozenset()
    others = _in_a_day(unit.session, unit.by, {patient_id for _, patient_id in advice})
    # These are claimed, and so among those that were counted.
    others.subtract(patient_id for _, patient_id in advice)
    beyond = set()
    for message_id, patient_id in advice:
        others[patient_id] += 1
        if others[patient_id] > unit.app.policy.patient_per_day:
            beyond.add(message_id)
    return frozenset(beyond)


def _in_a_day(session: Session, by: AuditContext, patients: Collection[UUID]) -> Counter[UUID]:
    """Return how many messages patients got within a day, or are about to get."""
    rows = session.execute(
        select(Message.patient_id, func.count())
        .where(
            is_among(Message.patient_id, patients),
            Message.kind == MessageKind.ADVICE.value,
            or_(state_is(*LEASED_STATES), Message.sent_at > by.at - DAY),
        )
        .group_by(Message.patient_id)
    )
    return Counter({row[0]: row[1] for row in rows if row[0] is not None})


def _beyond_for_versions(unit: UnitOfWork, prepared: Sequence[StartedAttempt]) -> frozenset[UUID]:
    """Return the messages by which a content would go out more often in a minute than it may."""
    by_version: dict[str, list[UUID]] = defaultdict(list)
    for one in prepared:
        by_version[one.version.id].append(one.row.id)
    beyond: set[UUID] = set()
    # In a fixed order, so that no two workers wait for each other's counts.
    for version, ids in sorted(by_version.items()):
        before = _count(unit.session, version, _minute(unit.by.real_at), len(ids)) - len(ids)
        beyond.update(ids[max(unit.app.policy.version_per_minute - before, 0) :])
    return frozenset(beyond)


def _count(session: Session, version: str, minute: int, more: int) -> int:
    """Add to the count of a version's minute; return what it is now, with what rivals added."""
    table = VersionMinute.__table__
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).values(version=version, minute=minute, begun=more)  # type: ignore[arg-type]
    counted = session.connection().execute(
        statement.on_conflict_do_update(
            index_elements=["version", "minute"], set_={"begun": table.c.begun + more}
        ).returning(table.c.begun)
    )
    return int(counted.scalar_one())


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60


def _hold(
    unit: UnitOfWork, prepared: Sequence[StartedAttempt], beyond: frozenset[UUID], *, whose: str
) -> None:
    held = move_messages(
        unit.session,
        unit.by,
        [one.row.id for one in prepared if one.row.id in beyond],
        expected=State.CLAIMED,
        to=State.HELD,
        reason=Reason.VOLUME_LIMIT,
        detail={"limit": whose},
    )
    for one in prepared:
        if one.row.id in held:
            open_item(unit, _task(unit.app, unit.by, one, whose=whose))


def _task(app: AppContext, by: AuditContext, one: StartedAttempt, *, whose: str) -> NewItem:
    """Return one task a day for a patient, or for a content at a clinic."""
    row, day = one.row, f"{by.at:%F}"
    if whose == "patient":
        return NewItem(
            subject=f"{ItemKind.VOLUME_LIMIT}:patient:{row.patient_id}:{day}",
            kind=ItemKind.VOLUME_LIMIT,
            clinic=row.clinic,
            cause=Reason.TOO_MANY_TO_ONE_PATIENT,
            patient_id=row.patient_id,
            enrolment_id=row.enrolment_id,
            more={"limit": app.policy.patient_per_day},
        )
    return NewItem(
        subject=f"{ItemKind.VOLUME_LIMIT}:version:{row.clinic}:{one.version.id[:16]}:{day}",
        kind=ItemKind.VOLUME_LIMIT,
        clinic=row.clinic,
        cause=Reason.TOO_MANY_OF_ONE_CONTENT,
        more={"limit": app.policy.version_per_minute, "template": row.template},
    )
