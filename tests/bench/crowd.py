"""Many patients with one message each, written by the thousand: what falls due in a benchmark.

The rows are those that enrolling makes, sealed alike, but without going through enrolment each.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert

from followup.context import AppContext
from followup.patients.records import INDEXED_BY, column
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.people import CLINIC, PROTOCOL

AT_ONCE = 1000


def add_crowd(app: AppContext, count: int, *, due: Callable[[int], datetime]) -> None:
    """Write that many patients, each with one text planned; `due` tells when each is due."""
    for start in range(0, count, AT_ONCE):
        some = range(start, min(start + AT_ONCE, count))
        patients = [_patient(app, serial) for serial in some]
        enrolments = [_enrolment(app, patient["id"]) for patient in patients]
        messages = [
            _message(app, enrolment, due=due(serial))
            for serial, enrolment in zip(some, enrolments, strict=True)
        ]
        with app.store.write() as session:
            session.execute(insert(Patient), patients)
            session.execute(insert(Enrolment), enrolments)
            session.execute(insert(Message), messages)


def mobile(serial: int) -> str:
    """Return one of the numbers that are reserved for drama."""
    return f"+447700900{serial % 1000:03d}"


def _patient(app: AppContext, serial: int) -> dict[str, Any]:
    key, wrapped = app.keyring.masters.new_data_key()
    return {
        "id": new_id(app.clock.real_now()),
        "clinic": CLINIC,
        "data_key": wrapped.wrapped,
        "master_key_id": wrapped.master_key_id,
        "mobile_index": app.keyring.indexes.of("sms", mobile(serial)),
        "mobile_sealed": Sealer(key).seal(mobile(serial), column=column("mobile")),
        "language": "en",
        # As enrolling leaves them: else a job indexes them while a worker's sending is measured.
        "indexed_by": INDEXED_BY,
        "created_at": app.clock.now(),
    }


def _enrolment(app: AppContext, patient_id: UUID) -> dict[str, Any]:
    now = app.clock.now()
    return {
        "id": new_id(app.clock.real_now()),
        "clinic": CLINIC,
        "protocol": PROTOCOL,
        "protocol_version": app.catalogue.protocols[PROTOCOL].version,
        "patient_id": patient_id,
        "procedure_at": now - timedelta(days=1),
        "zone": "Europe/London",
        "attributes": {"diabetic": False, "steroid_given": True},
        "channels": ["sms"],
        "state": "active",
        "generation": 1,
        "created_at": now,
        "created_by": "cli:bench",
    }


def _message(app: AppContext, enrolment: dict[str, Any], *, due: datetime) -> dict[str, Any]:
    now = app.clock.now()
    return {
        "id": new_id(app.clock.real_now()),
        "kind": "advice",
        "clinic": CLINIC,
        "patient_id": enrolment["patient_id"],
        "enrolment_id": enrolment["id"],
        "generation": 1,
        "protocol": PROTOCOL,
        "step": "dressing",
        "occurrence": 1,
        "template": "dressing",
        "channel": "sms",
        "priority": 5,
        "missed": "drop",
        "may_fall_back": False,
        "superseded": False,
        "receipt_wait": 86_400,
        "due_at": due,
        "not_before": due,
        "not_after": due + timedelta(days=1),
        "zone": "Europe/London",
        "state": "planned",
        "state_since": now,
        "state_since_real": app.clock.real_now(),
        "claimable_at": due,
        "attempt_count": 0,
        "created_at": now,
    }
