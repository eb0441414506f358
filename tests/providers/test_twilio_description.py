"""The stand-in and our client against Twilio's own OpenAPI description, of which a part is kept.

`tests/stand_ins/twilio_openapi.json` says where it comes from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.providers.rest import call, create
from tests.stand_ins import twilio_life

DESCRIPTION: dict[str, Any] = json.loads(
    Path(twilio_life.__file__).with_name("twilio_openapi.json").read_text(encoding="utf-8")
)
SCHEMAS = DESCRIPTION["components"]["schemas"]
MESSAGES = "/2010-04-01/Accounts/{AccountSid}/Messages.json"
MESSAGE = "/2010-04-01/Accounts/{AccountSid}/Messages/{Sid}.json"
OURS = {"To", "Body", "StatusCallback", "ValidityPeriod", "From", "MessagingServiceSid"}
"""What our client may put into a request for a text; `test_twilio_send` sees to it."""


def answered(path: str, method: str, status: int) -> Any:
    """Return what the description says that an answer holds, as a JSON schema of today."""
    answer = DESCRIPTION["paths"][path][method]["responses"][str(status)]
    return _today(answer["content"]["application/json"]["schema"])


def _today(schema: Any) -> Any:
    """Put in what is referred to, and turn OpenAPI 3.0's `nullable` into a type."""
    if isinstance(schema, list):
        return [_today(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return _today(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    made = {name: _today(value) for name, value in schema.items() if name != "nullable"}
    if schema.get("nullable"):
        return {"anyOf": [made, {"type": "null"}]}
    return made


def check(answer: Any, schema: Any) -> None:
    faults = [error.message for error in Draft202012Validator(schema).iter_errors(answer)]
    assert faults == []


def test_what_is_taken_is_answered_as_described(twilio):
    status, _, message = create(twilio, StatusCallback="http://127.0.0.1:9/x")

    assert status == 201
    check(message, answered(MESSAGES, "post", 201))
    assert set(message) == set(SCHEMAS["api.v2010.account.message"]["properties"])


def test_a_message_is_fetched_as_described(twilio):
    _, _, message = create(twilio)

    status, _, fetched = call(twilio, f"Messages/{message['sid']}.json")

    assert status == 200
    check(fetched, answered(MESSAGE, "get", 200))
    assert set(fetched) == set(SCHEMAS["api.v2010.account.message"]["properties"])


def test_a_list_comes_in_pages_as_described(twilio):
    for _ in range(3):
        create(twilio)

    status, _, page = call(twilio, "Messages.json", query={"PageSize": "2"})

    schema = answered(MESSAGES, "get", 200)
    assert status == 200
    assert len(page["messages"]) == 2
    check(page, schema)
    assert set(page) == set(schema["properties"])


def test_a_message_may_be_in_every_state_that_is_described():
    described = set(SCHEMAS["message_enum_status"]["enum"])

    assert {"queued", "accepted", "sending", "sent", "delivered", "undelivered"} <= described
    assert "failed" in described


def test_what_we_send_and_ask_for_is_described():
    form = DESCRIPTION["paths"][MESSAGES]["post"]["requestBody"]["content"]
    (fields,) = (one["schema"]["properties"] for one in form.values())
    asked = {one["name"] for one in DESCRIPTION["paths"][MESSAGES]["get"]["parameters"]}

    assert set(fields) >= OURS
    assert asked >= {"To", "DateSent>", "PageSize", "Page", "PageToken"}


@pytest.mark.parametrize("word", ["idempot", "dedup"])
def test_twilio_describes_nothing_that_would_make_sending_idempotent(word):
    sending = DESCRIPTION["paths"][MESSAGES]["post"]

    assert word not in json.dumps(sending).lower()
