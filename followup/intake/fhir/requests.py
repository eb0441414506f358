"""Requests of a transaction or batch: which resource, under which condition; or why it is none."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl
from uuid import UUID

from pydantic import ValidationError

from followup.fhir.codes import NHS_NUMBER
from followup.fhir.resources import Issue
from followup.intake.fhir import TAKEN
from followup.intake.fhir.elements import (
    Id,
    Identifier,
    Instant,
    Meta,
    One,
    Part,
    Resource,
    Text,
    Uri,
)
from followup.intake.fhir.json_text import Json, structure_issues
from followup.intake.fhir.refusal import (
    BAD,
    NOT_ALLOWED,
    UNUSABLE,
    RefusedRequest,
    issue_at,
    refuse,
)
from followup.intake.fhir.shapes import issue_of, read_resource

MOST_ENTRIES = 500
ETAG = re.compile(r'(?:W/)?"?(?P<version>[0-9]{1,9})"?')
TRANSACTION, BATCH = "transaction", "batch"


class RequestSent(Part):
    method: Literal["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]
    url: Uri
    if_none_match: Text | None = None
    if_modified_since: Instant | None = None
    if_match: Text | None = None
    if_none_exist: Text | None = None


class EntrySent(Part):
    link: list[One] | None = None
    full_url: Uri | None = None
    resource: One | None = None
    search: One | None = None
    request: RequestSent
    response: One | None = None


class BundleSent(Part):
    resource_type: Literal["Bundle"]
    id: Id | None = None
    meta: Meta | None = None
    identifier: Identifier | None = None
    type: Literal["transaction", "batch"]
    timestamp: Instant | None = None
    total: int | None = None
    link: list[One] | None = None
    entry: list[EntrySent] | None = None
    signature: One | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search by an identifier: the only one by which a request may name what it is about."""

    system: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirRequest:
    """One resource to be taken in. `place` is where it stands in what was sent.

    With neither `id` nor `search` it is new; `version` is what `If-Match` names.
    """

    place: str
    kind: str
    told: Json
    resource: Resource
    id: UUID | None = None
    search: Search | None = None
    if_none_exist: Search | None = None
    version: int | None = None
    full_url: str | None = None

    @property
    def is_create(self) -> bool:
        """Say whether this is a POST."""
        return self.id is None and self.search is None


def wrapped(
    told: Json,
    *,
    method: str,
    url: str,
    if_match: str | None = None,
    if_none_exist: str | None = None,
) -> Json:
    """Return a single resource as the transaction that it is: so it is kept, and replayed."""
    conditions = {"ifMatch": if_match, "ifNoneExist": if_none_exist}
    request = {"method": method, "url": url, **{k: v for k, v in conditions.items() if v}}
    entry = {"resource": told, "request": request}
    return {"resourceType": "Bundle", "type": TRANSACTION, "entry": [entry]}


def read_bundle(bundle: Json, *, base: str, single: bool = False) -> list[FhirRequest]:
    """Return the requests of a transaction; raise `RefusedRequest` with all that is wrong.

    `base` is our own address; places of a `single` resource begin with its type.
    """
    sent = read_envelope(bundle)
    found: list[FhirRequest] = []
    problems: list[RefusedRequest] = []
    for number, entry in enumerate(sent.entry or ()):
        place = f"Bundle.entry[{number}]"
        try:
            found.append(_request(entry, place=place, base=base, single=single))
        except RefusedRequest as error:
            problems.append(error)
    if problems:
        issues = [issue for error in problems for issue in error.issues]
        raise RefusedRequest(problems[0].status, issues)
    _no_address_twice(found)
    return found


def read_envelope(bundle: Json) -> BundleSent:
    """Return a Bundle, its resources unread; raise `RefusedRequest` for what is none."""
    place = "Bundle"
    listed = bundle.get("entry")
    if isinstance(listed, list) and len(listed) > MOST_ENTRIES:
        sentence = f"send at most {MOST_ENTRIES} entries at once: make several of it"
        raise refuse(UNUSABLE, "too-costly", "Bundle.entry", sentence)
    # What is wrong inside a resource is told with the rest of what is wrong in it.
    outside = dict(bundle)
    if isinstance(listed, list) and listed:
        outside["entry"] = [_without_resource(each) for each in listed]
    if issues := structure_issues(outside, place):
        raise RefusedRequest(UNUSABLE, issues)
    try:
        return BundleSent.model_validate(bundle)
    except ValidationError as error:
        told = [issue_of(each, BundleSent, place) for each in error.errors()]
        raise RefusedRequest(UNUSABLE, told) from None


def _without_resource(entry: object) -> object:
    if isinstance(entry, dict):
        return {key: each for key, each in entry.items() if key != "resource"} or {"-": "-"}
    return entry


def _request(entry: EntrySent, *, place: str, base: str, single: bool) -> FhirRequest:
    asked = entry.request
    # Of a single resource these are headers, and its address.
    where = "http" if single else f"{place}.request"
    if asked.method not in {"POST", "PUT"}:
        sentence = "only POST and PUT are taken here: read with GET on its own, delete nothing"
        raise refuse(NOT_ALLOWED, "not-supported", f"{where}.method", sentence)
    if asked.if_none_match or asked.if_modified_since:
        sentence = "of conditions, only If-Match and If-None-Exist are obeyed: leave others out"
        raise refuse(BAD, "not-supported", where, sentence)
    if entry.resource is None:
        raise refuse(UNUSABLE, "required", f"{place}.resource", "there is no resource to take in")
    kind, id_text, query = split_url(asked.url, base=base)
    told = entry.resource
    spot = kind if single else f"{place}.resource"
    resource = resource_of_kind(told, kind, place=spot, where=f"{where}.url")
    search, is_post = None, asked.method == "POST"
    if is_post and (id_text or query is not None):
        raise refuse(BAD, "value", f"{where}.url", f"POST to {kind} alone, or PUT to an address")
    if not is_post:
        if query is not None:
            search = parse_search(query, place=f"{where}.url")
        elif not id_text:
            sentence = f"PUT to {kind}/ID, or to {kind}?identifier=SYSTEM|VALUE"
            raise refuse(BAD, "value", f"{where}.url", sentence)
        elif resource.id != id_text:
            sentence = "this must be the id of the address that it is PUT to"
            raise refuse(BAD, "value", f"{spot}.id", sentence)
    exists = parse_search(asked.if_none_exist, place=where) if asked.if_none_exist else None
    _must_have(resource, search or exists, place=spot)
    return FhirRequest(
        place=spot,
        kind=kind,
        told=told,
        resource=resource,
        id=_known_id(id_text, kind, place=spot) if id_text else None,
        search=search,
        if_none_exist=exists if is_post else None,
        version=_version(asked.if_match, place=where) if asked.if_match else None,
        full_url=entry.full_url,
    )


def _must_have(resource: Resource, search: Search | None, *, place: str) -> None:
    """Raise `RefusedRequest` for what its own search would not find: it would be made again."""
    if search is not None and search not in identifiers_of(resource):
        sentence = "among these must be the one that the request searches by"
        raise refuse(UNUSABLE, "business-rule", f"{place}.identifier", sentence)


def identifiers_of(resource: Resource) -> list[Search]:
    """Return the identifiers of a resource that have both a system and a value."""
    return [
        Search(system=each.system, value=plain_value(each.system, each.value))
        for each in resource.identifier or ()
        if each.system and each.value
    ]


def resource_of_kind(told: Json, kind: str, *, place: str, where: str) -> Resource:
    """Return a resource of the type that its address names; raise `RefusedRequest` if it is not."""
    if kind not in TAKEN:
        raise refuse(
            UNUSABLE, "not-supported", where, f"{', '.join(TAKEN)} are taken in, and no other type"
        )
    if told.get("resourceType") != kind:
        sentence = f"this must be {kind}, as the address says"
        raise refuse(BAD, "value", f"{place}.resourceType", sentence)
    resource, issues = read_resource(told, place=place)
    if resource is None:
        raise RefusedRequest(UNUSABLE, issues)
    return resource


def split_url(url: str, *, base: str) -> tuple[str, str, str | None]:
    """Return type, id and query of an address below ours."""
    path, mark, query = url.removeprefix(f"{base}/").partition("?")
    kind, _, id_ = path.strip("/").partition("/")
    return kind, id_, query if mark else None


def parse_search(query: str, *, place: str) -> Search:
    """Return what `identifier=SYSTEM|VALUE` looks for."""
    text = query.partition("?")[2] if "?" in query else query
    found = parse_qsl(text.replace("+", "%2B"), keep_blank_values=True)
    names = [name for name, _ in found]
    system, bar, value = found[0][1].partition("|") if names == ["identifier"] else ("", "", "")
    if not bar or not system or not value:
        sentence = "write it as identifier=SYSTEM|VALUE: nothing else is looked for here"
        raise refuse(BAD, "not-supported", place, sentence)
    return Search(system=system, value=plain_value(system, value))


def plain_value(system: str, value: str) -> str:
    """Return the value of an identifier as it is compared."""
    return "".join(value.split()) if system == NHS_NUMBER else value.strip()


def _known_id(text: str, kind: str, *, place: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise unknown_id(kind, place=place) from None


def unknown_id(kind: str, *, place: str) -> RefusedRequest:
    """Return the refusal of an update of what was never sent here."""
    return refuse(
        NOT_ALLOWED,
        "not-supported",
        f"{place}.id",
        f"ids are given here: POST it, or PUT it to {kind}?identifier=SYSTEM|VALUE in a Bundle",
    )


def _version(text: str, *, place: str) -> int:
    match = ETAG.fullmatch(text.strip())
    if match is None:
        raise refuse(BAD, "value", place, 'write a version as its ETag says it, as in W/"3"')
    return int(match["version"])


def _no_address_twice(requests: Sequence[FhirRequest]) -> None:
    seen: set[str] = set()
    issues: list[Issue] = []
    for each in requests:
        if each.full_url is not None and each.full_url in seen:
            place = each.place.replace(".resource", ".fullUrl")
            issues.append(issue_at("duplicate", place, "another entry has this fullUrl"))
        seen.add(each.full_url or "")
    if issues:
        raise RefusedRequest(UNUSABLE, issues)


def in_its_own_words(bundle: Mapping[str, Any]) -> str:
    """Return the kind of a kept message, as the ledger lists it."""
    entries = bundle.get("entry")
    if isinstance(entries, list) and len(entries) == 1 and isinstance(entries[0], dict):
        resource = entries[0].get("resource")
        kind = resource.get("resourceType") if isinstance(resource, dict) else None
        if kind in TAKEN:
            return str(kind)
    return TRANSACTION
