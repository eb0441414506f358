"""The link to a patient's own page: a random token that expires and can be taken back.

A look-up goes by a keyed hash. The token itself is kept sealed under the patient's key, because
later messages carry it too, and goes with that key when the patient is erased.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content import PAGE_TOKEN
from followup.domain.errors import Conflict, NotFound
from followup.domain.timeline import PlannedMessage
from followup.kit import Kit
from followup.ongoing import find, note
from followup.store.models import Enrolment, Patient

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Without signs that are taken for each other: 16 of them are 93 bits."""
COLUMN = "enrolments.page_token"
LASTS = timedelta(days=30)
"""For so long after its last message a page can be opened."""


def open_page(
    kit: Kit, enrolment: Enrolment, patient: Patient, timeline: Iterable[PlannedMessage]
) -> str:
    """Give an enrolment a page, or another address for it; return the token."""
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        message = "this patient's data was erased: there is nothing to show on a page"
        raise Conflict(message)
    token = "".join(secrets.choice(ALPHABET) for _ in range(PAGE_TOKEN))
    enrolment.page_index = _index(kit, token)
    enrolment.page_token_sealed = sealer.seal(token, column=COLUMN)
    keep_open(enrolment, (planned.not_after for planned in timeline))
    return token


def keep_open(enrolment: Enrolment, ends: Iterable[datetime]) -> None:
    """Let the page last until some time after the last message."""
    last = max([*ends, enrolment.procedure_at])
    enrolment.page_expires_at = max(last + LASTS, enrolment.page_expires_at or last)


def token_of(kit: Kit, enrolment: Enrolment, patient: Patient) -> str | None:
    """Return the token of a page, or None where it was taken back or the patient erased."""
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    return sealer.open_if(enrolment.page_token_sealed, column=COLUMN) if sealer else None


def find_page(session: Session, kit: Kit, token: str, *, lock: bool = False) -> Enrolment:
    """Return whose page a token opens; raise `NotFound` for one that opens none, or none now."""
    query = select(Enrolment).where(Enrolment.page_index == _index(kit, token[:80]))
    enrolment = session.scalar(query.with_for_update(key_share=True) if lock else query)
    expires = enrolment.page_expires_at if enrolment else None
    if enrolment is None or expires is None or expires <= kit.clock.now():
        raise NotFound("this link opens no page")
    patient = session.get_one(Patient, enrolment.patient_id)
    if patient.data_key is None or patient.deceased_at is not None:
        raise NotFound("this link opens no page")
    return enrolment


def take_back(kit: Kit, enrolment_id: UUID, *, actor: str) -> bool:
    """Make the link open nothing from now on; return False where there was none.

    Messages that are yet to go carry no link then.
    """

    def work(session: Session) -> bool:
        enrolment = find(session, enrolment_id, lock=True)
        if enrolment.page_index is None:
            return False
        enrolment.page_index = enrolment.page_token_sealed = enrolment.page_expires_at = None
        note(session, kit.deed(actor), enrolment, "page.taken-back")
        return True

    return kit.store.transact(work)


def replace_link(kit: Kit, enrolment_id: UUID, *, actor: str) -> str:
    """Give the page another address, so that the one before opens nothing; return its token."""

    def work(session: Session) -> str:
        enrolment = find(session, enrolment_id, lock=True)
        until, enrolment.page_expires_at = enrolment.page_expires_at, None
        patient = session.get_one(Patient, enrolment.patient_id)
        token = open_page(kit, enrolment, patient, ())
        if until is not None:
            enrolment.page_expires_at = until
        else:
            keep_open(enrolment, [kit.clock.now()])
        note(session, kit.deed(actor), enrolment, "page.new-link")
        return token

    return kit.store.transact(work)


def _index(kit: Kit, token: str) -> bytes:
    return kit.keyring.indexes.of("page token", token)
