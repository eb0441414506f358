"""One patient's whole record as a FHIR Bundle: a collection for another record system.

Messages are resources of their own. What FHIR's messages have no room for (calls, what staff looked
into, stops, who looked) stands in the document that goes with them.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import Conflict
from followup.fhir.codes import patient_reference
from followup.fhir.dates import instant
from followup.fhir.messages import systems_of
from followup.fhir.resources import (
    Code,
    CodeableConcept,
    Element,
    Instant,
    Reference,
    Resource,
    Text,
    Uri,
)
from followup.fhir.search import KINDS, LONGEST_PAGE, Search, find_page
from followup.store.engine.types import new_id
from followup.store.models.patients import Patient

PDF = "application/pdf"
TITLE = "Follow-up after a procedure: what is held on the patient"


class Attachment(Element):
    """A document; `data` is base64."""

    content_type: Code = PDF
    data: Text
    title: Text = TITLE
    creation: Instant


class DocumentContent(Element):
    attachment: Attachment


class DocumentReference(Resource):
    """The record as a document, for people."""

    resource_type: Literal["DocumentReference"] = "DocumentReference"
    status: Literal["current"] = "current"
    type: CodeableConcept = CodeableConcept(text=TITLE)
    subject: Reference
    date: Instant
    content: list[DocumentContent] = Field(min_length=1)


class CollectedEntry(Element):
    full_url: Uri
    resource: dict[str, Any]


class Collection(Resource):
    """Resources that belong together, as they were at `timestamp`."""

    resource_type: Literal["Bundle"] = "Bundle"
    type: Literal["collection"] = "collection"
    timestamp: Instant
    entry: list[CollectedEntry] = Field(min_length=1)


def collect(
    session: Session,
    app: AppContext,
    patients: frozenset[UUID],
    *,
    subject: UUID,
    document: bytes,
    made_at: datetime,
) -> dict[str, Any]:
    """Return the records of one person as a Bundle; `document` is a PDF, about `subject`.

    Raises `Conflict` where their data is restricted: FHIR shows none of that.
    """
    restricted = select(Patient.id).where(
        Patient.id.in_(patients), Patient.restricted_at.is_not(None)
    )
    if session.scalar(restricted.limit(1)) is not None:
        raise Conflict(
            "this patient's data is restricted, and a FHIR bundle would leave it out: export a PDF "
            "or a zip, or lift the restriction first"
        )
    base = systems_of(app).base
    entries = [
        CollectedEntry(full_url=f"{base}/{kind}/{id_}", resource=resource)
        for kind in ("Patient", *sorted(set(KINDS) - {"Patient"}))
        for id_, resource in _all_of(session, app, kind, patients)
    ]
    paper = _document(new_id(made_at), subject=subject, document=document, made_at=made_at)
    entries.append(CollectedEntry(full_url=f"urn:uuid:{paper['id']}", resource=paper))
    bundle = Collection(id=str(new_id(made_at)), timestamp=instant(made_at), entry=entries)
    return bundle.versioned()


def _all_of(
    session: Session, app: AppContext, kind: str, patients: frozenset[UUID]
) -> Iterator[tuple[UUID, dict[str, Any]]]:
    after: UUID | None = None
    while True:
        search = Search(clinic=None, patients=patients, count=LONGEST_PAGE, after=after)
        page = find_page(session, app, kind, search)
        yield from page.found
        if not page.more or not page.found:
            return
        after = page.found[-1][0]


def _document(id_: UUID, *, subject: UUID, document: bytes, made_at: datetime) -> dict[str, Any]:
    at = instant(made_at)
    attached = Attachment(data=b64encode(document).decode(), creation=at)
    return DocumentReference(
        id=str(id_),
        subject=patient_reference(subject),
        date=at,
        content=[DocumentContent(attachment=attached)],
    ).versioned()
