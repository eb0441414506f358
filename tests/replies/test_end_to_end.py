"""A text "STOP cant feel my legs" through the real processes, on both ways to run the product.

It comes to the top of the worklist with the right answer sent; nobody takes it, so those on call
are told; and the audit tells the whole story. The clock runs 60 times as fast, so that fifteen
minutes take fifteen seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from followup.settings.paths import noted_port
from followup.store.engine.session import Store, make_engine
from followup.store.models.messages import InboundMessage, Message, SandboxMessage
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import open_items
from tests.cli.conftest import document
from tests.support.people import PROCEDURE_AT, nhs_number
from tests.support.servers import PostgresServer, RedisServer, free_port
from tests.support.stacks import Stack
from tests.web.conftest import AUTH_TOKEN, sid, twilio_post
from tests.web.test_reply_table import GRAVE_REPLIES, PEACEFUL_REPLIES, STOP_REPLIES

ON_CALL = "+447700900700"
PATIENT = "+447700900001"
SPEED = 60

# Counted where each command and each reply is tested by itself.
pytestmark = [pytest.mark.slow, pytest.mark.uncounted]


def rehearsal() -> dict[str, str]:
    now = datetime.now(UTC)
    return {
        "FOLLOWUP_CLOCK": f"2026-10-19T14:00:00Z={now:%Y-%m-%dT%H:%M:%SZ}@{SPEED}",
        "FOLLOWUP_ON_CALL_MOBILE": ON_CALL,
        "FOLLOWUP_ON_CALL_EMAIL": "on-call@example.com",
    }


@dataclass(frozen=True)
class Scene:
    """A running stack, where its web process listens, and its database."""

    stack: Stack
    url: str
    store: Store


@pytest.fixture(params=["embedded", "servers"])
def scene(request) -> Iterator[Scene]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **rehearsal(), "FOLLOWUP_PUBLIC_URL": url, "FOLLOWUP_TWILIO_AUTH_TOKEN": AUTH_TOKEN
    }  # fmt: skip
    with ExitStack() as servers:
        if request.param == "embedded":
            stack = servers.enter_context(Stack(environment))
            stack.migrate()
            running = stack.embedded("--port", str(port))
            stack.wait_for(lambda: answers(url), what="the web server", of=running)
            data_dir = Path(stack.environment["FOLLOWUP_DATA_DIR"])
            assert noted_port(data_dir) == port
            database_url = f"sqlite:///{data_dir}/followup.db"
        else:
            database = servers.enter_context(PostgresServer())
            broker = servers.enter_context(RedisServer())
            database_url = database.url(database.create_database())
            urls = {"FOLLOWUP_DATABASE_URL": database_url, "FOLLOWUP_BROKER_URL": broker.url()}
            stack = servers.enter_context(Stack({**environment, **urls}))
            stack.migrate()
            stack.worker(concurrency=2)
            stack.beat()
            stack.web(port=port)
        store = Store(make_engine(database_url))
        yield Scene(stack, url, store)
        store.close()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def texted(scene: Scene, serial: int, body: str, *, sender: str = PATIENT) -> None:
    """Bring a text as Twilio does: by HTTP, signed."""
    form = {"MessageSid": sid(serial), "From": sender, "To": "+447700900500", "Body": body}
    # Twilio waits for so long; the first text has the words of sorting compiled.
    with httpx.Client(base_url=scene.url, timeout=15) as client:
        answer = twilio_post(client, "/hooks/twilio/inbound", form, public_url=scene.url)
    assert answer.status_code == 200


def seen(scene: Scene) -> tuple[str | None, str | None]:
    """Return the cause at the top of the worklist, and the state of the answer to the red flag."""
    with scene.store.read() as session:
        items = open_items(session)
        answer = session.scalar(
            select(Message.state).where(Message.template == "reply-red-flag-stopped")
        )
    return (items[0].detail["cause"] if items else None), answer


def lines(stack: Stack, *arguments: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stack.command(*arguments, "--json").splitlines()]


def texts_to(stack: Stack, number: str) -> list[str]:
    return [one["body"] for one in lines(stack, "outbox", "--to", number)]


def texts_reach(scene: Scene, number: str) -> Callable[[], bool]:
    """Return what tells whether a text came there: the outbox is only asked when there are more."""
    most = 0

    def arrived() -> bool:
        nonlocal most
        with scene.store.read() as session:
            count = session.scalars(select(func.count()).select_from(SandboxMessage)).one()
        is_more, most = count > most, count
        return is_more and bool(texts_to(scene.stack, number))

    return arrived


@pytest.mark.timeout(240)
def test_a_red_flag_beside_stop_finds_a_person_and_the_audit_tells_how(scene):
    stack = scene.stack
    enrolled = json.loads(stack.command("enrol", "--json", "-", given=json.dumps(document())))
    stack.wait_for(texts_reach(scene, PATIENT), what="the first advice", seconds=60)
    texted(scene, 1, "please ring me about parking")

    texted(scene, 2, "STOP cant feel my legs")
    stack.wait_for(lambda: seen(scene)[0] == "red-flag", what="the item")
    stack.wait_for(lambda: seen(scene)[1] in {"sent", "delivered"}, what="the answer")

    [answer] = [body for body in texts_to(stack, PATIENT) if "get help now" in body]
    for words in ("nobody watches this number", "ring 999", "no more of these texts"):
        assert words in answer

    stack.wait_for(texts_reach(scene, ON_CALL), what="the escalation", seconds=60)
    alarm = texts_to(stack, ON_CALL)[0]
    assert "URGENT" in alarm
    assert "legs" not in alarm
    story = stack.command("audit", enrolled["enrolment_id"], "--json")
    for step in (
        "inbound.taken", "objection.lodged", "worklist.opened", "worklist.escalated",
        "worklist.told", "reply-red-flag-stopped",
    ):  # fmt: skip
        assert step in story, step
    first = lines(stack, "worklist")[0]
    assert (first["cause"], first["urgency"]) == ("red-flag", 1)
    stack.command("worklist", "take", first["id"])
    stack.command("worklist", "close", first["id"], "--outcome", "rang")
    assert "rang" in stack.command("audit", enrolled["enrolment_id"])


@dataclass(frozen=True)
class Expected:
    """What becomes of a reply: the template of its answer, and the cause of an item, if any.

    `rings` says that a person is asked to ring about advice that the patient stopped.
    """

    answer: str | None
    cause: str | None
    rings: bool = False


EXPECTED = [
    *((body, Expected(answer, gravest)) for body, gravest, answer in GRAVE_REPLIES),
    *((body, Expected(None, None)) for body in PEACEFUL_REPLIES),
    *((body, Expected("reply-stopped", None, rings=True)) for body in STOP_REPLIES),
]


def became(scene: Scene) -> list[Expected]:
    """Return what became of each reply, in their order; an answer counts once it is sent."""
    with scene.store.read() as session:
        items = session.scalars(select(WorklistItem).order_by(WorklistItem.id)).all()
        causes = {
            item.patient_id: item.detail["cause"] for item in items if item.kind != "advice-stopped"
        }
        to_ring = {item.patient_id for item in items if item.kind == "advice-stopped"}
        taken = session.execute(
            select(InboundMessage.patient_id, Message.template, Message.state)
            .outerjoin(Message, Message.id == InboundMessage.answer_id)
            .order_by(InboundMessage.id)
        )
        return [
            Expected(
                template if state in {"sent", "delivered", None} else state,
                causes.get(patient),
                rings=patient in to_ring,
            )
            for patient, template, state in taken
        ]


def list_of(scene: Scene, numbers: list[str]) -> Path:
    """Write a list of patients with these numbers."""
    file = scene.stack.folder / "patients.csv"
    rows = [
        f"{PROCEDURE_AT:%Y-%m-%dT%H:%M},{nhs_number(place)},Test Patient,{number},yes,yes,sms"
        for place, number in enumerate(numbers, start=1)
    ]
    head = "procedure_at,nhs_number,name,mobile,diabetic,steroid,channels"
    file.write_text("\n".join([head, *rows]), encoding="utf-8")
    return file


@pytest.mark.timeout(240)
def test_each_reply_of_the_table_ends_as_it_should_through_the_real_processes(scene):
    numbers = [f"+4477009003{place:02}" for place in range(len(EXPECTED))]
    scene.stack.command("import", str(list_of(scene, numbers)))

    for place, (number, (body, _)) in enumerate(zip(numbers, EXPECTED, strict=True), start=1):
        texted(scene, place, body, sender=number)

    scene.stack.wait_for(
        lambda: [one.answer for one in became(scene)] == [one.answer for _, one in EXPECTED],
        what="the answers",
        seconds=90,
    )
    assert became(scene) == [expected for _, expected in EXPECTED]
