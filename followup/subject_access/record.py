"""A person's whole record for another record system: a FHIR Bundle, a PDF, or the person's zip."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from uuid import UUID

from followup.context import AppContext, UnitOfWork
from followup.fhir.collection import collect
from followup.sheets import Sheet
from followup.subject_access.export import export_person, gather
from followup.subject_access.page import page_of

Draw = Callable[[Sheet], bytes]
"""Draws a sheet as a PDF."""


class RecordForm(StrEnum):
    """In which form a record is handed over."""

    FHIR = "fhir"
    PDF = "pdf"
    ZIP = "zip"


def export_record(
    app: AppContext, patient_id: UUID, *, form: RecordForm, draw: Draw, actor: str
) -> bytes:
    """Return all that is held on a patient in one file, and note in the trail that it was made.

    Raises as `export_person` does, and `Conflict` where restricted data is asked for as FHIR.
    """
    if form is RecordForm.ZIP:
        return export_person(app, patient_id, actor=actor).content
    return app.transact(actor, partial(_record, patient_id=patient_id, form=form, draw=draw))


def _record(unit: UnitOfWork, *, patient_id: UUID, form: RecordForm, draw: Draw) -> bytes:
    told = gather(unit, patient_id)
    document = draw(page_of(told))
    if form is RecordForm.PDF:
        return document
    bundle = collect(
        unit.session,
        unit.app,
        frozenset(UUID(row["id"]) for row in told.tables["patients"]),
        subject=patient_id,
        document=document,
        made_at=unit.by.at,
    )
    return json.dumps(bundle, indent=1, ensure_ascii=False).encode()
