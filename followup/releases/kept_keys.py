"""Signing keys kept on the server: each under its owner's passphrase, which is kept nowhere.

For those who sign in the console. A signature by one says so, for whoever runs the server could
have watched the passphrase; a key on its owner's own computer is better.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import NotFound
from followup.domain.releases.signer import PublicKey, Signer, SigningRole, read_public_key
from followup.signatures.minisign import SigningKey
from followup.signatures.secret_key import USUAL, Effort, locked, new_signing_key, unlocked
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.releases import KeptKey

COLUMN = "kept_keys.secret"
COUNTS_FOR = timedelta(days=730)
_ONE_AT_A_TIME = Lock()
"""A passphrase takes a quarter of a gigabyte: guesses must not take the server down."""


def make_kept_key(
    app: AppContext,
    staff_id: UUID,
    *,
    name: str,
    passphrase: str,
    actor: str,
    effort: Effort = USUAL,
) -> Signer:
    """Make a key for a member of staff in place of any that is there; return them as a signer.

    It counts once their file is among the clinic's signers. Raises `InvalidInput` for a passphrase
    that is too short.
    """
    key = new_signing_key()
    with _ONE_AT_A_TIME:
        secret = locked(key, passphrase, effort=effort)
    now = app.clock.now().replace(microsecond=0)

    def work(unit: UnitOfWork) -> None:
        unit.session.execute(delete(KeptKey).where(KeptKey.staff_id == staff_id))
        row = KeptKey(
            staff_id=staff_id,
            public_key=key.public.line,
            secret_sealed=app.keyring.system.seal(secret, column=COLUMN),
            made_at=unit.by.at,
        )
        unit.session.add(row)
        detail = {"key": key.public.name}
        record_event(unit.session, unit.by, AuditEntry(action="signing-key.made", detail=detail))

    app.transact(actor, work)
    return signer_for(key.public, name=name, made_at=now)


def signer_for(key: PublicKey, *, name: str, made_at: datetime) -> Signer:
    """Return the signer whose file the clinic is to add; the roles are for it to choose."""
    return Signer(
        name=name,
        roles=frozenset(SigningRole),
        public_key=key,
        valid_from=made_at,
        valid_until=made_at + COUNTS_FOR,
    )


def kept_public_key(session: Session, staff_id: UUID) -> tuple[PublicKey, datetime] | None:
    """Return the public half of a member's key, and when it was made."""
    row = session.get(KeptKey, staff_id)
    return None if row is None else (read_public_key(row.public_key), row.made_at)


def open_kept_key(app: AppContext, staff_id: UUID, passphrase: str) -> SigningKey:
    """Return a member's key, unlocked; raise `InvalidInput` for the wrong passphrase."""
    with app.store.read() as session:
        sealed = session.scalar(select(KeptKey.secret_sealed).where(KeptKey.staff_id == staff_id))
    if sealed is None:
        raise NotFound("you have no signing key here: make one on the page of your account")
    with _ONE_AT_A_TIME:
        return unlocked(app.keyring.system.open(sealed, column=COLUMN), passphrase)
