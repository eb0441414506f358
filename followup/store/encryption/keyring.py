"""Keyring: loaded, its own keys made once, and the master key rotated."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.domain.errors import WrongMasterKey
from followup.store.encryption.sealing import Keyring, MasterKeys, WrappedKey
from followup.store.engine.session import Store
from followup.store.models.operations import ServiceKey
from followup.store.models.patients import Patient

SERVICE_KEYS = ("system", "blind-index", "audit", "links")
ROTATE_BATCH = 1000


def load_keyring(store: Store, masters: MasterKeys) -> Keyring:
    """Return the keyring of this database; raise `WrongMasterKey` if it was sealed with others.

    A database that has none yet gets its service keys now.
    """
    with store.read() as session:
        wrapped = _service_keys(session)
    if set(SERVICE_KEYS) - set(wrapped):
        try:
            with store.write() as session:
                _make_service_keys(session, masters)
        except IntegrityError:
            # Another process made them at the same moment: its keys count.
            pass
        with store.read() as session:
            wrapped = _service_keys(session)
    opened = {name: masters.unwrap(key) for name, key in wrapped.items()}
    return Keyring(
        masters,
        system=opened["system"],
        blind=opened["blind-index"],
        audit=opened["audit"],
        links=opened["links"],
    )


def is_sealed_alike(store: Store, keyring: Keyring, masters: MasterKeys) -> bool:
    """Say whether a database is of the same installation: it was given the same keys, once."""
    with store.read() as session:
        wrapped = _service_keys(session).get("audit")
    try:
        return wrapped is not None and masters.unwrap(wrapped) == keyring.audit_key
    except WrongMasterKey:
        return False


def rotate_master_key(store: Store, masters: MasterKeys) -> int:
    """Wrap every data key anew under the current master key; return how many there were.

    Safe to interrupt and to run again: each batch is a transaction, and what is done is skipped.
    """
    with store.write() as session:
        keys = session.scalars(
            select(ServiceKey).where(ServiceKey.master_key_id != masters.current_id)
        ).all()
        for key in keys:
            anew = masters.wrap(masters.unwrap(WrappedKey(key.wrapped, key.master_key_id)))
            key.wrapped, key.master_key_id = anew.wrapped, anew.master_key_id
    done = len(keys)
    while batch := store.transact(lambda session: _rotate_patients(session, masters)):
        done += batch
    return done


def _service_keys(session: Session) -> dict[str, WrappedKey]:
    return {
        key.name: WrappedKey(key.wrapped, key.master_key_id)
        for key in session.scalars(select(ServiceKey))
    }


def _make_service_keys(session: Session, masters: MasterKeys) -> None:
    there = _service_keys(session)
    for name in SERVICE_KEYS:
        if name not in there:
            _, key = masters.new_data_key()
            session.add(ServiceKey(name=name, wrapped=key.wrapped, master_key_id=key.master_key_id))


def _rotate_patients(session: Session, masters: MasterKeys) -> int:
    patients = session.scalars(
        select(Patient)
        .where(Patient.data_key.is_not(None), Patient.master_key_id != masters.current_id)
        .order_by(Patient.id)
        .limit(ROTATE_BATCH)
        # Waits for rivals: a patient passed over would be left behind without a word.
        .with_for_update(key_share=True)
    ).all()
    for patient in patients:
        assert patient.data_key is not None  # noqa: S101 - the query says so
        assert patient.master_key_id is not None  # noqa: S101 - likewise
        anew = masters.wrap(masters.unwrap(WrappedKey(patient.data_key, patient.master_key_id)))
        patient.data_key, patient.master_key_id = anew.wrapped, anew.master_key_id
    return len(patients)
