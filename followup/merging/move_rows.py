"""Moving of rows from one record to another: whose they are, and the key that seals them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import Conflict
from followup.store.encryption.columns import CALL_NOTE_COLUMN, PAGE_TOKEN_COLUMN
from followup.store.encryption.sealing import Sealer
from followup.store.engine.bulk import update_many
from followup.store.models.base import Base
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, InboundMessage, Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.staff import Call
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NOTE_COLUMN


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedTable:
    """A table with columns under a patient's key; `by_row` are sealed for their row as well."""

    table: type[Base]
    columns: Mapping[str, str]
    by_row: bool = False


OWNED = (
    SealedTable(
        table=Enrolment,
        columns={
            "ended_reason_sealed": "enrolments.ended_reason",
            "page_token_sealed": PAGE_TOKEN_COLUMN,
        },
    ),
    SealedTable(table=Message, columns={"address_sealed": "messages.address"}),
    SealedTable(
        table=InboundMessage,
        columns={
            "address_sealed": "inbound_messages.address",
            "body_sealed": "inbound_messages.body",
        },
        by_row=True,
    ),
    SealedTable(table=Call, columns={"note_sealed": CALL_NOTE_COLUMN}),
    SealedTable(table=WorklistItem, columns={"note_sealed": NOTE_COLUMN}),
    SealedTable(table=Objection, columns={}),
)
"""All that belongs to a patient and goes with them. The audit trail stays: it tells of what was."""

ATTEMPTS = SealedTable(
    table=Attempt,
    columns={
        f"{name}_sealed": f"attempts.{name}"
        for name in ("address", "subject", "body", "html", "words_salt")
    },
    by_row=True,
)

ALL = true()

OwnedIds = Mapping[str, Collection[UUID]]
"""Rows by the names of their tables."""


def owned_by(session: Session, patient_id: UUID) -> dict[str, list[UUID]]:
    """Return all that belongs to a patient."""
    found = {}
    for each in OWNED:
        table: Any = each.table
        found[each.table.__tablename__] = list(
            session.scalars(
                select(table.id).where(table.patient_id == patient_id).order_by(table.id)
            )
        )
    return found


def move_rows(
    session: Session, app: AppContext, ids: OwnedIds, *, of: Patient, to: Patient
) -> None:
    """Make rows of one patient another's, sealed under the other's key.

    In as many statements as for one row. What is read of them afterwards must be read anew.
    """
    before, after = _sealer(app, of), _sealer(app, to)
    session.flush()
    messages = list(ids.get("messages", ()))
    mine = select(Message.id).where(Message.patient_id == of.id, Message.id.in_(messages))
    # Before the messages, which tell whose they are.
    _seal_anew(session, ATTEMPTS, Attempt.message_id.in_(mine), before, after)
    for each in OWNED:
        table: Any = each.table
        wanted = list(ids.get(each.table.__tablename__, ()))
        if wanted:
            theirs = table.id.in_(wanted) & (table.patient_id == of.id)
            _seal_anew(session, each, theirs, before, after, patient_id=to.id)
    session.expire_all()


def rename_rows(session: Session, *, of: Patient, to: Patient) -> None:
    """Make what decides on the timeline another's, for a look at it that is rolled back."""
    for table in (Enrolment, Message, Objection):
        session.execute(
            update(table)
            .where(table.patient_id == of.id)
            .values(patient_id=to.id)
            .execution_options(synchronize_session=False)
        )
    session.expire_all()


def _seal_anew(
    session: Session,
    each: SealedTable,
    which: ColumnElement[bool],
    before: Sealer,
    after: Sealer,
    **values: UUID,
) -> None:
    table: Any = each.table
    sealed = [getattr(table, name) for name in each.columns]
    rows = []
    for row in session.execute(
        select(table.id, *sealed).where(which).order_by(table.id)
    ).mappings():
        place = row["id"] if each.by_row else None
        opened = {
            name: before.open_if(row[name], column=column, row=place)
            for name, column in each.columns.items()
        }
        anew = {
            name: after.seal_if(opened[name], column=column, row=place)
            for name, column in each.columns.items()
        }
        rows.append({"id": row["id"], **values, **anew})
    update_many(session, each.table, rows, only=ALL)


def _sealer(app: AppContext, patient: Patient) -> Sealer:
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        raise Conflict("the data of one of the two was erased: there is nothing to merge")
    return sealer
