"""Sent words: the exact texts whose digests stand in events, with what it takes to check them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.messages.words_digest import SALT_COLUMN, canonical_words, words_digest
from followup.store.encryption.sealing import Sealer
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class SentWords:
    """The words of one attempt as canonical JSON, and their salt in hex."""

    words: str
    salt: str


def sent_words(
    session: Session, app: AppContext, events: Sequence[AuditEvent]
) -> dict[int, SentWords]:
    """Return the words of each event that has a digest of some, but for those that were erased.

    Words that are not those of the digest are left out as well: they prove nothing.
    """
    bound = {event.id: (event.message_id, (event.detail or {}).get("words")) for event in events}
    wanted = {message: None for message, digest in bound.values() if message and digest}
    kept: dict[tuple[UUID | None, str | None], SentWords] = {}
    for message_id, each in _attempts(session, app, list(wanted)):
        kept[message_id, words_digest(each.salt, each.words)] = each
    return {id_: kept[key] for id_, key in bound.items() if key in kept}


def _attempts(
    session: Session, app: AppContext, messages: Sequence[UUID]
) -> Iterator[tuple[UUID, SentWords]]:
    rows = session.execute(
        select(Attempt, Message.patient_id, Patient.data_key, Patient.master_key_id)
        .join(Message, Message.id == Attempt.message_id)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(Attempt.message_id.in_(messages), Attempt.words_salt_sealed.is_not(None))
    )
    for attempt, patient_id, data_key, master_key_id in rows:
        sealer: Sealer | None = app.keyring.system
        if patient_id is not None:
            sealer = app.keyring.patient(data_key, master_key_id)
        if sealer is not None:
            yield attempt.message_id, _opened(sealer, attempt)


def _opened(sealer: Sealer, attempt: Attempt) -> SentWords:
    opened = {
        name: sealer.open_if(
            getattr(attempt, f"{name}_sealed"), column=f"attempts.{name}", row=attempt.id
        )
        for name in ("subject", "body", "html")
    }
    salt = sealer.open_if(attempt.words_salt_sealed, column=SALT_COLUMN, row=attempt.id)
    words = canonical_words(
        subject=opened["subject"], text=opened["body"] or "", html=opened["html"]
    )
    return SentWords(words=words, salt=salt or "")
