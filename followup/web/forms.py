"""Posted bodies: forms as providers send them, and the API's JSON."""

from __future__ import annotations

import json
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.datastructures import ImmutableMultiDict

from followup.web.errors import Refused

MOST_BYTES = 64 * 1024
"""Several times what a provider or an enrolment ever needs."""
MOST_FIELDS = 200
FORM, JSON = "application/x-www-form-urlencoded", "application/json"


async def read_form(request: Request) -> ImmutableMultiDict[str, str]:
    """Return a form, empty values and repeated fields included: a signature covers them all."""
    _require_type(request, FORM)
    body = await request.body()
    try:
        text = body.decode()
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise Refused(400, "this form can't be read") from None
    return ImmutableMultiDict(fields)


async def read_json(request: Request) -> object:
    """Return the JSON value that was sent."""
    _require_type(request, JSON)
    body = await request.body()
    try:
        return json.loads(body.decode())
    except UnicodeDecodeError:
        raise Refused(400, "this is not UTF-8: send JSON in that encoding") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refused(400, f"this is not JSON: look at {where}") from None
    except (ValueError, RecursionError):
        raise Refused(
            400, "this JSON can't be read: it nests too deeply or counts too far"
        ) from None


def _require_type(request: Request, wanted: str) -> None:
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != wanted:
        raise Refused(415, f"send this as {wanted}")
