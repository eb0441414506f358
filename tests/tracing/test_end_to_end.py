"""One message through the real processes, with a collector, and people whom no span may tell of.

Each process of the worker that sends ends after one task: what arrives of it, it handed over then.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx
import pytest

from followup.context import AppContext
from followup.domain.roles import Role
from followup.staff import sessions
from followup.staff.members import MemberDetails, insert_member
from followup.staff.sessions import Stage
from followup.store.models.messages import Attempt, InboundMessage, Message
from tests.cli.conftest import document
from tests.stand_ins.collector import CollectedSpan, Collector
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import MASTER_KEY, HandClock, make_app, rows
from tests.support.servers import PostgresServer, RedisServer, free_port
from tests.support.stacks import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

NAME, MAILBOX = "Zebedee Quillfeather", "zebedee.quill@example.com"
MOBILE, NHS_NUMBER = "+447700900777", "9990000018"
WORDS = "parking by the zoo gate please"
TRACEPARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@dataclass(frozen=True)
class Scene:
    """The product's processes, with what they tell the collector, and their database."""

    stack: Stack
    twilio: TwilioStandIn
    collector: Collector
    app: AppContext
    url: str

    def wait_for(self, name: str, *, trace: str | None = None) -> CollectedSpan:
        def found() -> list[CollectedSpan]:
            return [one for one in self.collector.named(name) if trace in {None, one.trace}]

        self.stack.wait_for(lambda: bool(found()), what=f"the span {name}")
        return found()[0]


@pytest.fixture
def scene() -> Iterator[Scene]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as opened:
        twilio = opened.enter_context(TwilioStandIn())
        collector = opened.enter_context(Collector())
        database = opened.enter_context(PostgresServer())
        database_url = database.url(database.create_database())
        stack = opened.enter_context(
            Stack(
                {
                    "FOLLOWUP_DATABASE_URL": database_url,
                    "FOLLOWUP_BROKER_URL": opened.enter_context(RedisServer()).url(),
                    "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
                    "FOLLOWUP_CLOCK": "2026-10-19T14:00:00Z="
                    f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}@1",
                    "FOLLOWUP_PUBLIC_URL": url,
                    "FOLLOWUP_MODE": "practice",
                    "FOLLOWUP_SECOND_FACTOR": "none",
                    "FOLLOWUP_SMS_CHANNEL": "twilio",
                    "FOLLOWUP_TWILIO_ACCOUNT_SID": twilio.account_sid,
                    "FOLLOWUP_TWILIO_AUTH_TOKEN": twilio.auth_token,
                    "FOLLOWUP_TWILIO_API_URL": twilio.url,
                    "FOLLOWUP_TWILIO_FROM": "+447700900500",
                    "FOLLOWUP_OTLP_ENDPOINT": collector.url,
                    "FOLLOWUP_OTLP_HEADERS": "X-Scope=planted",
                    "FOLLOWUP_LOG_FORMAT": "json",
                }
            )
        )
        stack.migrate()
        app = opened.enter_context(
            closing(make_app(database_url, clock=HandClock(real=datetime.now(UTC))))
        )
        stack.worker(queues="dispatch,sweeps")
        stack.worker(queues="send", most_tasks=1)
        stack.beat()
        stack.web(port=port)
        yield Scene(stack, twilio, collector, app, url)


def test_one_trace_from_claim_to_receipt_and_no_patient_in_any_span(scene: Scene):
    given = document(1, channels=["sms"])
    given["patient"] |= {
        "name": NAME, "mobile": MOBILE, "email": MAILBOX, "nhs_number": NHS_NUMBER
    }  # fmt: skip
    scene.stack.command("enrol", "--json", "-", given=json.dumps(given))
    receipt = scene.wait_for("receipt")
    attempt, claim = (scene.wait_for(name, trace=receipt.trace) for name in ("attempt", "claim"))
    scene.twilio.text_us(
        f"{scene.url}/hooks/twilio/inbound", from_=MOBILE, to="+447700900500", body=WORDS
    )
    reply = scene.wait_for("take reply")
    answered = scene.wait_for("receipt", trace=reply.trace)
    with httpx.Client(base_url=scene.url, headers={"traceparent": TRACEPARENT}) as client:
        client.cookies.set("followup", session_of(scene.app))
        patient_id = str(rows(scene.app, Message)[0].patient_id)
        assert NAME in client.get(f"/patients/{patient_id}").text
        assert client.get("/patients", params={"q": NAME}).status_code == 200
        token = "Planted-token-of-a-page-1234567890"
        client.get(f"/p/{token}")
        client.get(f"/nowhere/{token}")
    page = scene.wait_for("GET /patients/{patient}")
    scene.wait_for("GET /p/{token}")

    # One trace, whose id is the message's, through three processes.
    (sent,) = [one for one in rows(scene.app, Attempt) if one.message_id.hex == receipt.trace]
    assert attempt.attributes["followup.attempt.id"] == str(sent.id)
    assert (claim.parent, attempt.parent, receipt.parent) == ("", claim.span, attempt.span)
    assert [one.service for one in (claim, attempt, receipt)] == [
        "followup-worker", "followup-worker", "followup-web"
    ]  # fmt: skip
    call = scene.wait_for("call provider", trace=receipt.trace)
    assert (call.parent, attempt.attributes["followup.outcome"]) == (attempt.span, "accepted")
    # The receipt tells by which request it came, and the answer's trace begins with the text.
    requests = {(one.trace, one.span): one.name for one in scene.collector.spans}
    assert [requests[link] for link in receipt.links] == ["POST /hooks/twilio/status"]
    (inbound,) = rows(scene.app, InboundMessage)
    assert reply.attributes == {"followup.inbound.id": str(inbound.id)}
    assert reply.trace == answered.trace == inbound.answer_id.hex
    # A request begins a trace of its own, whatever it says.
    assert page.attributes["http.response.status_code"] == 200
    assert "ab" * 16 not in {one.trace for one in scene.collector.spans}
    # What a request logs tells its trace.
    web = next(one for one in scene.stack.running if one.name == "web")
    logged = [json.loads(line) for line in web.log.read_text().splitlines() if line[:1] == "{"]
    assert page.trace in {line.get("trace_id") for line in logged}

    for one in scene.stack.running:
        one.stop()
    whole = b"".join(scene.collector.bodies).lower()
    private = [
        *NAME.split(), MAILBOX, MOBILE.removeprefix("+44"), NHS_NUMBER, "1957-05-17", "parking",
        "zoo gate", token, "planted", scene.twilio.auth_token, sent.provider_id, patient_id,
    ]  # fmt: skip
    assert [part for part in private if part.lower().encode() in whole] == []
    assert [one for one in map(str, scene.collector.spans) if "?" in one or "@" in one] == []
    assert {one["x-scope"] for one in scene.collector.headers} == {"planted"}


def session_of(app: AppContext) -> str:
    who = MemberDetails(email="sam@example.com", name="Sam Staff", roles=tuple(Role), clinics=None)
    with app.store.write() as session:
        staff = insert_member(session, app.by("cli:test"), who, password_hash=None)
        return sessions.begin_session(
            session, app, staff, stage=Stage.FULL, browser="Chrome on Linux"
        )
