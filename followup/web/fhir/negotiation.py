"""FHIR over HTTP: who may, in which format, and what an answer carries."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.responses import Response

from followup.domain.api_scope import ApiScope
from followup.fhir import CONTENT_TYPE
from followup.intake.fhir.take import FhirClient, site_of_key
from followup.staff.api_keys import ApiClient
from followup.web.caller import require_scope
from followup.web.errors import Refused
from followup.web.site import Here

JSON_TYPES = frozenset({CONTENT_TYPE, "application/json", "json", "text/json"})
ANY_TYPE = frozenset({"*/*", "application/*"})


async def _in_json(request: Request) -> None:
    """Raise `Refused` for a caller who takes no JSON; `_format` counts before `Accept`."""
    given = request.query_params.get("_format")
    if given is not None:
        # A plus that was not encoded arrives as a space.
        wanted, taken = [given.replace(" ", "+")], JSON_TYPES
    else:
        wanted, taken = request.headers.get("accept", "*/*").split(","), JSON_TYPES | ANY_TYPE
    if not any(one.partition(";")[0].strip().lower() in taken for one in wanted):
        raise Refused(406, f"this server answers in {CONTENT_TYPE} alone")


Negotiated = Depends(_in_json)
"""Of a route: it answers in JSON or not at all."""

Reader = Annotated[ApiClient, Depends(require_scope(ApiScope.FHIR_READ))]
"""Who may read resources."""


def _writer(
    site: Here, caller: Annotated[ApiClient, Depends(require_scope(ApiScope.FHIR_WRITE))]
) -> FhirClient:
    """Return whoever sends resources, for the site whose file names their key."""
    found = site_of_key(site.app, caller.name)
    if found is None:
        raise Refused(403, "no site file names this key: put it under keys of its [fhir]")
    if any(not caller.may_see(rule.clinic) for rule in found.rules):
        sentence = f"this key is for the clinic {caller.clinic} alone, and its site has others"
        raise Refused(403, sentence)
    return FhirClient(name=caller.name, actor=caller.actor, site=found)


Writer = Annotated[FhirClient, Depends(_writer)]
"""Who may send resources."""


def fhir_answer(
    told: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a resource as an answer; one with a version has it as its ETag as well."""
    version = told.get("meta", {}).get("versionId")
    tags = {"ETag": f'W/"{version}"'} if version else {}
    return Response(
        json.dumps(told, ensure_ascii=False),
        status_code=status,
        media_type=CONTENT_TYPE,
        headers={**tags, **(headers or {})},
    )


def is_known(request: Request, told: Mapping[str, Any]) -> bool:
    """Say whether the caller has this version already."""
    version = told["meta"]["versionId"]
    known = request.headers.get("if-none-match", "")
    return any(one.strip().removeprefix("W/").strip('"') == version for one in known.split(","))
