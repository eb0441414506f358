"""Sign-in sessions on the server's side, found by the hash of a token.

All times are real. A session ends after a quarter of an hour without a request, after half a day
whatever happens, when its owner signs out, and when the account is switched off. Its token changes
with each step of signing in.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.staff.members import Member, member_of
from followup.store.engine.types import new_id
from followup.store.models.staff import Staff, StaffSession

IDLE_LIMIT = timedelta(minutes=15)
LONGEST_SESSION = timedelta(hours=12)
UNFINISHED = timedelta(minutes=10)
"""How long somebody who gave the password may take over the one-time code."""
NOTED_EVERY = timedelta(seconds=30)
"""A request is noted at most this often: each note is a write."""
SESSION_RETENTION = timedelta(days=30)
TOKEN_PATTERN = re.compile(r"[A-Za-z0-9_-]{43}")


class Stage(StrEnum):
    """How far somebody has got with signing in."""

    CODE = "code"
    """The one-time code is owed."""
    ENROL_CODE = "enrol-code"
    """A second factor has to be set up first."""
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedInSession:
    """A session in force. `ends_at` is when it ends without another request, in real time."""

    id: UUID
    stage: Stage
    member: Member
    has_code: bool
    began_at: datetime
    ends_at: datetime


def token_hash(token: str) -> bytes:
    """Return what is kept of a token: 256 random bits can't be guessed back from a plain hash."""
    return hashlib.sha256(token.encode()).digest()


def new_token() -> str:
    """Return a fresh token of 256 random bits."""
    return secrets.token_urlsafe(32)


def begin_session(
    session: Session, app: AppContext, staff: Staff, *, stage: Stage, browser: str
) -> str:
    """Begin a session and return its token."""
    now, token = app.clock.real_now(), new_token()
    session.execute(
        delete(StaffSession).where(
            StaffSession.staff_id == staff.id, StaffSession.seen_real_at < now - SESSION_RETENTION
        )
    )
    session.add(
        StaffSession(
            id=new_id(now),
            token_hash=token_hash(token),
            staff_id=staff.id,
            stage=stage.value,
            browser=browser[:60],
            began_real_at=now,
            seen_real_at=now,
        )
    )
    session.flush()
    return token


def find_presence(
    app: AppContext, token: str | None, *, quietly: bool = False
) -> SignedInSession | None:
    """Return the session of this token, if it is in force, and note that it was used.

    `quietly` leaves the note out: a page that refreshes by itself is no sign of a person.
    """
    if token is None or not TOKEN_PATTERN.fullmatch(token):
        return None
    now = app.clock.real_now()
    with app.store.read() as session:
        found = session.execute(
            select(StaffSession, Staff)
            .join(Staff, Staff.id == StaffSession.staff_id)
            .where(StaffSession.token_hash == token_hash(token))
        ).first()
    if found is None or not _in_force(found[0], found[1], now=now):
        return None
    row, staff = found
    ends_at = min(row.seen_real_at + IDLE_LIMIT, row.began_real_at + LONGEST_SESSION)
    if not quietly and now - row.seen_real_at >= NOTED_EVERY:
        with app.store.write() as session:
            session.execute(
                update(StaffSession).where(StaffSession.id == row.id).values(seen_real_at=now)
            )
    return SignedInSession(
        id=row.id,
        stage=Stage(row.stage),
        member=member_of(staff),
        has_code=staff.code_key_sealed is not None,
        began_at=row.began_real_at,
        ends_at=ends_at,
    )


def rotate_session(session: Session, app: AppContext, session_id: UUID, *, stage: Stage) -> str:
    """Move a session on to the next stage, under a new token; the old one opens nothing more."""
    token = new_token()
    session.execute(
        update(StaffSession)
        .where(StaffSession.id == session_id)
        .values(
            token_hash=token_hash(token),
            stage=stage.value,
            seen_real_at=app.clock.real_now(),
            new_code_key_sealed=None,
        )
    )
    return token


def end_session(session: Session, app: AppContext, session_id: UUID) -> None:
    """End one session."""
    _end(session, app, StaffSession.id == session_id)


def end_all_sessions(session: Session, app: AppContext, staff_id: UUID) -> None:
    """End every session of somebody."""
    _end(session, app, StaffSession.staff_id == staff_id)


def open_sessions(session: Session, app: AppContext, staff_id: UUID) -> Sequence[StaffSession]:
    """Return the sessions of somebody that are in force, the latest first."""
    now = app.clock.real_now()
    return session.scalars(
        select(StaffSession)
        .where(
            StaffSession.staff_id == staff_id,
            StaffSession.ended_real_at.is_(None),
            StaffSession.seen_real_at > now - IDLE_LIMIT,
            StaffSession.began_real_at > now - LONGEST_SESSION,
        )
        .order_by(StaffSession.seen_real_at.desc())
    ).all()


def last_seen(session: Session, staff_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """Return when each of these members of staff last used the console, in real time."""
    rows = session.execute(
        select(StaffSession.staff_id, func.max(StaffSession.seen_real_at))
        .where(StaffSession.staff_id.in_(staff_ids))
        .group_by(StaffSession.staff_id)
    )
    return {row[0]: row[1] for row in rows}


def _end(session: Session, app: AppContext, which: object) -> None:
    session.execute(
        update(StaffSession)
        .where(which, StaffSession.ended_real_at.is_(None))  # type: ignore[arg-type]
        .values(ended_real_at=app.clock.real_now())
    )


def _in_force(row: StaffSession, staff: Staff, *, now: datetime) -> bool:
    if row.ended_real_at is not None or staff.disabled_at is not None:
        return False
    longest = LONGEST_SESSION if row.stage == Stage.FULL else UNFINISHED
    return now < row.seen_real_at + IDLE_LIMIT and now < row.began_real_at + longest
