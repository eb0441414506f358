"""Event horizon: the number up to which the audit trail is complete.

PostgreSQL numbers an entry when it is written, and shows it when its transaction commits: a later
number may be seen first. A reader that went by what it sees would step over the earlier one for
good. So nothing is read above the horizon, below which no transaction is writing any more.

A transaction locks the table for writing before it takes its first number. So whoever holds a
number below the newest one either has ended or stands in the server's list of locks at this moment;
once all who stood there have ended, every number up to that one is decided.
"""

from __future__ import annotations

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from followup.store.engine.upsert import insert_new
from followup.store.models.audit import AuditEvent
from followup.store.models.outbox import EventHorizon

_WRITERS = text(
    "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
    "AND relation = CAST('audit_events' AS regclass) AND mode = 'RowExclusiveLock' "
    "AND granted AND pid <> pg_backend_pid()"
)


def newest_number(session: Session) -> int:
    """Return the number of the newest event that can be seen."""
    return session.scalar(select(func.max(AuditEvent.id))) or 0


def advance_horizon(session: Session) -> int:
    """Move the horizon as far as it goes, and return it. A rival that is at it is not waited for.

    To be called in a transaction of its own that has written nothing.
    """
    if session.get_bind().dialect.name == "sqlite":
        # One transaction writes at a time there, so numbers are in the order of commits.
        return newest_number(session)
    row = session.get(EventHorizon, 1, with_for_update={"skip_locked": True})
    if row is None:
        insert_new(session, EventHorizon, {"id": 1, "upto": 0, "next_upto": 0, "writers": []})
        return session.scalar(select(EventHorizon.upto).where(EventHorizon.id == 1)) or 0
    # In this order: a number that is seen first was taken before the locks are looked at.
    newest = newest_number(session)
    writers = set(session.scalars(_WRITERS))
    if not writers:
        row.upto = row.next_upto = newest
        row.writers = []
    elif not writers & set(row.writers):
        row.upto = row.next_upto
        row.next_upto, row.writers = newest, sorted(writers)
    session.flush()
    return row.upto
