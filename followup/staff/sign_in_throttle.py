"""Sign-in throttle: per account, whether it exists or not, and per address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.store.engine.types import new_id
from followup.store.models.staff import SignInAttempt

THROTTLE_WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 5
PER_ADDRESS = 50
"""A whole clinic may sit behind one address."""
ATTEMPT_RETENTION = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class SignInAttemptRecord:
    """A try that was counted; `allowed` says whether it may go on."""

    id: UUID
    allowed: bool


def begin_attempt(app: AppContext, *, account: str, address: str) -> SignInAttemptRecord:
    """Count a try before it is made, so that many at once are counted too."""
    account_index = app.keyring.indexes.of("staff account", account.strip().lower())
    address_index = app.keyring.indexes.of("network address", address)

    def work(session: Session) -> SignInAttemptRecord:
        now = app.clock.real_now()
        session.execute(
            delete(SignInAttempt).where(SignInAttempt.real_at < now - ATTEMPT_RETENTION)
        )
        attempt = SignInAttempt(
            id=new_id(now),
            account_index=account_index,
            address_index=address_index,
            real_at=now,
            succeeded=False,
        )
        session.add(attempt)
        session.flush()
        failed = (
            select(func.count())
            .select_from(SignInAttempt)
            .where(
                SignInAttempt.real_at > now - THROTTLE_WINDOW, SignInAttempt.succeeded.is_(False)
            )
        )
        of_account = session.scalar(failed.where(SignInAttempt.account_index == account_index))
        of_address = session.scalar(failed.where(SignInAttempt.address_index == address_index))
        allowed = (of_account or 0) <= PER_ACCOUNT and (of_address or 0) <= PER_ADDRESS
        return SignInAttemptRecord(attempt.id, allowed)

    return app.store.transact(work)


def record_success(session: Session, attempt: SignInAttemptRecord) -> None:
    """Note that a try was right: it does not count against anybody."""
    session.execute(
        update(SignInAttempt).where(SignInAttempt.id == attempt.id).values(succeeded=True)
    )
