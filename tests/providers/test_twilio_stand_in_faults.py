"""The stand-in fails as it is told, and tells of its messages as it is told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import psutil
import pytest

from tests.providers.conftest import OTHER_MOBILE, SERVICE, a_message
from tests.providers.rest import create
from tests.stand_ins.twilio import ROOT, TwilioStandIn
from tests.support.waiting import wait_until


@pytest.fixture
def reporting(twilio, make_channel, hook):
    """A channel whose texts the stand-in reports on to our hook, at once."""
    twilio.configure(callbacks=True, sent_after=0.01, delivered_after=0.02)
    return make_channel(public_url=hook.url)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        pytest.param(None, ["sent", "delivered"], id="as usual"),
        pytest.param("callback-late", ["sent", "delivered"], id="late"),
        pytest.param("callback-out-of-order", ["delivered", "sent"], id="out of order"),
        pytest.param("undelivered", ["sent", "undelivered"], id="undelivered"),
        pytest.param("failed", ["failed"], id="failed"),
        pytest.param("callback-before-answer", ["sent", "delivered"], id="before the answer"),
    ],
)
def test_status_callbacks_come_as_they_are_told_to(twilio, reporting, hook, fault, told):
    if fault:
        twilio.plan(fault, seconds=0.05)

    reporting.send(a_message())

    if fault == "callback-before-answer":
        assert hook.statuses() == told
    wait_until(lambda: len(hook.posted) == len(told))
    assert hook.statuses() == told


def test_status_callbacks_may_come_twice(twilio, reporting, hook):
    twilio.plan("callback-twice")

    reporting.send(a_message())

    wait_until(lambda: len(hook.posted) == 4)
    assert sorted(hook.statuses()) == ["delivered", "delivered", "sent", "sent"]


def test_status_callbacks_may_never_come(twilio, reporting, hook):
    twilio.plan("callback-none", times=2)
    reporting.send(a_message())
    reporting.send(a_message())
    wait_until(lambda: {taken["status"] for taken in twilio.messages()} == {"delivered"})

    reporting.send(a_message())

    wait_until(lambda: len(hook.posted) == 2)
    assert {posted.form["MessageSid"] for posted in hook.posted} == {twilio.messages()[-1]["sid"]}


def test_a_message_by_a_service_is_queued_after_it_was_accepted(twilio, make_channel, hook):
    twilio.configure(callbacks=True, sent_after=0.02, delivered_after=0.04)
    channel = make_channel(public_url=hook.url, sender=None, messaging_service_sid=SERVICE)

    channel.send(a_message())

    wait_until(lambda: len(hook.posted) == 3)
    assert hook.statuses() == ["queued", "sent", "delivered"]
    assert hook.posted[0].form["MessagingServiceSid"] == SERVICE


def test_a_callback_can_be_made_to_say_anything(twilio, reporting, hook):
    twilio.plan("callback-none")
    sent = reporting.send(a_message())

    twilio.report(sent.provider_id, "undelivered", code=30008)

    wait_until(lambda: hook.posted)
    assert hook.posted[0].form["ErrorCode"] == "30008"


# --------------------------------------------------------------------------- failing on purpose


def test_the_same_seed_brings_the_same_faults(twilio):
    def draw(seed):
        twilio.reset()
        twilio.chances({"refuse-429": 0.2, "accept-500": 0.2, "callback-none": 0.5}, seed=seed)
        return [create(twilio)[0] for _ in range(40)], twilio.faults()["counts"]

    first, again, other = draw(1), draw(1), draw(2)

    assert first == again
    assert first != other
    assert set(first[0]) == {201, 429, 500}


def test_a_planned_fault_waits_for_the_request_that_it_is_for(twilio):
    twilio.plan("refuse-429", to=OTHER_MOBILE)
    twilio.plan("refuse-500", skip=1, times=2)

    codes = [create(twilio)[0] for _ in range(4)]

    assert codes == [201, 500, 500, 201]
    assert create(twilio, To=OTHER_MOBILE)[0] == 429
    assert twilio.faults()["counts"] == {"refuse-500": 2, "refuse-429": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda twilio: twilio.plan("no such fault"),
        lambda twilio: twilio.plan("refuse-429", wrong=1),
        lambda twilio: twilio.chances({"accept-reset": 0.6, "refuse-500": 0.6}),
        lambda twilio: twilio.configure(wrong=1),
    ],
    ids=["fault", "detail", "chances", "behaviour"],
)
def test_what_it_can_not_do_is_refused(twilio, wrong):
    with pytest.raises(ValueError, match="Error"):
        wrong(twilio)


CALLER = """
import sys
from datetime import timedelta
from uuid import uuid4
from followup.providers.interface import Outgoing
from followup.providers.twilio.channel import TwilioChannel

url, account_sid, auth_token = sys.argv[1:]
channel = TwilioChannel(
    account_sid, auth_token, public_url="https://followup.example.org", sender="+447700900999",
    api_url=url,
)
channel.send(Outgoing(
    message_id=uuid4(), attempt_id=uuid4(), to="+447700900123", text="Hello",
    valid_for=timedelta(hours=1),
))
"""


@pytest.mark.parametrize(("fault", "taken"), [("accept-kill-caller", 1), ("refuse-kill-caller", 0)])
def test_a_caller_is_killed_as_its_message_is_taken(twilio, fault, taken):
    twilio.plan(fault)

    caller = subprocess.Popen(
        [sys.executable, "-c", CALLER, twilio.url, twilio.account_sid, twilio.auth_token],
        cwd=ROOT,
    )

    assert caller.wait(20) == -signal.SIGKILL
    assert twilio.count() == taken
    assert twilio.faults()["killed"] == [caller.pid]


OWNER = """
import time
from tests.stand_ins.twilio import TwilioStandIn

twilio = TwilioStandIn()
twilio.start()
print(twilio.pid, flush=True)
time.sleep(60)
"""


def test_it_ends_with_the_process_that_started_it():
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            OWNER,
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    with owner:
        pid = int(owner.stdout.readline())

        owner.kill()

        wait_until(lambda: not _runs(pid))


def test_it_can_be_run_by_itself():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.stand_ins.twilio", "--latency", "0.01", "--no-callbacks"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    with process:
        where = json.loads(process.stdout.readline())
        twilio = TwilioStandIn(port=where["port"])

        code, _, _ = create(twilio)

        process.send_signal(signal.SIGINT)
        assert code == 201
        assert process.wait(10) == 0


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
