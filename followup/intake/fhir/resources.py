"""FHIR resources that were sent: found by id, by identifier, and by what they ever said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from followup.context import UnitOfWork
from followup.domain.sites.site import Site
from followup.fhir.codes import NHS_NUMBER
from followup.intake.fhir.elements import Meta
from followup.intake.fhir.json_text import Json
from followup.intake.fhir.read_event import moment
from followup.intake.fhir.requests import FhirRequest, Search, identifiers_of
from followup.store.encryption.sealing import BlindIndexes
from followup.store.models.feeds import FhirKey, FhirResource

LONGEST_NUMBER = 18
NOT_CONTENT = frozenset({"id", "meta", "text"})
"""What a resource says besides what is so: its address, its version, and itself in words."""

_LOCK = text(
    "SELECT pg_advisory_xact_lock(key) FROM"
    " (SELECT key FROM unnest(CAST(:keys AS bigint[])) AS key ORDER BY key) AS keys"
)


class ResourceKeys:
    """Keyed hashes by which the resources of one site are found."""

    def __init__(self, indexes: BlindIndexes, site: Site) -> None:
        self._indexes, self._site = indexes, site

    def _of(self, kind: str, what: str) -> bytes:
        return self._indexes.of("fhir resource", f"{self._site.key}\0{kind}\0{what}")

    def identifier(self, kind: str, search: Search) -> bytes:
        return self._of(kind, f"identifier\0{search.system}\0{search.value}")

    def content(self, kind: str, told: Json) -> bytes:
        written = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return self._of(kind, f"content\0{written}")

    def identifiers(self, request: FhirRequest) -> dict[Search, bytes]:
        """Return the key of each identifier that a resource has."""
        found = identifiers_of(request.resource)
        return {each: self.identifier(request.kind, each) for each in found}

    def own_identifiers(self, request: FhirRequest) -> list[bytes]:
        """Return the keys of those by which a resource that is sent again is known.

        A patient's are the hospital's own where there is one, for an NHS number may be another's.
        """
        found = self.identifiers(request)
        if request.kind != "Patient":
            return list(found.values())
        local = self._site.fhir.local_ids if self._site.fhir else frozenset()
        own = [key for each, key in found.items() if each.system in local]
        return own or [key for each, key in found.items() if each.system == NHS_NUMBER]

    def id(self, id_: UUID) -> bytes:
        return self._of("id", str(id_))

    def to_lock(self, request: FhirRequest) -> Iterator[bytes]:
        """Yield the keys of what must not be taken in by two at once."""
        yield from self.identifiers(request).values()
        yield self.content(request.kind, content_of_resource(request.told))
        if request.id is not None:
            yield self.id(request.id)


def lock_keys(unit: UnitOfWork, keys: Iterable[bytes]) -> None:
    """Let requests that share a key be taken in turn, until the transaction ends."""
    if not unit.app.store.is_sqlite:
        # In one order, so that no two wait for each other.
        numbers = {int.from_bytes(each[:8], "big", signed=True) for each in keys}
        unit.session.execute(_LOCK, {"keys": sorted(numbers)})


def content_of_resource(told: Json) -> Json:
    """Return what a resource says, the same however it is addressed within its Bundle."""
    labels = told.get("meta", {}).get("security")
    kept = {key: _plain(each) for key, each in told.items() if key not in NOT_CONTENT}
    return kept | ({"security": labels} if labels else {})


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    # Such an address is drawn anew for each Bundle.
    return "urn:uuid" if isinstance(value, str) and value.startswith("urn:uuid:") else value


def find_by_id(unit: UnitOfWork, site: Site, kind: str, id_: UUID) -> FhirResource | None:
    """Return a resource that this site sent, locked."""
    return unit.session.scalar(
        select(FhirResource)
        .where(FhirResource.id == id_, FhirResource.site == site.key, FhirResource.kind == kind)
        .with_for_update()
    )


def find_by_keys(unit: UnitOfWork, keys: Iterable[bytes]) -> Sequence[FhirResource]:
    """Return the resources of which one of these keys is, locked, the first first."""
    ids = select(FhirKey.resource_id).where(FhirKey.key_index.in_(list(keys)))
    return unit.session.scalars(
        select(FhirResource)
        .where(FhirResource.id.in_(ids))
        .order_by(FhirResource.id)
        .with_for_update()
    ).all()


def ever_said(unit: UnitOfWork, resource: FhirResource, content: bytes) -> bool:
    """Say whether a version of this resource said that."""
    found = unit.session.get(FhirKey, (content, resource.id))
    return found is not None


def keep_keys(unit: UnitOfWork, resource: FhirResource, *, identifiers: Iterable[bytes]) -> None:
    """Let a resource be found by the identifiers that it has now, and by what it says as well."""
    wanted = {resource.content_index: True} | dict.fromkeys(identifiers, False)
    if resource.version > 1:
        found = unit.session.scalars(
            select(FhirKey).where(
                FhirKey.resource_id == resource.id,
                FhirKey.is_content.is_(False) | FhirKey.key_index.in_(wanted),
            )
        ).all()
        for each in found:
            if wanted.pop(each.key_index, None) is None:
                unit.session.delete(each)
    for key, is_content in wanted.items():
        row = FhirKey(key_index=key, resource_id=resource.id, is_content=is_content)
        unit.session.add(row)
    unit.session.flush()


def said_of(meta: Meta | None) -> tuple[datetime | None, int | None]:
    """Return when its sender says that a version was written, and its number there if it is one."""
    if meta is None:
        return None, None
    number = meta.version_id or ""
    is_number = number.isdecimal() and number.isascii() and len(number) <= LONGEST_NUMBER
    return (
        moment(meta.last_updated) if meta.last_updated else None,
        int(number) if is_number else None,
    )


def is_older(resource: FhirResource, said: tuple[datetime | None, int | None]) -> bool:
    """Say whether a version is provably older than the one that is here."""
    at, number = said
    if at is not None and resource.said_at is not None and at != resource.said_at:
        return at < resource.said_at
    if number is not None and resource.said_version is not None:
        return number < resource.said_version
    return False
