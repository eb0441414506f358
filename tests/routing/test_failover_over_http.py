"""Two Twilio accounts over real HTTP: the first dies, is suspended, loses answers, comes back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.jobs import JOBS
from followup.providers.resilience.circuit_breaker import InProcessCircuitBreaker
from followup.providers.twilio.channel import TwilioChannel
from followup.replies import missed_texts
from followup.store.models.messages import Attempt
from followup.store.models.patients import Objection
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import (
    balance_is_even,
    clock_of,
    count_by_state,
    enrol_many,
    make_app,
    messages,
    rows,
    run_jobs,
    sweep,
    tick,
)
from tests.support.people import EMAIL, SMS
from tests.support.scripted_channel import ScriptedChannel
from tests.support.servers import free_port
from tests.support.waiting import wait_until
from tests.web.conftest import served, twilio_post

SECOND_SID = "AC" + "fedcba9876543210" * 2
SECOND_TOKEN = "0123456789abcdef" * 2
FIRST_NUMBER, SECOND_NUMBER = "+447700900500", "+447700900600"
STATUS, INBOUND = "/hooks/twilio/status", "/hooks/twilio/inbound"
OPEN = 61.0
PATIENCE = 20.0

pytestmark = pytest.mark.slow


SWEPT = tuple(job.name for job in JOBS if job.name != missed_texts.MISSED_TEXTS_JOB)
"""An account that is down can't be listed either: that job fails, and runs again."""


@dataclass
class Scene:
    """Two accounts, the service that uses them, and its web process."""

    app: AppContext
    first: TwilioStandIn
    second: TwilioStandIn
    client: httpx.Client
    url: str
    passed: float = 100.0

    def wait(self, seconds: float) -> None:
        """Let time pass for the service and its breaker."""
        self.passed += seconds
        clock_of(self.app).advance(timedelta(seconds=seconds))

    def play(self, rounds: int, *, span: float) -> None:
        for _ in range(rounds):
            self.wait(span)
            sweep(self.app, *SWEPT)
            tick(self.app)

    def copies(self) -> Counter[str]:
        """Return how many copies of a text each number got, by whichever account."""
        taken = [*self.first.messages(), *self.second.messages()]
        return Counter(f"{one['to']} {one['body']}" for one in taken)


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[TwilioStandIn, TwilioStandIn]]:
    quick = {"sent_after": 0.01, "delivered_after": 0.02}
    with (
        TwilioStandIn(port=free_port(), **quick) as first,
        TwilioStandIn(account_sid=SECOND_SID, auth_token=SECOND_TOKEN, **quick) as second,
    ):
        yield first, second


@pytest.fixture
def scene(accounts, migrated_sqlite_url) -> Iterator[Scene]:
    first, second = accounts
    for one in accounts:
        one.reset()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:

        def channel(account: TwilioStandIn, number: str) -> TwilioChannel:
            made = TwilioChannel(
                account.account_sid,
                account.auth_token,
                public_url=url,
                sender=number,
                api_url=account.url,
                connect_timeout=1.0,
                read_timeout=1.0,
            )
            return stack.enter_context(closing(made))

        breaker = InProcessCircuitBreaker(opens_after=3, seconds=lambda: scene.passed)
        app = make_app(
            migrated_sqlite_url,
            channels={SMS: channel(first, FIRST_NUMBER), EMAIL: ScriptedChannel(EMAIL)},
            standby={SMS: channel(second, SECOND_NUMBER)},
            breaker=breaker,
        )
        stack.callback(app.store.close)
        settings = {
            "twilio_account_sid": first.account_sid,
            "twilio_auth_token": first.auth_token,
            "twilio_fallback_account_sid": second.account_sid,
            "twilio_fallback_auth_token": second.auth_token,
        }
        client = stack.enter_context(served(app, port=port, public_url=url, **settings))
        scene = Scene(app, first, second, client, url)
        yield scene


def going_home(scene: Scene) -> dict[str, int]:
    return count_by_state(one for one in messages(scene.app) if one.step == "going-home")


def test_the_second_delivers_while_the_first_is_suspended_and_the_first_takes_over_again(scene):
    enrol_many(scene.app, 12)
    scene.first.configure(suspended=True)

    scene.play(6, span=2)

    assert scene.first.count() == 0
    assert scene.second.count() == 12
    # By receipts that the second account signed.
    wait_until(lambda: going_home(scene) == {State.DELIVERED: 12}, seconds=PATIENCE)
    scene.first.configure(suspended=False)
    scene.wait(OPEN)
    enrol_many(scene.app, 1, first=51)
    tick(scene.app)
    enrol_many(scene.app, 5, first=61)
    tick(scene.app)
    assert scene.first.count() == 6
    assert scene.second.count() == 12
    wait_until(lambda: going_home(scene) == {State.DELIVERED: 18}, seconds=PATIENCE)
    assert set(scene.copies().values()) == {1}
    balance_is_even(scene.app)


def test_a_first_account_that_nobody_answers_for_loses_nothing(scene):
    enrol_many(scene.app, 8)
    scene.first.close()
    try:
        scene.play(6, span=2)
        assert scene.second.count() == 8
        wait_until(lambda: going_home(scene) == {State.DELIVERED: 8}, seconds=PATIENCE)
    finally:
        scene.first.start()


def test_lost_answers_are_looked_up_where_the_texts_went(scene):
    enrol_many(scene.app, 12)
    scene.first.configure(callbacks=False)
    scene.first.plan("accept-reset", times=100)

    tick(scene.app)
    in_doubt = going_home(scene)[State.UNKNOWN]
    scene.play(2, span=1)

    # The second took all that the first was not called for, and nothing else.
    assert in_doubt == scene.first.count() >= 3
    assert scene.second.count() == 12 - in_doubt
    assert State.UNKNOWN not in going_home(scene)
    assert set(scene.copies().values()) == {1}
    found = [one for one in rows(scene.app, Attempt) if one.account == scene.first.account_sid]
    assert {one.outcome for one in found} == {"accepted"}


def test_what_the_first_does_not_list_waits_before_the_second_sends_it(scene):
    enrol_many(scene.app, 6)
    scene.first.plan("refuse-reset", times=100)

    tick(scene.app)
    in_doubt = going_home(scene)[State.UNKNOWN]
    scene.play(8, span=10)
    early = going_home(scene)[State.UNKNOWN]
    # Now and then one more is risked, and found out about.
    scene.play(40, span=15)

    assert early >= in_doubt >= 3
    assert scene.first.count() == 0
    assert scene.second.count() == 6
    assert set(scene.copies().values()) == {1}


def test_a_first_account_that_can_not_even_be_asked_keeps_what_it_may_have(scene):
    enrol_many(scene.app, 4)
    scene.first.configure(callbacks=False)
    scene.first.plan("accept-reset", times=4)
    tick(scene.app)
    scene.first.configure(suspended=True, callbacks=False)

    scene.play(10, span=60)

    assert going_home(scene) == {State.UNKNOWN: 4}
    scene.first.configure(callbacks=False)
    scene.first.configure(suspended=False)
    scene.play(2, span=20)
    assert going_home(scene) == {State.DELIVERED: 4}
    assert scene.second.count() == 0
    assert set(scene.copies().values()) == {1}


def test_a_receipt_is_believed_from_the_account_that_sent_the_text_alone(scene):
    scene.first.configure(suspended=True)
    scene.second.configure(callbacks=False)
    enrol_many(scene.app, 1)
    scene.play(8, span=5)
    attempt = next(one for one in rows(scene.app, Attempt) if one.outcome == "accepted")
    address = f"{STATUS}?message={attempt.message_id}&attempt={attempt.id}"
    receipt = {"MessageSid": attempt.provider_id, "MessageStatus": "delivered"}

    def post(token: str) -> int:
        return twilio_post(
            scene.client, address, receipt, token=token, public_url=scene.url
        ).status_code

    assert post("no token of ours") == 403
    assert post(scene.first.auth_token) == 403
    assert going_home(scene) == {State.SENT: 1}
    assert post(scene.second.auth_token) == 204
    assert going_home(scene) == {State.DELIVERED: 1}


@pytest.mark.parametrize("which", ["first", "second"])
def test_stop_to_either_number_stops_both(scene, which):
    enrol_many(scene.app, 1)
    account: TwilioStandIn = getattr(scene, which)
    number = {"first": FIRST_NUMBER, "second": SECOND_NUMBER}[which]

    status = account.text_us(f"{scene.url}{INBOUND}", from_="+447700900001", to=number, body="STOP")
    run_jobs(scene.app)

    assert status == 200
    assert len(rows(scene.app, Objection)) == 1
    assert {one.state for one in messages(scene.app) if one.kind == "advice"} == {"cancelled"}


def test_with_both_suspended_all_waits_for_whoever_is_back_first(scene):
    for account in (scene.first, scene.second):
        account.configure(suspended=True)
    enrol_many(scene.app, 5)
    scene.play(3, span=5)
    assert going_home(scene) == {State.PLANNED: 5}

    scene.second.configure(suspended=False)
    scene.play(10, span=30)

    assert (scene.first.count(), scene.second.count()) == (0, 5)
