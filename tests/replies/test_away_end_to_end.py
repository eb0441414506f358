"""Texts that come while the product's own processes are down, or are killed as they look for them.

On both ways to run it, over two accounts that are processes of their own. The clock of the service
begins at a literal date, whatever the day.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from followup.store.engine.session import Store, make_engine
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.operations import Sweep
from followup.store.models.patients import Objection
from followup.store.models.worklist import WorklistItem
from tests.cli.conftest import document
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.servers import PostgresServer, RedisServer, free_port
from tests.support.stacks import Running, Stack

SECOND_SID = "AC" + "fedcba9876543210" * 2
SECOND_TOKEN = "0123456789abcdef" * 2
FIRST_NUMBER, SECOND_NUMBER = "+447700900500", "+447700900600"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass
class Scene:
    """The product's processes, its two accounts, and its database."""

    way: str
    stack: Stack
    first: TwilioStandIn
    second: TwilioStandIn
    store: Store
    port: int
    running: list[Running] = field(default_factory=list)

    def start(self) -> None:
        """Start every process of the product, and wait until the web process answers."""
        self.begin()
        if self.way == "embedded":
            self.stack.wait_until_answers(self.port, of=self.running[0])
        else:
            self.running.append(self.stack.web(port=self.port))

    def begin(self) -> None:
        """Start what looks for texts, and wait for nothing."""
        if self.way == "embedded":
            self.running = [self.stack.embedded("--port", str(self.port))]
        else:
            self.running = [self.stack.beat(), self.stack.worker(concurrency=2)]

    def kill(self) -> None:
        """End them all at once, as a machine that loses its power does."""
        for one in self.running:
            one.kill()

    def write(
        self, serial: int, body: str, *, account: TwilioStandIn | None = None, ago: int = 90
    ) -> int:
        """Let a patient text us, so many seconds ago; return what the hook answered, 0 for none."""
        account = account or self.first
        return account.text_us(
            f"http://127.0.0.1:{self.port}/hooks/twilio/inbound",
            from_=f"+447700900{serial:03d}",
            to=FIRST_NUMBER if account is self.first else SECOND_NUMBER,
            body=body,
            ago=str(ago),
        )

    def enrol(self, *serials: int) -> None:
        for serial in serials:
            given = json.dumps(document(serial, channels=["sms"]))
            self.stack.command("enrol", "--json", "-", given=given)

    def rows(self, model: Any) -> list[Any]:
        with self.store.read() as session:
            return list(session.query(model).all())

    def taken(self) -> int:
        return len(self.rows(InboundMessage))

    def wait_for_texts(self, count: int) -> None:
        self.stack.wait_for(lambda: self.taken() >= count, what=f"{count} texts")

    def sent_to(self, serial: int) -> list[str]:
        """Return the words of what the providers took for a patient."""
        to = f"+447700900{serial:03d}"
        return [one["body"] for each in (self.first, self.second) for one in each.messages(to=to)]

    def is_further(self, before: int) -> bool:
        """Say whether a text was taken since there were so many, or none is left to take."""
        return self.taken() > before or self.has_listed_again()

    def failures(self) -> int:
        """Return how many runs in a row of any job have failed."""
        return max((one.failures for one in self.rows(Sweep)), default=0)

    def has_listed_again(self) -> bool:
        """Say whether the lists were read to the end, and nothing was left to take."""
        return any(
            one.name == "missed-texts" and one.finished_real_at and one.found == 0
            for one in self.rows(Sweep)
        )


@pytest.fixture(params=["embedded", "servers"])
def scene(request) -> Iterator[Scene]:
    port = free_port()
    with ExitStack() as opened:
        first = opened.enter_context(TwilioStandIn())
        second = opened.enter_context(
            TwilioStandIn(account_sid=SECOND_SID, auth_token=SECOND_TOKEN)
        )
        settings = {
            "FOLLOWUP_CLOCK": f"2026-10-19T14:00:00Z={datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}@1",
            "FOLLOWUP_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "FOLLOWUP_MODE": "practice",
            "FOLLOWUP_SMS_CHANNEL": "twilio",
            "FOLLOWUP_TWILIO_ACCOUNT_SID": first.account_sid,
            "FOLLOWUP_TWILIO_AUTH_TOKEN": first.auth_token,
            "FOLLOWUP_TWILIO_API_URL": first.url,
            "FOLLOWUP_TWILIO_FROM": FIRST_NUMBER,
            "FOLLOWUP_TWILIO_FALLBACK_ACCOUNT_SID": second.account_sid,
            "FOLLOWUP_TWILIO_FALLBACK_AUTH_TOKEN": second.auth_token,
            "FOLLOWUP_TWILIO_FALLBACK_API_URL": second.url,
            "FOLLOWUP_TWILIO_FALLBACK_FROM": SECOND_NUMBER,
            "FOLLOWUP_MISSED_TEXTS_EVERY": "1",
            "FOLLOWUP_TICK": "0.3",
            "FOLLOWUP_PROVIDER_TIMEOUT": "5",
        }
        if request.param == "servers":
            database = opened.enter_context(PostgresServer())
            database_url = database.url(database.create_database())
            settings["FOLLOWUP_DATABASE_URL"] = database_url
            settings["FOLLOWUP_BROKER_URL"] = opened.enter_context(RedisServer()).url()
        stack = opened.enter_context(Stack(settings))
        if request.param == "embedded":
            database_url = f"sqlite:///{stack.environment['FOLLOWUP_DATA_DIR']}/followup.db"
        stack.migrate()
        store = Store(make_engine(database_url))
        opened.callback(store.close)
        yield Scene(request.param, stack, first, second, store, port)


def test_what_two_accounts_took_while_everything_was_down_is_heard_before_anything_is_sent(scene):
    """Who wrote STOP meanwhile gets its confirmation, and not the advice that had fallen due."""
    scene.enrol(1, 2, 3)
    assert scene.write(1, "STOP") == 0
    assert scene.write(2, "cant feel my legs", account=scene.second) == 0
    # So new that the hook might still get it, if it were up.
    assert scene.write(3, "STOP", ago=1) == 0

    scene.start()
    scene.wait_for_texts(3)
    scene.stack.wait_for(
        lambda: all(scene.sent_to(serial) for serial in (1, 2, 3)), what="the answers"
    )
    scene.stack.wait_for(scene.has_listed_again, what="the list to be read again")

    assert scene.taken() == 3
    for stopped in (1, 3):
        assert ["no more of these texts" in body for body in scene.sent_to(stopped)] == [True]
    assert any("get help now" in body for body in scene.sent_to(2))
    assert len(scene.rows(Objection)) == 2
    waiting = sorted((one.kind, one.detail["cause"]) for one in scene.rows(WorklistItem))
    assert waiting == [*[("advice-stopped", "objection")] * 2, ("reply", "red-flag")]
    told = [one for one in scene.rows(AuditEvent) if one.action == "inbound.taken"]
    assert [one.detail.get("minutes_late", 0) > 0 for one in told].count(True) == 2


def test_a_text_that_came_while_the_web_process_alone_could_not_be_reached_is_found(scene):
    scene.enrol(1)
    scene.start()
    scene.stack.wait_for(lambda: bool(scene.sent_to(1)), what="the first advice")
    port, scene.port = scene.port, free_port()

    assert scene.write(1, "STOP") == 0

    scene.wait_for_texts(1)
    scene.port = port
    assert len(scene.rows(Objection)) == 1


def test_a_text_that_hook_and_list_bring_at_once_is_taken_once(scene):
    """Every text is in the list, old enough to be taken from it, as the hook is told of it."""
    serials = range(1, 13)
    scene.start()
    before = len(scene.first.listed())

    answers = [scene.write(serial, "What happens with parking") for serial in serials]

    scene.stack.wait_for(
        lambda: len(scene.first.listed()) > before + 3, what="the lists to be read meanwhile"
    )
    scene.stack.wait_for(scene.has_listed_again, what="the list to be read to the end")
    assert set(answers) == {200}
    assert scene.taken() == len(serials)
    assert len([one for one in scene.rows(Message) if one.kind == "reply"]) == len(serials)
    assert len(scene.rows(WorklistItem)) == len(serials)


def test_a_kill_as_the_list_is_read_or_worked_through_loses_nothing_and_takes_nothing_twice(scene):
    serials = range(1, 31)
    for serial in serials:
        scene.write(serial, "STOP" if serial % 2 else "What happens with parking")
    # The process that asks is killed instead of being answered; then it has the list, and all are
    # killed while it takes one text after the other.
    scene.first.plan("refuse-kill-caller", on="list")
    scene.begin()
    scene.stack.wait_for(
        lambda: len(scene.first.faults()["killed"]) == 1, what="the kill as the list is read"
    )
    assert scene.taken() == 0
    for _ in range(3):
        scene.kill()
        before = scene.taken()
        scene.begin()
        scene.stack.wait_for(lambda before=before: scene.is_further(before), what="some texts")
    scene.kill()

    scene.start()
    scene.wait_for_texts(len(serials))
    scene.stack.wait_for(scene.has_listed_again, what="the list to be read again")

    assert scene.taken() == len(serials)
    assert len(scene.rows(Objection)) == len(serials) / 2
    # Who a stranger is who wants no more texts, a person finds out.
    assert len(scene.rows(WorklistItem)) == len(serials)
    answers = [one for one in scene.rows(Message) if one.kind == "reply"]
    assert len(answers) == len(serials)
    told = [one for one in scene.rows(AuditEvent) if one.action == "inbound.taken"]
    assert len(told) == len(serials)


def test_a_list_that_fails_is_read_later_and_the_failures_can_be_seen(scene):
    scene.write(1, "STOP")
    scene.first.plan("refuse-429", on="list", times=2, seconds=1)
    scene.first.plan("refuse-never-answer", on="list", times=1)

    scene.start()
    scene.stack.wait_for(lambda: scene.failures() > 0, what="a failure that is counted")
    scene.wait_for_texts(1)
    scene.stack.wait_for(lambda: scene.failures() == 0, what="the count to end")

    assert len(scene.rows(Objection)) == 1
