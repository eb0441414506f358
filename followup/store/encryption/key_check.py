"""Key check: whether the configured master keys open a database, changing nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.store.encryption.sealing import MasterKeys, WrappedKey
from followup.store.models.operations import ServiceKey
from followup.store.models.patients import Patient


@dataclass(frozen=True, slots=True)
class KeyCheck:
    """How many service keys there are, and how many patients' keys an older master key wraps."""

    service_keys: int
    outdated: int


def check_keys(session: Session, masters: MasterKeys) -> KeyCheck:
    """Open every service key, and a patient's key of each master key that is in use.

    Raises `WrongMasterKey` where one does not open.
    """
    service_keys = session.scalars(select(ServiceKey)).all()
    for key in service_keys:
        masters.unwrap(WrappedKey(key.wrapped, key.master_key_id))
    outdated = 0
    in_use = select(Patient.master_key_id, func.count()).group_by(Patient.master_key_id)
    for master_key_id, count in session.execute(in_use.where(Patient.data_key.is_not(None))):
        sample = session.scalar(
            select(Patient.data_key)
            .where(Patient.master_key_id == master_key_id, Patient.data_key.is_not(None))
            .limit(1)
        )
        if sample is not None and master_key_id is not None:
            masters.unwrap(WrappedKey(sample, master_key_id))
            outdated += 0 if master_key_id == masters.current_id else count
    return KeyCheck(len(service_keys), outdated)
