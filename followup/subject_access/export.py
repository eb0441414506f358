"""Export of all that is held on a person: one zip, for people (HTML) and for machines (JSON).

Made from what the database holds at one moment. That it was made, and by whom, stands in the trail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from followup.audit.damaged_rows import tells_damage
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, NotFound
from followup.patients import records
from followup.sheets import html_of
from followup.store.audit_log import AuditEntry, record_event
from followup.store.data_map import data_map
from followup.store.models.patients import Patient
from followup.subject_access.conceal import concealing
from followup.subject_access.copies import open_forms, rows_of_lists
from followup.subject_access.page import Told, page_of
from followup.subject_access.rows import PersonRows, rows_of_person

EXPORTED_EVENT = "patient.data-exported"
PAGE, DATA = "your-data.html", "data.json"
EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonExport:
    """The zip, and how many rows of the database stand in it."""

    content: bytes
    rows: int


def export_person(app: AppContext, patient_id: UUID, *, actor: str) -> PersonExport:
    """Return all that is held on a patient, and note in the trail that it was made.

    Raises `NotFound` where there is no such patient, `Conflict` where their data was erased or the
    record was merged into another.
    """
    return app.transact(actor, lambda unit: _export(unit, patient_id))


def _export(unit: UnitOfWork, patient_id: UUID) -> PersonExport:
    told = gather(unit, patient_id)
    title = "What we hold about you"
    files = {
        PAGE: html_of(page_of(told), title=title).encode(),
        DATA: json.dumps(_document(told), indent=1, ensure_ascii=False).encode(),
    }
    return PersonExport(
        content=_zipped(files), rows=sum(len(rows) for rows in told.tables.values())
    )


@tells_damage
def gather(unit: UnitOfWork, patient_id: UUID) -> Told:
    """Return all that is held on a patient, and note in the trail that it was read out.

    Raises as `export_person` does.
    """
    patient = _found(unit.session, patient_id)
    record_event(
        unit.session,
        unit.by,
        AuditEntry(action=EXPORTED_EVENT, clinic=patient.clinic, patient_id=patient.id),
    )
    unit.session.flush()
    return _told(unit, patient, rows_of_person(unit.session, unit.app.keyring, patient.id))


def _found(session: Session, patient_id: UUID) -> Patient:
    patient = session.get(Patient, patient_id)
    if patient is None:
        raise NotFound(f"there is no patient {patient_id}")
    if patient.erased_at is not None:
        raise Conflict("this patient's data was erased: nothing is held that tells of them")
    if patient.merged_into is not None:
        raise Conflict(
            f"this record was merged into patient {patient.merged_into}: export that one, and this "
            "one comes with it"
        )
    return patient


def _told(unit: UnitOfWork, patient: Patient, found: PersonRows) -> Told:
    app = unit.app
    person = records.read_patient(patient, app.keyring)
    clinic = app.catalogue.clinics.get(patient.clinic)
    conceal = concealing(unit.session, found)
    lists = rows_of_lists(unit.session, app, person) if person else []
    forms = open_forms(unit.session, app, person) if person else []
    return Told(
        tables=conceal.tables(found),
        copies={"uploaded_lists": lists, "drafts": forms},
        clinic=clinic.name if clinic else patient.clinic,
        zone=clinic.zone if clinic else ZoneInfo("Europe/London"),
        made_at=unit.by.at,
    )


def _document(told: Told) -> Mapping[str, Any]:
    """Return the machines' part: each table with what it is for, and what each field says."""
    noted = data_map()
    tables: dict[str, Any] = {}
    for name, rows in told.tables.items():
        note = noted.tables[name]
        if rows:
            tables[name] = {
                "purpose": note.purpose,
                "basis": noted.bases[note.basis],
                "kept": noted.kept[note.kept],
                "left_out": note.left_out,
                "rows": rows,
            }
    return {
        "made_at": told.made_at.isoformat(),
        "clinic": told.clinic,
        "tables": tables,
        "copies": told.copies,
    }


def _zipped(files: Mapping[str, bytes]) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(ZipInfo(name, EPOCH), content, compress_type=ZIP_DEFLATED)
    return made.getvalue()
