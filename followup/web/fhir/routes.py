"""FHIR routes: capability statement, read, and search by GET and by POST."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from followup.domain.errors import InvalidInput, NotFound
from followup.fhir import BASE
from followup.fhir.capability import capability_statement
from followup.fhir.messages import systems_of
from followup.fhir.resources import Bundle, BundleEntry, BundleLink, BundleSearch
from followup.fhir.search import (
    KINDS,
    SENT_PARAMETERS,
    Page,
    Parameters,
    Search,
    find_one,
    find_page,
    parse_search,
)
from followup.staff.api_keys import ApiClient
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.patients import Patient
from followup.web.errors import Refused
from followup.web.fhir.negotiation import Negotiated, Reader, fhir_answer, is_known
from followup.web.fhir.sent import is_about_sent, sent_resource, sent_resources
from followup.web.forms import read_form
from followup.web.site import Here

router = APIRouter(prefix=BASE, include_in_schema=False, dependencies=[Negotiated])

NEVER_IN_AN_ADDRESS = ("identifier",)
"""What names a patient: addresses stand in the logs of every machine on the way."""


@router.get("/metadata")
def get_metadata(site: Here) -> Response:
    """Say what can be read here; for anybody, as FHIR wants it."""
    told = capability_statement(url=f"{site.app.links.public_url}{BASE}", software=site.version)
    return fhir_answer(told)


@router.post("/{kind}/_search")
async def post_search(request: Request, site: Here, caller: Reader, kind: str) -> Response:
    """Search by a form, so that no patient is named in an address."""
    form = [*request.query_params.multi_items(), *(await read_form(request)).multi_items()]
    return await run_in_threadpool(_found, request, site, caller, kind, form)


@router.get("/{kind}")
def get_search(request: Request, site: Here, caller: Reader, kind: str) -> Response:
    """Search by an address."""
    given = request.query_params.multi_items()
    named = next((name for name, _ in given if name in NEVER_IN_AN_ADDRESS), None)
    if named is not None:
        raise InvalidInput.of(
            named, f"an address stands in logs: send this by POST to {BASE}/{kind}/_search"
        )
    return _found(request, site, caller, kind, given)


@router.get("/{kind}/{resource_id}")
def get_resource(
    request: Request, site: Here, caller: Reader, kind: str, resource_id: str
) -> Response:
    """Read one resource. One that the caller may not see is not there; 410 says: erased."""
    _require_kind(kind)
    id_ = _id(resource_id)
    if id_ and (sent := sent_resource(site.app, caller, kind, id_)):
        detail = {"resource": kind, "sent": str(id_)}
        _record(site, caller, AuditEntry(action="fhir.read", detail=detail))
        return fhir_answer(sent)
    with site.app.store.read() as session:
        ours = id_ if kind in KINDS else None
        told = ours and find_one(session, site.app, kind, ours, clinic=caller.clinic)
        erased = session.get(Patient, id_) if kind == "Patient" and id_ and not told else None
    if erased is not None and caller.may_see(erased.clinic) and erased.data_key is None:
        raise Refused(410, "this patient's data was erased")
    if not told:
        raise NotFound(f"there is no {kind} with this id that this key may see")
    _record(site, caller, AuditEntry(action="fhir.read", **_about(told)))
    if is_known(request, told):
        return Response(status_code=304, headers={"ETag": f'W/"{told["meta"]["versionId"]}"'})
    return fhir_answer(told)


def _found(
    request: Request, site: Here, caller: ApiClient, kind: str, given: Parameters
) -> Response:
    _require_kind(kind)
    if is_about_sent(kind, given):
        return _found_sent(site, caller, kind, given)
    systems = systems_of(site.app)
    lenient = "handling=lenient" in request.headers.get("prefer", "").replace(" ", "")
    search = parse_search(kind, given, clinic=caller.clinic, lenient=lenient, systems=systems)
    with site.app.store.read() as session:
        page = find_page(session, site.app, kind, search)
    detail = {"resource": kind, "shown": len(page.found)}
    alone = next(iter(search.patients or ()), None) if len(search.patients or ()) == 1 else None
    _record(
        site,
        caller,
        AuditEntry(action="fhir.searched", clinic=caller.clinic, detail=detail, patient_id=alone),
    )
    base = f"{site.app.links.public_url}{BASE}"
    return fhir_answer(_bundle(base, kind, given, search, page))


def _found_sent(site: Here, caller: ApiClient, kind: str, given: Parameters) -> Response:
    found = sent_resources(site.app, caller, kind, given)
    detail = {"resource": kind, "shown": len(found)}
    _record(site, caller, AuditEntry(action="fhir.searched", clinic=caller.clinic, detail=detail))
    base = f"{site.app.links.public_url}{BASE}"
    kept = [(name, value) for name, value in given if name not in NEVER_IN_AN_ADDRESS]
    address = f"{base}/{kind}" + (f"?{urlencode(kept)}" if kept else "")
    return fhir_answer(
        Bundle(
            link=[BundleLink.model_validate({"relation": "self", "url": address})],
            entry=[
                BundleEntry(full_url=f"{base}/{kind}/{id_}", resource=told, search=BundleSearch())
                for id_, told in found
            ]
            or None,
        ).as_json()
    )


def _bundle(base: str, kind: str, given: Parameters, search: Search, page: Page) -> dict[str, Any]:
    """Return a page as a Bundle. Its links leave out what may not stand in an address."""
    kept = [
        (name, value)
        for name, value in given
        if name not in {"_page", "_count", *NEVER_IN_AN_ADDRESS}
    ] + [("_count", str(search.count))]
    places = [("self", search.after)]
    if page.more and page.found:
        places.append(("next", page.found[-1][0]))
    links = []
    for relation, after in places:
        query = urlencode([*kept, *([("_page", str(after))] if after else [])])
        links.append(
            BundleLink.model_validate({"relation": relation, "url": f"{base}/{kind}?{query}"})
        )
    entries = [
        BundleEntry(full_url=f"{base}/{kind}/{id_}", resource=resource, search=BundleSearch())
        for id_, resource in page.found
    ]
    return Bundle(link=links, entry=entries or None).as_json()


def _require_kind(kind: str) -> None:
    kinds = dict.fromkeys((*KINDS, *SENT_PARAMETERS))
    if kind not in kinds:
        raise NotFound(f"there are {', '.join(kinds)} here, and nothing of another kind")


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _about(told: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit trail says that was read."""
    kind, id_ = told["resourceType"], UUID(told["id"])
    if kind == "Patient":
        return {"patient_id": id_, "detail": {"resource": kind}}
    subject = UUID(told["subject"]["reference"].rpartition("/")[2])
    return {"patient_id": subject, "detail": {"resource": kind, "id": str(id_)}}


def _record(site: Here, caller: ApiClient, entry: AuditEntry) -> None:
    with site.app.store.write() as session:
        record_event(session, site.app.by(caller.actor), entry)
