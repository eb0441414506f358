"""Dry run of a FHIR file: what a Bundle or a single resource would do. The caller rolls it back."""

from __future__ import annotations

from dataclasses import dataclass

from followup.context import UnitOfWork
from followup.domain.sites.site import Site
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.intake.fhir.apply import NOTHING_NEW, apply_requests
from followup.intake.fhir.json_text import read_json_text
from followup.intake.fhir.refusal import BAD, RefusedRequest, refuse
from followup.intake.fhir.requests import read_bundle, wrapped
from followup.intake.fhir.take import base_of
from followup.store.engine.types import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedResource:
    """What would come of one resource: the status of its answer, and what the ledger would say.

    `told` is why it would be refused, and where.
    """

    kind: str
    status: int
    applied: Applied
    place: str = ""
    told: str = ""


WHOLE_FILE = "FHIR"
"""What is named where no single resource is refused."""
REFUSED = Applied(state=FeedState.REFUSED, code="fhir-unusable")


def try_resources(unit: UnitOfWork, content: bytes, site: Site) -> list[TriedResource]:
    """Return what would come of each entry of a file, within a transaction that is not kept."""
    try:
        return _tried(unit, content, site)
    except RefusedRequest as error:
        return [
            TriedResource(
                kind=WHOLE_FILE,
                status=error.status,
                applied=REFUSED,
                place=issue.expression[0] if issue.expression else "",
                told=issue.diagnostics or "",
            )
            for issue in error.issues
        ]


def _tried(unit: UnitOfWork, content: bytes, site: Site) -> list[TriedResource]:
    told = read_json_text(content)
    if not isinstance(told, dict):
        raise refuse(BAD, "structure", "Bundle", "write an object, in braces")
    single = told.get("resourceType") != "Bundle"
    if single:
        told = wrapped(told, method="POST", url=str(told.get("resourceType")))
    base = base_of(unit.app)
    requests = read_bundle(told, base=base, single=single)
    with unit.session.begin_nested():
        taken = apply_requests(unit, requests, site, base=base, message_id=new_id(unit.by.real_at))
    return [
        TriedResource(kind=each.kind, status=201 if each.created else 200, applied=one)
        for each in taken
        for one in each.outcomes or [NOTHING_NEW]
    ]
