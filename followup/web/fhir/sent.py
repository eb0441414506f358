"""What a hospital sent, read and searched by its own keys."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from followup.context import AppContext
from followup.domain.errors import InvalidInput, Problem
from followup.domain.sites.site import Site
from followup.fhir.codes import NHS_NUMBER
from followup.fhir.search import SENT_PARAMETERS, Parameters
from followup.intake.fhir.read_back import Told, find_sent, read_sent
from followup.intake.fhir.refusal import RefusedRequest
from followup.intake.fhir.requests import Search, parse_search
from followup.intake.fhir.take import site_of_key
from followup.staff.api_keys import ApiClient


def is_about_sent(kind: str, given: Parameters) -> bool:
    """Say whether a search is for what hospitals sent, and not for patients and messages."""
    identifiers = [value for name, value in given if name == "identifier"]
    by_own = any(not value.startswith(f"{NHS_NUMBER}|") for value in identifiers)
    return kind in SENT_PARAMETERS and (kind != "Patient" or (by_own and "|" in identifiers[0]))


def own_site(app: AppContext, caller: ApiClient) -> Site | None:
    """Return the site that a key sends for, if it may see all of the site's clinics."""
    site = site_of_key(app, caller.name)
    if site is None or not all(caller.may_see(rule.clinic) for rule in site.rules):
        return None
    return site


def sent_resource(
    app: AppContext, caller: ApiClient, kind: str, id_: UUID
) -> dict[str, Any] | None:
    """Return a resource that the caller's site sent."""
    site = own_site(app, caller)
    if site is None or kind not in SENT_PARAMETERS:
        return None
    with app.store.read() as session:
        return read_sent(session, app, site, kind, id_)


def sent_resources(app: AppContext, caller: ApiClient, kind: str, given: Parameters) -> list[Told]:
    """Return what a search finds among what the caller's site sent; raise `InvalidInput`."""
    known = SENT_PARAMETERS[kind]
    unknown = [name for name, _ in given if name not in known]
    if unknown:
        sentence = f"what was sent can be searched by: {', '.join(known)}"
        raise InvalidInput(*(Problem(name, sentence) for name in unknown))
    site = own_site(app, caller)
    if site is None:
        return []
    patients = _ids(given, "patient", "subject")
    with app.store.read() as session:
        return find_sent(
            session,
            app,
            site,
            kind,
            ids=_ids(given, "_id"),
            identifiers=[_identifier(value) for name, value in given if name == "identifier"],
            patients=patients,
        )


def _ids(given: Parameters, *names: str) -> list[UUID] | None:
    values = [value for name, value in given if name in names]
    if not values:
        return None
    parts = (part.removeprefix("Patient/") for value in values for part in value.split(","))
    found = []
    for part in parts:
        try:
            found.append(UUID(part))
        except ValueError:
            # Of another server, or none: nothing has it.
            continue
    return found


def _identifier(value: str) -> Search:
    try:
        return parse_search(f"identifier={value}", place="identifier")
    except RefusedRequest as error:
        raise InvalidInput.of("identifier", error.told) from None
