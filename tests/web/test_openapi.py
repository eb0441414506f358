"""The API's description: it is complete, and every answer to made-up requests keeps to it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.web.conftest import enrolment, key_for, served

OPENAPI = "/api/v1/openapi.json"

# Text that the description allows may still be no number that exists, or a date long past.
NOT_FOR_US = "positive_data_acceptance"


@pytest.fixture
def description(sqlite_client: httpx.Client) -> dict[str, Any]:
    told: dict[str, Any] = sqlite_client.get(OPENAPI).json()
    return told


def operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_operation_is_described_and_no_page_or_hook_is(description):
    assert sorted(name for name, _ in operations(description)) == [
        "GET /api/v1/balance",
        "GET /api/v1/enrolments/{enrolment_id}",
        "GET /api/v1/messages",
        "POST /api/v1/enrolments",
        "POST /api/v1/enrolments/{enrolment_id}/pause",
        "POST /api/v1/enrolments/{enrolment_id}/reschedule",
        "POST /api/v1/enrolments/{enrolment_id}/resume",
        "POST /api/v1/enrolments/{enrolment_id}/withdraw",
    ]


def test_every_operation_says_what_it_does_whom_it_serves_and_how_it_refuses(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["security"] == [{"key": []}], name
        assert {"401", "503"} <= set(operation["responses"]), name
        for status, response in operation["responses"].items():
            assert response["description"], (name, status)
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


def test_what_can_not_be_used_is_a_list_of_fields_and_messages(description):
    for name, operation in operations(description):
        refusal = operation["responses"].get("422")
        if refusal is None:
            continue
        schema = refusal["content"]["application/json"]["schema"]
        assert schema["type"] == "array", name
        assert schema["items"] == {"$ref": "#/components/schemas/ProblemAnswer"}, name
    assert not [name for name in description["components"]["schemas"] if "Validation" in name]
    problem = description["components"]["schemas"]["ProblemAnswer"]
    assert problem["required"] == ["field", "message"]


def test_the_body_of_an_enrolment_is_described_whole(description):
    body = description["paths"]["/api/v1/enrolments"]["post"]["requestBody"]
    schema = body["content"]["application/json"]["schema"]

    assert body["required"] is True
    assert set(schema["properties"]) == {*enrolment(), "on_conflict"}
    assert set(schema["properties"]["patient"]["properties"]) == {*enrolment()["patient"], "needs"}
    assert schema["required"] == ["clinic", "protocol", "procedure_at", "patient"]
    assert "$ref" not in str(schema)


def test_anybody_may_read_the_description(sqlite_client):
    assert sqlite_client.get(OPENAPI).status_code == 200


@pytest.mark.uncounted
@pytest.mark.slow
def test_every_answer_to_made_up_requests_keeps_to_the_description(sqlite_app, tmp_path):
    key = key_for(sqlite_app)
    with served(sqlite_app) as client:
        client.post("/api/v1/enrolments", json=enrolment(), headers=key)
        run = subprocess.run(
            [
                Path(sys.executable).parent / "schemathesis",
                *("run", f"{str(client.base_url).rstrip('/')}{OPENAPI}"),
                *("--header", f"Authorization: {key['Authorization']}"),
                *("--exclude-checks", NOT_FOR_US),
                *("--max-examples", "12", "--seed", "1", "--no-shrink", "--warnings", "off"),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    assert run.returncode == 0, run.stdout + run.stderr
    assert "8 passed" in run.stdout
