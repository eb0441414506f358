"""FHIR routes that take resources in: one by POST and PUT, several as a transaction or batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from followup.domain.errors import StoreUnavailable
from followup.fhir import BASE, CONTENT_TYPE
from followup.fhir.dates import instant
from followup.fhir.outcome import outcome
from followup.fhir.resources import (
    EntryResponse,
    Issue,
    OperationOutcome,
    ResponseBundle,
    ResponseEntry,
)
from followup.fhir.search import KINDS
from followup.intake.fhir import TAKEN
from followup.intake.fhir.apply import came_to
from followup.intake.fhir.json_text import Json, read_json_text
from followup.intake.fhir.refusal import BAD, RefusedRequest, refuse
from followup.intake.fhir.requests import BATCH, read_envelope, wrapped
from followup.intake.fhir.take import FhirClient, base_of, take_transaction
from followup.intake.fhir.versions import TakenResource
from followup.web.errors import AWAY, SENTENCES, Refused
from followup.web.fhir.negotiation import Negotiated, Writer, fhir_answer
from followup.web.site import Here

MOST_BYTES = 1024 * 1024
UNCOUNTED = 2**40
"""The framework's own limit for these routes: theirs is counted here, so that FHIR is answered."""
JSON_TYPES = frozenset({CONTENT_TYPE, "application/json"})
MINIMAL, REPRESENTATION = "minimal", "representation"

router = APIRouter(prefix=BASE, include_in_schema=False, dependencies=[Negotiated])


def _taken_kind(kind: str) -> str:
    """Return the type that an address names; raise `Refused` for what is not taken in."""
    if kind in TAKEN:
        return kind
    if kind in {*KINDS, "metadata"}:
        raise Refused(405, "this is read alone", headers={"Allow": "GET"})
    raise Refused(404, f"{', '.join(TAKEN)} are taken in, and no other type")


TakenKind = Annotated[str, Depends(_taken_kind)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What was sent, by whom, with which conditions, and what they want to have answered."""

    client: FhirClient
    told: Json
    if_match: str | None
    if_none_exist: str | None
    wanted: str | None


async def _sending(request: Request, client: Writer) -> Sending:
    """Return what was sent, once the caller is known."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in JSON_TYPES:
        raise Refused(415, f"send this as {CONTENT_TYPE}")
    if "if-none-match" in request.headers or "if-modified-since" in request.headers:
        sentence = "of conditions, only If-Match and If-None-Exist are obeyed: leave others out"
        raise Refused(400, sentence)
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > MOST_BYTES:
            raise Refused(413, f"send at most {MOST_BYTES} bytes at once: make several Bundles")
    told = read_json_text(bytes(content))
    if not isinstance(told, dict):
        raise refuse(BAD, "structure", "http.body", "send a resource: an object, in braces")
    if not isinstance(told.get("resourceType"), str):
        raise refuse(BAD, "required", "http.body", "this has no resourceType: say what it is")
    return Sending(
        client=client,
        told=told,
        if_match=request.headers.get("if-match"),
        if_none_exist=request.headers.get("if-none-exist"),
        wanted=_wanted(request),
    )


Sent = Annotated[Sending, Depends(_sending)]


@router.post("")
@router.post("/")
def post_bundle(site: Here, sent: Sent) -> Response:
    """Take in a transaction, whole or not at all; or a batch, each entry for itself."""
    if sent.told["resourceType"] != "Bundle":
        raise refuse(BAD, "value", "Bundle", "POST a Bundle here, and a resource to its own type")
    if sent.told.get("type") == BATCH:
        read_envelope(sent.told)
        entries = [_alone(site, sent, each) for each in sent.told.get("entry", ())]
    else:
        taken = take_transaction(site.app, sent.client, sent.told)
        entries = [_entry(each, wanted=sent.wanted) for each in taken]
    answer = ResponseBundle(
        type="batch-response" if sent.told["type"] == BATCH else "transaction-response",
        entry=entries or None,
    )
    return fhir_answer(answer.as_json())


@router.post("/{kind}")
def post_resource(site: Here, kind: TakenKind, sent: Sent) -> Response:
    """Take in one resource; with `If-None-Exist` only where there is none like it."""
    bundle = wrapped(sent.told, method="POST", url=kind, if_none_exist=sent.if_none_exist)
    return _single(site, sent, bundle)


@router.put("/{kind}")
def put_by_search(kind: TakenKind, _client: Writer) -> Response:
    """Refuse a conditional update by an address: that would name a patient."""
    sentence = f"an address stands in logs: send this as a Bundle with PUT {kind}?identifier=…"
    raise refuse(BAD, "not-supported", "http.identifier", sentence)


@router.put("/{kind}/{resource_id}")
def put_resource(site: Here, kind: TakenKind, resource_id: str, sent: Sent) -> Response:
    """Take in another version of a resource; with `If-Match` only in place of that version."""
    url = f"{kind}/{resource_id}"
    return _single(site, sent, wrapped(sent.told, method="PUT", url=url, if_match=sent.if_match))


def _single(site: Here, sent: Sending, bundle: Json) -> Response:
    [taken] = take_transaction(site.app, sent.client, bundle, single=True)
    told = _told(taken, wanted=sent.wanted)
    headers = {
        "Location": f"{base_of(site.app)}/{_address(taken)}",
        "ETag": _etag(taken),
        "Last-Modified": format_datetime(taken.changed_at.astimezone(UTC), usegmt=True),
    }
    status = 201 if taken.created else 200
    if told is None:
        return Response(status_code=status, headers=headers)
    return fhir_answer(told, status=status, headers=headers)


def _alone(site: Here, sent: Sending, entry: Json) -> ResponseEntry:
    """Take in one entry of a batch; what is wrong with it is told in its own answer."""
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    try:
        [taken] = take_transaction(site.app, sent.client, bundle, single=True, batch=True)
    except RefusedRequest as error:
        return _failed(error.status, error.as_json())
    except StoreUnavailable:
        return _failed(AWAY, outcome(AWAY, SENTENCES[AWAY]))
    return _entry(taken, wanted=sent.wanted)


def _failed(status: int, told: dict[str, Any]) -> ResponseEntry:
    return ResponseEntry(response=EntryResponse(status=str(status), outcome=told))


# ---------------------------------------------------------------------------------- answers


def _wanted(request: Request) -> str | None:
    """Return what the caller wants to have answered: `return=` of the header `Prefer`."""
    for one in request.headers.get("prefer", "").replace(" ", "").split(","):
        for part in one.split(";"):
            name, _, value = part.partition("=")
            if name == "return":
                return value
    return None


def _entry(taken: TakenResource, *, wanted: str | None) -> ResponseEntry:
    told = _told(taken, wanted=wanted)
    is_outcome = told is not None and told["resourceType"] == "OperationOutcome"
    return ResponseEntry(
        resource=None if is_outcome else told,
        response=EntryResponse(
            status="201 Created" if taken.created else "200 OK",
            location=_address(taken),
            etag=_etag(taken),
            last_modified=instant(taken.changed_at),
            outcome=told if is_outcome else None,
        ),
    )


def _told(taken: TakenResource, *, wanted: str | None) -> dict[str, Any] | None:
    if wanted == MINIMAL:
        return None
    if wanted == REPRESENTATION:
        meta = {
            **taken.told.get("meta", {}),
            "versionId": str(taken.version),
            "lastUpdated": instant(taken.changed_at),
        }
        return {**taken.told, "id": str(taken.id), "meta": meta}
    issues = _without_doubles([*map(came_to, taken.outcomes), *taken.notes])
    if not issues:
        sentence = "this says nothing new: nothing was changed"
        issues = [Issue(severity="information", code="informational", diagnostics=sentence)]
    return OperationOutcome(issue=issues).as_json()


def _without_doubles(issues: Sequence[Issue]) -> list[Issue]:
    return [each for number, each in enumerate(issues) if each not in issues[:number]]


def _address(taken: TakenResource) -> str:
    return f"{taken.kind}/{taken.id}/_history/{taken.version}"


def _etag(taken: TakenResource) -> str:
    return f'W/"{taken.version}"'
