"""Patient-page tokens: random, expiring and revocable.

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

from followup.consent.cancel_unsent import find_enrolment_for_change, note_on_enrolment
from followup.content.library import PAGE_TOKEN
from followup.context import AppContext
from followup.domain.errors import Conflict, NotFound
from followup.domain.protocols.timeline import PlannedMessage
from followup.enrolment.existing import goes_on_in
from followup.store.encryption.columns import PAGE_TOKEN_COLUMN
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
"""Without signs that are taken for each other: 16 of them are 93 bits."""
PAGE_LIFETIME = timedelta(days=30)
"""For so long after its last message a page can be opened."""


def make_page_token(
    app: AppContext, enrolment: Enrolment, patient: Patient, timeline: Iterable[PlannedMessage]
) -> str:
    """Give an enrolment a page, or another address for it; return the token."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        message = "this patient's data was erased: there is nothing to show on a page"
        raise Conflict(message)
    token = _new_token()
    enrolment.page_index = _index(app, token)
    enrolment.page_token_sealed = sealer.seal(token, column=PAGE_TOKEN_COLUMN)
    extend_page_token(enrolment, (planned.not_after for planned in timeline))
    return token


def extend_page_token(enrolment: Enrolment, ends: Iterable[datetime]) -> None:
    """Let the page last until some time after the last message."""
    last = max([*ends, enrolment.procedure_at])
    enrolment.page_expires_at = max(last + PAGE_LIFETIME, enrolment.page_expires_at or last)


def token_of(app: AppContext, enrolment: Enrolment, patient: Patient) -> str | None:
    """Return the token of a page, or None where it was taken back or the patient erased."""
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    return sealer.open_if(enrolment.page_token_sealed, column=PAGE_TOKEN_COLUMN) if sealer else None


def find_enrolment_by_token(
    session: Session, app: AppContext, token: str, *, lock: bool = False
) -> Enrolment:
    """Return whose page a token opens; raise `NotFound` for one that opens none, or none now."""
    query = select(Enrolment).where(Enrolment.page_index == _index(app, token[:80]))
    enrolment = session.scalar(query.with_for_update(key_share=True) if lock else query)
    expires = enrolment.page_expires_at if enrolment else None
    if enrolment is None or expires is None or expires <= app.clock.now():
        raise NotFound("this link opens no page")
    if enrolment.merged_into is not None:
        # The patient had two records, and a link of each: both open the page of what goes on.
        enrolment = goes_on_in(session, enrolment)
        if enrolment.page_index is None:
            raise NotFound("this link opens no page")
    patient = session.get_one(Patient, enrolment.patient_id)
    closed = patient.deceased_at or patient.restricted_at
    if patient.data_key is None or closed is not None:
        raise NotFound("this link opens no page")
    return enrolment


def revoke_page_token(app: AppContext, enrolment_id: UUID, *, actor: str) -> bool:
    """Make the link open nothing from now on; return False where there was none.

    Messages that are yet to go carry no link then.
    """

    def work(session: Session) -> bool:
        enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
        if enrolment.page_index is None:
            return False
        enrolment.page_index = enrolment.page_token_sealed = enrolment.page_expires_at = None
        note_on_enrolment(session, app.by(actor), enrolment, "page.taken-back")
        return True

    return app.store.transact(work)


def replace_page_token(app: AppContext, enrolment_id: UUID, *, actor: str) -> str:
    """Give the page another address, so that the one before opens nothing; return its token."""

    def work(session: Session) -> str:
        enrolment = find_enrolment_for_change(session, enrolment_id, lock=True)
        until, enrolment.page_expires_at = enrolment.page_expires_at, None
        patient = session.get_one(Patient, enrolment.patient_id)
        token = make_page_token(app, enrolment, patient, ())
        if until is not None:
            enrolment.page_expires_at = until
        else:
            extend_page_token(enrolment, [app.clock.now()])
        note_on_enrolment(session, app.by(actor), enrolment, "page.new-link")
        return token

    return app.store.transact(work)


def _new_token() -> str:
    """Return a random token, of one number instead of many small ones."""
    left, signs = secrets.randbelow(len(ALPHABET) ** PAGE_TOKEN), []
    for _ in range(PAGE_TOKEN):
        left, place = divmod(left, len(ALPHABET))
        signs.append(ALPHABET[place])
    return "".join(signs)


def _index(app: AppContext, token: str) -> bytes:
    return app.keyring.indexes.of("page token", token)
