"""Sandbox outbox in the database: sealed, and readable with `followup outbox`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from followup.domain.attempt_outcome import AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.patients.records import address_index
from followup.providers.interface import ReportedStatus
from followup.providers.sandbox import CarriedMessage, reported_of
from followup.store.encryption.sealing import Keyring
from followup.store.engine.session import Store
from followup.store.engine.upsert import insert_new
from followup.store.models.messages import Attempt, SandboxMessage

TO, SUBJECT, BODY = (f"sandbox_messages.{name}" for name in ("to", "subject", "body"))


class StoredOutbox:
    """The outbox of the sandbox channels, shared by every process on the database."""

    def __init__(self, store: Store, keyring: Keyring) -> None:
        self._store = store
        self._keyring = keyring

    def add(self, carried: CarriedMessage) -> None:
        sealer = self._keyring.system
        row = {
            "id": carried.id,
            "kind": carried.kind.value,
            "message_id": carried.message_id,
            "attempt_id": carried.attempt_id,
            "to_index": address_index(self._keyring.indexes, carried.kind, carried.to),
            "to_sealed": sealer.seal(carried.to, column=TO),
            "subject_sealed": sealer.seal_if(carried.subject, column=SUBJECT),
            "body_sealed": sealer.seal(carried.body, column=BODY),
            "accepted_at": carried.accepted_at,
            "status": carried.status.value,
            "code": carried.code,
            "report_at": carried.report_at,
            "next_status": carried.next_status.value if carried.next_status else None,
        }
        self._store.transact(lambda session: insert_new(session, SandboxMessage, row))

    def take_due(self, now: datetime, *, limit: int) -> Sequence[CarriedMessage]:
        with self._store.read() as session:
            nothing_due = (
                session.scalar(
                    select(SandboxMessage.id).where(SandboxMessage.report_at <= now).limit(1)
                )
                is None
            )
        if nothing_due:
            return []

        def work(session: Session) -> list[CarriedMessage]:
            rows = session.scalars(
                select(SandboxMessage)
                .where(SandboxMessage.report_at <= now)
                .order_by(SandboxMessage.report_at)
                .limit(limit)
                .with_for_update(skip_locked=True)
            ).all()
            reported = [reported_of(self._carried(row)) for row in rows]
            for row, one in zip(rows, reported, strict=True):
                row.status, row.next_status, row.report_at = one.status.value, None, None
            return reported

        return self._store.transact(work)

    def of_attempt(self, attempt_id: UUID) -> CarriedMessage | None:
        return self._one(SandboxMessage.attempt_id == attempt_id)

    def get(self, provider_id: str) -> CarriedMessage | None:
        return self._one(SandboxMessage.id == provider_id)

    def refusals(self, message_id: UUID) -> int:
        """Count by the attempts made before this one: they are in the database already."""
        with self._store.read() as session:
            return len(
                session.execute(
                    select(Attempt.id).where(
                        Attempt.message_id == message_id,
                        Attempt.outcome == AttemptOutcome.UNAVAILABLE.value,
                    )
                ).all()
            )

    def entries(
        self, *, to: str | None = None, kind: ChannelKind | None = None, limit: int = 1000
    ) -> Sequence[CarriedMessage]:
        """Return the latest messages taken, oldest first; only those to one address if given."""
        query = select(SandboxMessage).order_by(
            SandboxMessage.accepted_at.desc(), SandboxMessage.id.desc()
        )
        if kind is not None:
            query = query.where(SandboxMessage.kind == kind.value)
        if to is not None:
            channel = ChannelKind.EMAIL if "@" in to else ChannelKind.SMS
            index = address_index(self._keyring.indexes, channel, to)
            query = query.where(SandboxMessage.to_index == index)
        with self._store.read() as session:
            rows = session.scalars(query.limit(limit)).all()
            return [self._carried(row) for row in reversed(rows)]

    def _one(self, condition: ColumnElement[bool]) -> CarriedMessage | None:
        with self._store.read() as session:
            row = session.scalar(select(SandboxMessage).where(condition))
            return None if row is None else self._carried(row)

    def _carried(self, row: SandboxMessage) -> CarriedMessage:
        sealer = self._keyring.system
        return CarriedMessage(
            id=row.id,
            kind=ChannelKind(row.kind),
            message_id=row.message_id,
            attempt_id=row.attempt_id,
            to=sealer.open(row.to_sealed, column=TO),
            subject=sealer.open_if(row.subject_sealed, column=SUBJECT),
            body=sealer.open(row.body_sealed, column=BODY),
            accepted_at=row.accepted_at,
            status=ReportedStatus(row.status),
            next_status=ReportedStatus(row.next_status) if row.next_status else None,
            report_at=row.report_at,
            code=row.code,
        )
