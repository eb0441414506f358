"""From the error tree to HTTP: the status that says what the caller should do, and a sentence.

Answers are JSON: `{"error": sentence}`, or for input that can't be used the list of
`{"field", "message"}`; FHIR has its OperationOutcome. None repeats what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from followup.domain.errors import (
    Conflict,
    EnrolmentClash,
    FollowupError,
    InvalidInput,
    NotFound,
    StoreUnavailable,
)
from followup.fhir import BASE as FHIR
from followup.fhir import CONTENT_TYPE
from followup.fhir.outcome import outcome, outcome_of
from followup.intake.fhir.refusal import RefusedRequest
from followup.web.pages import page

log = structlog.get_logger()

PAGES = ("/u/", "/p/")
"""Below these a person reads the answer."""

BROKEN, AWAY, TOO_LARGE = 500, 503, 413

SENTENCES = {
    400: "this request can't be understood",
    404: "there is nothing at this address",
    405: "this address does not do that",
    408: "the rest of this request did not come in time: send it again",
    TOO_LARGE: "this is too large: send less at once",
    421: "this is the address of another site: open the service by FOLLOWUP_PUBLIC_URL",
    BROKEN: "something went wrong here, and it is not your doing; the log says what",
    AWAY: "the service can't reach its database at present: nothing was changed, try again",
}

STATUSES: tuple[tuple[type[FollowupError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (StoreUnavailable, AWAY),
)


class Refused(Exception):
    """A request that is turned away before any use case sees it."""

    def __init__(
        self, status: int, sentence: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.status = status
        self.sentence = sentence
        self.headers = headers
        super().__init__(sentence)


def install(app: FastAPI) -> None:
    """Let the app answer every error in the product's words."""
    app.add_exception_handler(FollowupError, _on_followup_error)
    app.add_exception_handler(Refused, _on_refused)
    app.add_exception_handler(RefusedRequest, _on_refused_resource)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameters)
    app.add_exception_handler(HTTPException, _on_http_error)


async def _on_followup_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FollowupError)  # noqa: S101 - registered for these
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), BROKEN)
    if status in {AWAY, BROKEN}:
        log.error("web.unable", cause=type(error).__name__, reason=str(error))
        headers = {"Retry-After": "5"} if status == AWAY else None
        return _answer(request.url.path, status, {"error": SENTENCES[status]}, headers=headers)
    if isinstance(error, InvalidInput) and _is_fhir(request.url.path):
        # Of a resource what it says is wrong, of a search how it is asked for.
        of_resource = any(problem.field[:1].isupper() for problem in error.problems)
        return _fhir(status if of_resource else 400, outcome_of(error.problems))
    if isinstance(error, InvalidInput):
        return _answer(request.url.path, status, problem_list(error))
    told: dict[str, Any] = {"error": str(error)}
    if isinstance(error, EnrolmentClash):
        told |= clash_json(error)
    return _answer(request.url.path, status, told)


async def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for these
    return _answer(request.url.path, error.status, {"error": error.sentence}, headers=error.headers)


async def _on_refused_resource(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedRequest)  # noqa: S101 - registered for these
    return _fhir(error.status, error.as_json())


async def _on_invalid_parameters(request: Request, error: Exception) -> Response:
    """Answer for query parameters alone: bodies and paths are read by the product itself."""
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these
    told = [
        {"field": str(detail["loc"][-1]), "message": _parameter_text(detail)}
        for detail in error.errors()
    ]
    return _answer(request.url.path, 422, told)


def _parameter_text(detail: Mapping[str, Any]) -> str:
    """Return what to send instead."""
    told = _OF_PARAMETERS.get(detail["type"], "this can't be used: see the API guide")
    return told.format(**detail.get("ctx", {}))


_OF_PARAMETERS = {
    "missing": "this is missing: add it",
    "greater_than_equal": "this is too small: use at least {ge}",
    "less_than_equal": "this is too large: use at most {le}",
    "int_parsing": "this is not a whole number: write it in digits",
    "int_parsing_size": "this is too large",
    "bool_parsing": "this is neither true nor false",
    "string_too_long": "this is too long: use at most {max_length} characters",
}


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for these
    sentence = SENTENCES.get(error.status_code, "this request can't be understood")
    return _answer(request.url.path, error.status_code, {"error": sentence}, headers=error.headers)


def answer_of(scope: Scope, status: int) -> Response:
    """Return the answer of this status to a request that got no further; nothing of why."""
    if not scope["path"].startswith(PAGES) and "text/html" in Headers(scope=scope).get(
        "accept", ""
    ):
        return page("public/refused.html", status=status, sentence=SENTENCES[status])
    return _answer(scope["path"], status, {"error": SENTENCES[status]})


def problem_list(error: InvalidInput) -> list[dict[str, str]]:
    """Return the problems as the API lists them."""
    return [{"field": problem.field, "message": problem.message} for problem in error.problems]


def clash_json(error: EnrolmentClash) -> dict[str, Any]:
    """Return what an enrolment that is there adds to a refusal."""
    return {
        "enrolment_id": str(error.enrolment_id),
        "fields": list(error.fields),
        "on_conflict": error.needs,
    }


def _answer(
    path: str,
    status: int,
    told: Mapping[str, Any] | Sequence[Any],
    *,
    headers: Mapping[str, str] | None = None,
) -> Response:
    if path.startswith(PAGES):
        return page("public/cannot.html", status=status, headers=headers)
    if _is_fhir(path) and isinstance(told, Mapping):
        return _fhir(status, outcome(status, str(told["error"])), headers=headers)
    return JSONResponse(told, status_code=status, headers=dict(headers or {}))


def _is_fhir(path: str) -> bool:
    return path == FHIR or path.startswith(f"{FHIR}/")


def _fhir(
    status: int, told: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
) -> Response:
    return JSONResponse(
        told, status_code=status, headers=dict(headers or {}), media_type=CONTENT_TYPE
    )
