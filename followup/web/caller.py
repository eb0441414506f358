"""API caller: the key first, then the body, field by field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field, ValidationError

from followup.domain.api_scope import ApiScope
from followup.domain.errors import InvalidInput
from followup.intake.json_shapes import EnrolmentShape, JsonShape, Moment, problems_of
from followup.staff.api_keys import ApiClient, check_api_key
from followup.web.errors import Refused
from followup.web.forms import read_json
from followup.web.patient_page.limits import LIMIT_WINDOW, Limit
from followup.web.site import Here, Site

WRONG_KEYS = 30
"""From one network address within ten minutes."""
log = structlog.get_logger()

BEARER = HTTPBearer(
    auto_error=False, description="A key made by `followup api-key add`.", scheme_name="key"
)


def require_scope(scope: ApiScope) -> Callable[..., ApiClient]:
    """Return what finds the caller of a route; a key without that scope is refused."""

    def caller(
        request: Request,
        site: Here,
        given: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)],
    ) -> ApiClient:
        client = check_api_key(site.app, given.credentials) if given else None
        if client is None:
            if given:
                _count_wrong_key(request, site)
            raise Refused(
                401,
                "send a key that is in force, as: Authorization: Bearer fu_…",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope not in client.scopes:
            raise Refused(403, f"this key does not have the scope {scope}: make one that has")
        return client

    return caller


def _count_wrong_key(request: Request, site: Site) -> None:
    """Count a wrong key, and refuse one too many; a right one is never refused for others'.

    A key is too long to be guessed: this keeps the noise down, and tells of a system gone wrong.
    """
    state = request.app.state
    if not hasattr(state, "wrong_keys"):
        state.wrong_keys = Limit(WRONG_KEYS, now=site.app.clock.real_now)
    who = request.client.host if request.client else ""
    if state.wrong_keys.reached(who):
        raise Refused(
            429,
            "too many wrong keys came from this address: wait, and send a key that is in force",
            headers={"Retry-After": str(int(LIMIT_WINDOW.total_seconds()))},
        )
    state.wrong_keys.count(who)
    if state.wrong_keys.reached(who):
        log.warning("web.wrong_keys", client=who)


Caller = Annotated[ApiClient, Depends(require_scope(ApiScope.ENROLMENTS))]


class _Body:
    """Reads a body of one shape, once the caller is known."""

    def __init__(self, shape: type[BaseModel]) -> None:
        self._shape = shape

    async def __call__(self, request: Request, _caller: Caller) -> BaseModel:
        sent = await read_json(request)
        try:
            return self._shape.model_validate(sent)
        except ValidationError as error:
            raise InvalidInput(*problems_of(self._shape, error.errors())) from None


StepName = Annotated[str, Field(max_length=90)]


class ReschedulingShape(JsonShape):
    """When the procedure was, or will be, instead.

    `again` and `not_again` decide otherwise than the rule of messages that were sent before, each
    named as `dressing` or `red-flags:2`. Without `correction` a patient who has advice that is not
    for now yet is not told so.
    """

    procedure_at: Moment
    again: tuple[StepName, ...] = ()
    not_again: tuple[StepName, ...] = ()
    correction: bool = True


class WithdrawalShape(JsonShape):
    """Why an enrolment ends. `deceased` ends every enrolment of the patient."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]
    deceased: bool = False


EnrolmentBody = Annotated[EnrolmentShape, Depends(_Body(EnrolmentShape))]
ReschedulingBody = Annotated[ReschedulingShape, Depends(_Body(ReschedulingShape))]
WithdrawalBody = Annotated[WithdrawalShape, Depends(_Body(WithdrawalShape))]


def describes(shape: type[BaseModel]) -> dict[str, Any]:
    """Return what the API's description says of a body of that shape."""
    schema = shape.model_json_schema()
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _with_definitions(schema, definitions)}},
        }
    }


def _with_definitions(schema: Any, definitions: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON.
    """Return a schema that refers to nothing outside itself."""
    if isinstance(schema, list):
        return [_with_definitions(one, definitions) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        found = definitions[schema["$ref"].rpartition("/")[2]]
        return _with_definitions(found, definitions)
    return {key: _with_definitions(value, definitions) for key, value in schema.items()}
