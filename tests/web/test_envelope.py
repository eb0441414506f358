"""Around every request: protecting headers, log lines without a patient, errors in sentences."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from followup.domain.errors import (
    AlreadyEnrolled,
    ChannelRefused,
    ConfigurationError,
    Conflict,
    FollowupError,
    IllegalMove,
    InvalidInput,
    NotFound,
    ProtocolError,
    StoreUnavailable,
    TemplateError,
    WrongMasterKey,
)
from followup.settings.logging import configure_logging
from followup.store.models.messages import Attempt
from followup.web.errors import STATUSES
from tests.support.apps import enrol_one, rows, run_jobs
from tests.support.people import nhs_number
from tests.web.conftest import enrolment, key_for, served, sid, twilio_post

PATHS = ("/healthz", "/readyz", "/metrics", "/u/x", "/nothing", "/api/v1/balance",
         "/api/v1/openapi.json", "/hooks/twilio/status")  # fmt: skip


# ----------------------------------------------------------------------------- headers


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_protects_whoever_reads_it(sqlite_client, path):
    headers = sqlite_client.get(path).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["strict-transport-security"] == "max-age=31536000"
    assert headers["x-robots-tag"] == "noindex, nofollow"
    assert "server" not in headers
    assert "set-cookie" not in headers


def test_a_rehearsal_over_http_asks_for_no_https(sqlite_app):
    with served(sqlite_app, public_url="http://127.0.0.1:8000") as client:
        assert "strict-transport-security" not in client.get("/healthz").headers


def test_nobody_elses_page_may_read_an_answer(sqlite_client):
    answer = sqlite_client.options(
        "/api/v1/enrolments",
        headers={
            "Origin": "https://evil.example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        },
    )

    assert answer.status_code == 405
    assert not any(name.startswith("access-control") for name in answer.headers)


# -------------------------------------------------------------------------------- logs


@pytest.fixture
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """What was logged since, line by line, at every level."""
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    configure_logging(level="debug", log_format="json", stream=stream, strict=True)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers = handlers
    root.setLevel(level)


def requests_in(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == "web.request"]


def test_a_line_tells_the_route_and_never_the_address(sqlite_app, logged):
    with served(sqlite_app) as client:
        client.get("/u/some-token?name=Zebedee")
        client.get("/zebedee/quillfeather?to=07700900001")
        client.get("/api/v1/messages?cursor=zebedee", headers=key_for(sqlite_app))

    lines = requests_in(logged())
    assert [(line["route"], line["status"]) for line in lines] == [
        ("/u/{token}", 404),
        ("-", 404),
        ("/api/v1/messages", 422),
    ]
    assert {line["level"] for line in lines} == {"warning"}
    assert all(line["milliseconds"] >= 0 for line in lines)


def test_a_receipts_line_carries_our_ids_and_no_others(sqlite_app, logged):
    enrol_one(sqlite_app)
    run_jobs(sqlite_app)
    [attempt] = rows(sqlite_app, Attempt)
    ours = f"message={attempt.message_id}&attempt={attempt.id}"
    fields = {"MessageSid": sid(), "MessageStatus": "sent", "To": "+447700900001"}
    with served(sqlite_app) as client:
        twilio_post(client, f"/hooks/twilio/status?{ours}&to=zebedee", fields)
        twilio_post(client, "/hooks/twilio/status?message=zebedee&attempt=quill", fields)

    first, second = requests_in(logged())
    assert (first["message_id"], first["attempt_id"]) == (str(attempt.message_id), str(attempt.id))
    assert first["level"] == "debug"
    assert not {"message_id", "attempt_id"} & set(second)


def test_no_line_of_any_request_tells_of_a_patient(sqlite_app, logged):
    private = [
        "Test Patient", "9990000018", "999 000 0018", "1956-", "/1956", "7700 900001", "7700900001",
        "patient1", "legs", nhs_number(1),
    ]  # fmt: skip
    key = key_for(sqlite_app)
    with served(sqlite_app) as client:
        client.post("/api/v1/enrolments", json=enrolment(), headers=key)
        client.post("/api/v1/enrolments", json=enrolment(colour="legs"), headers=key)
        client.post("/api/v1/enrolments", content=b'{"legs', headers=key)
        run_jobs(sqlite_app)
        twilio_post(
            client,
            "/hooks/twilio/inbound",
            {"MessageSid": sid(), "From": "+447700900001", "To": "", "Body": "STOP my legs hurt"},
        )
        client.get("/api/v1/messages", headers=key)
        run_jobs(sqlite_app)

    told = json.dumps(logged())
    assert len(requests_in(logged())) == 5
    for part in [*private, key["Authorization"].removeprefix("Bearer ")]:
        assert part not in told


def test_an_unusual_method_is_not_repeated(sqlite_app, logged):
    with served(sqlite_app) as client:
        client.request("ZEBEDEE", "/healthz")

    assert [line["method"] for line in requests_in(logged())] == ["-"]


# ------------------------------------------------------------------------------- errors


class Broken:
    """A catalogue of which every use is an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> object:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (InvalidInput.of("a.b", "mend it"), 422, [{"field": "a.b", "message": "mend it"}]),
        (NotFound("there is none"), 404, {"error": "there is none"}),
        (Conflict("it clashes"), 409, {"error": "it clashes"}),
        (IllegalMove("it can't"), 409, {"error": "it can't"}),
        (StoreUnavailable("host db.internal is away"), 503, None),
        (ConfigurationError("secret path"), 500, None),
        (ProtocolError("secret path"), 500, None),
        (TemplateError("secret path"), 500, None),
        (WrongMasterKey("secret path"), 500, None),
        (ChannelRefused("21610", "secret path"), 500, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_error_has_its_status_and_its_words(sqlite_app, error, status, told):
    catalogue: Any = Broken(error)
    with served(replace(sqlite_app, catalogue=catalogue)) as client:
        answer = client.post("/api/v1/enrolments", json=enrolment(), headers=key_for(sqlite_app))

    assert answer.status_code == status
    if told is not None:
        assert answer.json() == told
    else:
        assert set(answer.json()) == {"error"}
        assert "secret" not in answer.text
        assert "internal" not in answer.text


def test_a_patient_who_is_enrolled_already_is_told_of_by_id(sqlite_app):
    catalogue: Any = Broken(AlreadyEnrolled(UUID(int=5)))
    with served(replace(sqlite_app, catalogue=catalogue)) as client:
        answer = client.post("/api/v1/enrolments", json=enrolment(), headers=key_for(sqlite_app))

    assert answer.status_code == 409
    assert answer.json()["enrolment_id"] == str(UUID(int=5))


def test_every_error_of_the_tree_has_a_status():
    def all_of(kind: type[FollowupError]) -> set[type[FollowupError]]:
        return {kind}.union(*(all_of(one) for one in kind.__subclasses__()))

    callers = {
        kind for kind in all_of(FollowupError) if any(issubclass(kind, one) for one, _ in STATUSES)
    }
    assert {InvalidInput, NotFound, Conflict, AlreadyEnrolled, IllegalMove, StoreUnavailable} <= (
        callers
    )


def test_a_mistake_in_the_product_shows_nothing_of_itself(sqlite_app, logged):
    catalogue: Any = Broken(RuntimeError("the patient is Zebedee on 07700900001"))
    with served(replace(sqlite_app, catalogue=catalogue)) as client:
        answer = client.post("/api/v1/enrolments", json=enrolment(), headers=key_for(sqlite_app))
        assert client.get("/healthz").status_code == 200

    assert answer.status_code == 500
    assert "not your doing" in answer.json()["error"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    told = json.dumps(logged())
    for private in ("Zebedee", "07700900001"):
        assert private not in answer.text
        assert private not in told
    [failed] = [line for line in logged() if line["event"] == "web.failed"]
    assert failed["cause"] == "RuntimeError"
    assert any(step.startswith("api.py:") for step in failed["where"])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/enrolments/", 404),
        ("PUT", "/api/v1/enrolments", 405),
        ("GET", "/api/v1/enrolments", 405),
        ("DELETE", "/healthz", 405),
    ],
)
def test_what_there_is_not_is_refused_in_a_sentence(sqlite_client, method, path, status):
    answer = sqlite_client.request(method, path)

    assert answer.status_code == status
    assert answer.json()["error"]
    if status == 405:
        assert answer.headers["allow"]
