"""API keys: bearer keys shown once, kept as a hash, with scopes, bound to one clinic or to none.

A key is 256 random bits, so that a plain SHA-256 of it can't be turned back: there is no small set
of likely keys to try, as there is with passwords.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.api_scope import ApiScope
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.file_shape import did_you_mean
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.operations import ApiKey

KEY_PREFIX = "fu_"
"""So that a key which strays into a file or a log is known for what it is."""
KEY_PATTERN = re.compile(rf"{KEY_PREFIX}[A-Za-z0-9_-]{{43}}")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiClient:
    """Whoever calls the API. `clinic` None may do what the scopes say at every clinic."""

    name: str
    clinic: str | None
    scopes: frozenset[ApiScope] = frozenset({ApiScope.ENROLMENTS})

    @property
    def actor(self) -> str:
        """What the audit trail calls them."""
        return f"api:{self.name}"

    def may_see(self, clinic: str) -> bool:
        return self.clinic in (None, clinic)


def add_api_key(
    app: AppContext,
    name: str,
    *,
    clinic: str | None = None,
    scopes: Collection[ApiScope] = (ApiScope.ENROLMENTS,),
    actor: str,
) -> str:
    """Make a key and return it: it can't be shown again.

    Raises `InvalidInput` for a name or clinic that can't be, `Conflict` for a name in use.
    """
    if not NAME_PATTERN.fullmatch(name):
        raise InvalidInput.of("name", "use 1 to 60 letters, digits, dots, dashes and underscores")
    if clinic is not None and clinic not in app.catalogue.clinics:
        meant = did_you_mean(clinic, app.catalogue.clinics)
        raise InvalidInput.of("clinic", f"there is no such clinic; {meant}")
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    made = {
        "name": name,
        "clinic": clinic,
        "hash": _hash(key),
        "scopes": sorted({scope.value for scope in scopes}),
    }
    app.transact(actor, lambda unit: _add(unit, made))
    return key


def revoke_api_key(app: AppContext, name: str, *, actor: str) -> None:
    """Let a key open nothing from now on; raise `NotFound`, or `Conflict` if it was before."""

    def work(session: Session) -> None:
        found = session.scalar(select(ApiKey).where(ApiKey.name == name).with_for_update())
        if found is None:
            message = f"there is no key named {name}; list them with: followup api-key list"
            raise NotFound(message)
        if found.revoked_at is not None:
            message = f"the key {name} was revoked already"
            raise Conflict(message)
        by = app.by(actor)
        found.revoked_at = by.at
        record_event(
            session,
            by,
            AuditEntry(action="api-key.revoked", clinic=found.clinic, detail={"key": name}),
        )

    app.store.transact(work)


def all_api_keys(app: AppContext) -> Sequence[ApiKey]:
    """Return every key that was ever made, by name; the keys themselves are not known any more."""
    with app.store.read() as session:
        return session.scalars(select(ApiKey).order_by(ApiKey.name)).all()


def check_api_key(app: AppContext, key: str) -> ApiClient | None:
    """Return whose key this is, or None if it opens nothing."""
    if not KEY_PATTERN.fullmatch(key):
        return None
    with app.store.read() as session:
        found = session.execute(
            select(ApiKey.name, ApiKey.clinic, ApiKey.scopes).where(
                ApiKey.hash == _hash(key), ApiKey.revoked_at.is_(None)
            )
        ).first()
    if found is None:
        return None
    scopes = frozenset(map(ApiScope, found.scopes))
    return ApiClient(name=found.name, clinic=found.clinic, scopes=scopes)


def _add(unit: UnitOfWork, made: dict[str, Any]) -> None:
    row = {"id": new_id(unit.by.real_at), "created_at": unit.by.at, **made}
    name, clinic, scopes = made["name"], made["clinic"], made["scopes"]
    if not insert_new(unit.session, ApiKey, row):
        message = f"there is a key named {name} already, or was: choose another name"
        raise Conflict(message)
    detail = {"key": name, "scopes": scopes}
    record_event(
        unit.session, unit.by, AuditEntry(action="api-key.added", clinic=clinic, detail=detail)
    )


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
