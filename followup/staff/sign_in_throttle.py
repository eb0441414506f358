"""Sign-in throttle: per account, whether it exists or not, and per network address.

Whoever guesses from elsewhere keeps nobody out who signed in from where they are now within a
month: there their own tries count alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.store.engine.types import new_id
from followup.store.models.staff import SignInAttempt

THROTTLE_WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 5
"""Wrong tries for one account from one address."""
FROM_EVERYWHERE = 50
"""Wrong tries for one account from all addresses that it is not known from."""
PER_ADDRESS = 50
"""A whole clinic may sit behind one address."""
ATTEMPT_RETENTION = timedelta(days=1)
KNOWN_FOR = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class SignInAttemptRecord:
    """A try that was counted; `allowed` says whether it may go on."""

    id: UUID
    allowed: bool


def begin_attempt(
    app: AppContext, *, account: str, address: str, from_everywhere: int = FROM_EVERYWHERE
) -> SignInAttemptRecord:
    """Count a try before it is made, so that many at once are counted too."""
    account_index = app.keyring.indexes.of("staff account", account.strip().lower())
    address_index = app.keyring.indexes.of("network address", address)

    def work(session: Session) -> SignInAttemptRecord:
        now = app.clock.real_now()
        _forget(session, now)
        attempt = SignInAttempt(
            id=new_id(now),
            account_index=account_index,
            address_index=address_index,
            real_at=now,
            succeeded=False,
        )
        session.add(attempt)
        session.flush()
        of_account = SignInAttempt.account_index == account_index
        from_here = SignInAttempt.address_index == address_index
        allowed = _failed(session, now, of_account, from_here) <= PER_ACCOUNT and (
            _is_known(session, of_account, from_here)
            or (
                _failed(session, now, of_account) <= from_everywhere
                and _failed(session, now, from_here) <= PER_ADDRESS
            )
        )
        return SignInAttemptRecord(attempt.id, allowed)

    return app.store.transact(work)


def _forget(session: Session, now: datetime) -> None:
    wrong = SignInAttempt.succeeded.is_(False)
    old = and_(wrong, SignInAttempt.real_at < now - ATTEMPT_RETENTION)
    session.execute(delete(SignInAttempt).where(or_(old, SignInAttempt.real_at < now - KNOWN_FOR)))


def _failed(session: Session, now: datetime, *which: ColumnElement[bool]) -> int:
    recent = (SignInAttempt.real_at > now - THROTTLE_WINDOW, SignInAttempt.succeeded.is_(False))
    query = select(func.count()).select_from(SignInAttempt).where(*recent, *which)
    return session.scalar(query) or 0


def _is_known(session: Session, *which: ColumnElement[bool]) -> bool:
    query = select(SignInAttempt.id).where(SignInAttempt.succeeded.is_(True), *which).limit(1)
    return session.scalar(query) is not None


def record_success(session: Session, attempt: SignInAttemptRecord) -> None:
    """Note that a try was right: it does not count against anybody."""
    session.execute(
        update(SignInAttempt).where(SignInAttempt.id == attempt.id).values(succeeded=True)
    )
