"""Shred list: the ids of all who were erased, in a signed file outside of the database.

A backup from before an erasure holds the patient still. Whoever restores it has the list applied
before anything is started, so that a backup brings nobody back. The file holds ids alone.
"""

from __future__ import annotations

import hmac
import os
from functools import partial
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import ConfigurationError
from followup.erasure.erase import erase_patient
from followup.signatures.signed_notes import NoteSigner
from followup.store.models.patients import Patient

FIRST_LINE = "followup shred list v1"


def keep_shred_list(app: AppContext) -> int:
    """Write the list so that it names all who were erased; return how many were missing from it.

    Nobody is ever taken off it. Raises `ConfigurationError` where it was changed by somebody else.
    """
    if app.shred_list is None:
        return 0
    with app.store.read() as session:
        erased = set(session.scalars(select(Patient.id).where(Patient.erased_at.is_not(None))))
    listed = read_shred_list(app)
    if not erased - listed:
        return 0
    names = "".join(f"{id_}\n" for id_ in sorted(erased | listed))
    _write(app.shred_list, _signer(app).sign(f"{FIRST_LINE}\n{names}"))
    return len(erased - listed)


def read_shred_list(app: AppContext) -> set[UUID]:
    """Return whom the list names; raise `ConfigurationError` for one that we did not sign."""
    if app.shred_list is None or not app.shred_list.exists():
        return set()
    signed = _signer(app).key.signed(app.shred_list.read_text(encoding="utf-8"))
    first, *names = (signed or "").splitlines() or [""]
    if first != FIRST_LINE:
        raise ConfigurationError(
            f"{app.shred_list}: is no list of erased patients that this database's keys signed: "
            "put the right one there (FOLLOWUP_SHRED_LIST), or find out who changed it"
        )
    return {UUID(name) for name in names}


def apply_shred_list(app: AppContext, *, actor: str) -> int:
    """Erase whoever stands on the list and is there; return how many that was."""
    applied = 0
    for id_ in sorted(read_shred_list(app)):
        applied += app.transact(actor, partial(_erase, id_))
    if applied:
        app.store.rewrite_file()
    return applied


def _erase(patient_id: UUID, unit: UnitOfWork) -> bool:
    return erase_patient(unit, patient_id)


def _signer(app: AppContext) -> NoteSigner:
    seed = hmac.digest(app.keyring.audit_key, b"shred list signing key", "sha256")
    return NoteSigner(seed, name="followup-erased/{}")


def _write(file: Path, note: str) -> None:
    """Put a file in place whole: what a power cut leaves is the old one or the new one."""
    draft = file.with_name(f".{file.name}.new")
    with draft.open("w", encoding="utf-8") as writing:
        writing.write(note)
        writing.flush()
        os.fsync(writing.fileno())
    draft.replace(file)
