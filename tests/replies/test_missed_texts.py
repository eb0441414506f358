"""Texts that never reached the web process: found in the provider's list, and taken once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest

from followup.consent.objections import lift_objection, lodge_objection
from followup.context import AppContext
from followup.domain.errors import ChannelDown, ChannelError
from followup.domain.protocols.timeline import next_sending_moment
from followup.jobs import JOBS
from followup.monitoring.health import health_problems, watched
from followup.monitoring.metrics import collect_metrics
from followup.providers.twilio.channel import TwilioChannel
from followup.providers.twilio.inbound_text import InboundText
from followup.replies import missed_texts
from followup.replies.inbound import take_inbound
from followup.replies.missed_texts import MISSED_TEXTS_JOB, send_once_heard, take_missed_texts
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.operations import Restore, Sweep
from followup.store.models.patients import Objection, Patient
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import (
    clock_of,
    enrol_one,
    make_app,
    messages,
    rows,
    run_jobs,
    tasks,
    tick,
)
from tests.support.people import CLINIC, EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import ScriptedChannel

SECOND_SID = "AC" + "fedcba9876543210" * 2
SECOND_TOKEN = "0123456789abcdef" * 2
FIRST_NUMBER, SECOND_NUMBER = "+447700900500", "+447700900600"
MOBILE = "+447700900001"
"""The number of `tests.support.people.person(1)`."""
NOWHERE = "http://127.0.0.1:9/hooks/twilio/inbound"
"""Where nothing listens: the web process is down."""

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
NIGHT = datetime(2026, 10, 20, 1, 30, tzinfo=UTC)
"""Half past two in Plymouth: nobody is texted at such an hour without need."""


@dataclass
class Scene:
    """An app that has two accounts, and what their phones write while nobody hears it."""

    app: AppContext
    first: TwilioStandIn
    second: TwilioStandIn

    def write(self, body: str, *, at: datetime, account: TwilioStandIn | None = None, **more: Any):
        """Let the patient text us at that time, in vain."""
        account = account or self.first
        to = FIRST_NUMBER if account is self.first else SECOND_NUMBER
        text = {"from_": MOBILE, "to": to, "body": body, "at": at.isoformat()}
        assert account.text_us(NOWHERE, **{**text, **more}) == 0

    def sent(self) -> list[str]:
        """Return the words of all that the patient was sent."""
        return [one["body"] for one in self.first.messages(to=MOBILE)]


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[TwilioStandIn, TwilioStandIn]]:
    with (
        TwilioStandIn(callbacks=False) as first,
        TwilioStandIn(callbacks=False, account_sid=SECOND_SID, auth_token=SECOND_TOKEN) as second,
    ):
        yield first, second


@pytest.fixture
def scene(accounts, migrated_url) -> Iterator[Scene]:
    first, second = accounts
    for one in accounts:
        one.reset()
    with ExitStack() as stack:

        def channel(account: TwilioStandIn, number: str) -> TwilioChannel:
            made = TwilioChannel(
                account.account_sid,
                account.auth_token,
                public_url="https://followup.example.org",
                sender=number,
                api_url=account.url,
                connect_timeout=5.0,
                read_timeout=5.0,
            )
            return stack.enter_context(closing(made))

        app = make_app(
            migrated_url,
            channels={SMS: channel(first, FIRST_NUMBER), EMAIL: ScriptedChannel(EMAIL)},
            standby={SMS: channel(second, SECOND_NUMBER)},
        )
        stack.callback(app.store.close)
        yield Scene(app, first, second)


def replies(app: AppContext) -> list[Message]:
    return [one for one in messages(app) if one.kind == "reply"]


def in_force(app: AppContext) -> list[Objection]:
    return [one for one in rows(app, Objection) if one.lifted_at is None]


def noted(app: AppContext) -> dict[str, Any]:
    """Return what the audit trail says of the one text that was taken."""
    (event,) = (one for one in rows(app, AuditEvent) if one.action == "inbound.taken")
    return dict(event.detail)


def swept(app: AppContext) -> int:
    """Read the lists as the periodic job does."""
    (job,) = (one for one in JOBS if one.name == MISSED_TEXTS_JOB)
    return watched(app, MISSED_TEXTS_JOB, lambda: job.until_empty(app))


# --------------------------------------------------------------------------- taken as by the hook


def test_a_stop_that_found_nobody_stops_at_once_and_as_of_when_it_was_written(scene):
    app = scene.app
    enrolment = enrol_one(app)
    scene.write("STOP", at=ENROLLED_AT)
    clock_of(app).advance(3 * HOUR)

    assert swept(app) == 1

    (text,) = rows(app, InboundMessage)
    assert (text.meaning, text.received_at) == ("stop", ENROLLED_AT)
    assert len(in_force(app)) == 1
    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}
    assert noted(app)["minutes_late"] == 180
    run_jobs(app)
    assert ["no more of these texts" in body for body in scene.sent()] == [True]


def test_a_text_that_the_hook_brought_is_not_taken_again(scene):
    app = scene.app
    enrol_one(app)
    scene.write("What happens with parking", at=ENROLLED_AT)
    listed = scene.first.listed
    clock_of(app).advance(5 * MINUTE)
    assert swept(app) == 1

    assert swept(app) == 0
    assert listed()
    assert len(rows(app, InboundMessage)) == len(replies(app)) == len(tasks(app)) == 1


def test_a_red_flag_found_late_is_overdue_as_of_when_it_was_written(scene):
    app = scene.app
    enrol_one(app)
    scene.write("cant feel my legs", at=NIGHT - 2 * HOUR)
    clock_of(app).advance_to(NIGHT)

    swept(app)

    (item,) = tasks(app)
    assert (item.urgency, item.opened_at) == (1, NIGHT - 2 * HOUR)
    assert item.due_at == NIGHT - 2 * HOUR + 15 * MINUTE
    assert item.detail["minutes_late"] == 120


def test_a_photo_alone_is_seen_in_the_list_too(scene):
    app = scene.app
    enrol_one(app)
    scene.write("", at=ENROLLED_AT, media="1")
    clock_of(app).advance(HOUR)

    swept(app)

    assert [one.detail["media"] for one in tasks(app)] == [1]


def test_texts_of_both_accounts_are_taken_in_the_order_in_which_they_were_written(scene):
    app = scene.app
    enrol_one(app)
    scene.write("START", at=ENROLLED_AT + 2 * MINUTE, account=scene.first)
    scene.write("STOP", at=ENROLLED_AT + MINUTE, account=scene.second)
    clock_of(app).advance(HOUR)

    assert swept(app) == 2

    assert [one.meaning for one in rows(app, InboundMessage)] == ["stop", "start"]
    assert in_force(app) == []
    assert any(one.state == "planned" and one.kind == "advice" for one in messages(app))


def test_a_text_goes_to_the_clinic_whose_number_was_written_to(scene):
    shipped = scene.app.catalogue
    numbers = {CLINIC: "+447700900601", "elsewhere": "+447700900602"}
    clinics = {
        key: replace(shipped.clinics[CLINIC], key=key, sms_sender=number)
        for key, number in numbers.items()
    }
    app = replace(scene.app, catalogue=replace(shipped, clinics=clinics))
    for number in numbers.values():
        scene.write(f"Who are you, {number}?", at=ENROLLED_AT, to=number)
    clock_of(app).advance(HOUR)

    assert swept(app) == 2

    assert {one.clinic for one in tasks(app)} == set(numbers)
    assert {one.clinic for one in rows(app, InboundMessage)} == set(numbers)


def test_texts_to_numbers_that_are_not_ours_are_none_of_our_business(scene):
    scene.write("STOP", at=ENROLLED_AT, to="+447700900999")
    clock_of(scene.app).advance(HOUR)

    assert swept(scene.app) == 0
    assert rows(scene.app, InboundMessage) == []


# ----------------------------------------------------------------------------- how far back


def test_a_text_that_may_still_be_on_its_way_to_the_hook_is_left_to_it(scene):
    app = scene.app
    scene.write("STOP", at=ENROLLED_AT)
    clock_of(app).advance(30 * timedelta(seconds=1))
    assert swept(app) == 0

    clock_of(app).advance(MINUTE)

    assert swept(app) == 1


def test_lists_are_read_for_the_last_day(scene):
    app = scene.app
    scene.write("STOP", at=ENROLLED_AT)
    scene.write("STOP", at=ENROLLED_AT + 2 * HOUR)
    clock_of(app).advance(DAY + HOUR)

    assert swept(app) == 1


def test_after_a_longer_outage_lists_are_read_to_before_it(scene):
    app = scene.app
    enrol_one(app)
    swept(app)
    scene.write("STOP", at=ENROLLED_AT + HOUR)
    clock_of(app).advance(5 * DAY)

    assert swept(app) == 1
    assert len(in_force(app)) == 1


# ----------------------------------------------------------------------------- late answers


def test_a_text_of_the_same_hour_is_answered_by_night_too(scene):
    app = scene.app
    enrol_one(app)
    scene.write("What happens with parking", at=NIGHT - 40 * MINUTE)
    clock_of(app).advance_to(NIGHT)

    swept(app)

    assert [one.due_at for one in replies(app)] == [NIGHT]


def test_a_text_of_some_hours_ago_is_answered_within_the_sending_hours(scene):
    app = scene.app
    enrol_one(app)
    scene.write("What happens with parking", at=NIGHT - 3 * HOUR)
    clock_of(app).advance_to(NIGHT)

    swept(app)

    clinic = app.catalogue.clinics[CLINIC]
    morning = next_sending_moment(NIGHT, hours=clinic.sending_hours, zone=clinic.zone)
    assert morning > NIGHT
    assert [one.due_at for one in replies(app)] == [morning]
    assert "withheld" not in noted(app)


def test_advice_on_what_to_do_now_is_never_too_late_and_does_not_wait_for_the_morning(scene):
    app = scene.app
    enrol_one(app)
    swept(app)
    scene.write("cant feel my legs", at=ENROLLED_AT + HOUR)
    now = NIGHT + 3 * DAY
    clock_of(app).advance_to(now)

    swept(app)

    assert [(one.template, one.due_at) for one in replies(app)] == [("reply-red-flag", now)]


def test_any_other_answer_to_a_text_older_than_a_day_is_withheld_and_it_says_why(scene):
    app = scene.app
    enrol_one(app)
    swept(app)
    scene.write("What happens with parking", at=ENROLLED_AT + HOUR)
    clock_of(app).advance(3 * DAY)

    swept(app)

    assert replies(app) == []
    assert (noted(app)["answer"], noted(app)["withheld"]) == (None, "too-late")
    assert [one.detail["withheld"] for one in tasks(app)] == ["too-late"]


def test_a_stop_older_than_a_day_stops_though_nobody_confirms_it(scene):
    app = scene.app
    enrolment = enrol_one(app)
    swept(app)
    scene.write("STOP", at=ENROLLED_AT + HOUR)
    clock_of(app).advance(3 * DAY)

    swept(app)

    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}
    assert (replies(app), noted(app)["withheld"]) == ([], "too-late")


# ----------------------------------------------------------------- what was said since it came


def test_a_stop_takes_nothing_back_that_was_said_since(scene):
    app = scene.app
    enrol_one(app)
    scene.write("STOP", at=ENROLLED_AT)
    clock_of(app).advance(HOUR)
    start = InboundText(provider_id="SM" + "7" * 32, from_=MOBILE, to=FIRST_NUMBER, body="START")
    take_inbound(app, start)

    swept(app)

    assert in_force(app) == []
    # Somebody finds out what the patient wants.
    assert "stop" in {one.detail["cause"] for one in tasks(app)}


def test_a_stop_that_staff_have_lifted_since_goes_to_a_person(scene):
    app = scene.app
    enrol_one(app)
    scene.write("STOP", at=ENROLLED_AT + MINUTE)
    (patient,) = rows(app, Patient)

    def change(what: Any) -> None:
        clock_of(app).advance(HOUR)
        app.transact("cli:test", lambda unit: what(unit.session, unit.by, patient=patient))

    change(lambda *given, **one: lodge_objection(*given, **one, channel=None, source="call"))
    change(lambda *given, **one: lift_objection(*given, **one, channel=None, source="call"))

    swept(app)

    assert in_force(app) == []
    assert [one.detail["cause"] for one in tasks(app)] == ["stop"]


def test_a_start_takes_nothing_back_that_was_said_since(scene):
    app = scene.app
    enrol_one(app)
    scene.write("START", at=ENROLLED_AT)
    clock_of(app).advance(HOUR)
    stop = InboundText(provider_id="SM" + "7" * 32, from_=MOBILE, to=FIRST_NUMBER, body="STOP")
    take_inbound(app, stop)

    swept(app)

    assert len(in_force(app)) == 1


def test_what_a_lost_database_knew_is_stopped_and_not_answered_again(scene):
    app = scene.app
    enrolment = enrol_one(app)
    scene.write("STOP", at=ENROLLED_AT + HOUR)
    clock_of(app).advance(2 * HOUR)
    now = app.clock.now()
    with app.store.write() as session:
        session.add(Restore(taken_real_at=ENROLLED_AT, restored_at=now, restored_real_at=now))

    swept(app)

    assert {one.state for one in messages(app, enrolment)} == {"cancelled"}
    assert replies(app) == []


# --------------------------------------------------------------------------------- at once


def test_texts_that_come_by_the_hook_while_the_list_is_read_are_taken_once(scene):
    app = scene.app
    for serial in range(1, 9):
        enrol_one(app, serial)
        mobile = f"+447700900{serial:03d}"
        scene.write("What happens with parking", at=ENROLLED_AT, from_=mobile)
    clock_of(app).advance(5 * MINUTE)
    line = app.channels[SMS]
    listed = line.came_in_since(ENROLLED_AT, senders=())
    together = Barrier(3)

    def by_hook() -> int:
        together.wait()
        texts = (replace(InboundText.of_list(one), written_at=None) for one in listed)
        taken = [take_inbound(app, text) for text in texts]
        return sum(not one.repeated for one in taken)

    def by_list() -> int:
        together.wait()
        return take_missed_texts(app)

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(by_hook), pool.submit(by_list), pool.submit(by_list)]
        taken = [one.result() for one in running]

    assert sum(taken) == len(listed) == 8
    assert len(rows(app, InboundMessage)) == len(replies(app)) == len(tasks(app)) == 8


# ----------------------------------------------------------------- what the provider does wrong


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("refuse-429", {"seconds": 2}),
        ("refuse-500", {}),
        ("refuse-503", {}),
        ("refuse-reset", {}),
        ("refuse-close", {}),
        ("refuse-code", {"code": 20003}),
    ],
)
def test_a_list_that_can_not_be_read_is_counted_and_read_at_the_next_run(scene, fault, more):
    app = scene.app
    scene.write("STOP", at=ENROLLED_AT)
    scene.write("STOP", at=ENROLLED_AT, account=scene.second, from_="+447700900002")
    clock_of(app).advance(HOUR)
    scene.first.plan(fault, on="list", times=2, **more)

    for tries in (1, 2):
        with pytest.raises(ChannelError):
            swept(app)
        assert [(one.failures, one.finished_real_at) for one in rows(app, Sweep)] == [(tries, None)]
        (measured,) = collect_metrics(app).sweeps
        assert measured.failures == tries
    # The other account was read all the same.
    assert len(rows(app, InboundMessage)) == 1

    assert swept(app) == 1
    assert [one.failures for one in rows(app, Sweep)] == [0]
    assert len(rows(app, InboundMessage)) == 2


def test_a_text_that_can_not_be_taken_keeps_no_other_from_it(scene, monkeypatch):
    app = scene.app
    scene.write("What happens with parking", at=ENROLLED_AT)
    scene.write("STOP", at=ENROLLED_AT + MINUTE)
    clock_of(app).advance(HOUR)
    take = missed_texts.take_inbound

    def refuse_parking(app: AppContext, text: InboundText, **more: Any) -> Any:
        if "parking" in text.body:
            raise ValueError("a bug")
        return take(app, text, **more)

    monkeypatch.setattr(missed_texts, "take_inbound", refuse_parking)

    with pytest.raises(ValueError, match="a bug"):
        swept(app)

    assert [one.meaning for one in rows(app, InboundMessage)] == ["stop"]


def test_lists_that_were_never_read_are_an_alarm_after_three_runs(scene):
    app = scene.app
    scene.first.plan("refuse-503", on="list", times=3)

    codes = []
    for _ in range(3):
        with pytest.raises(ChannelError):
            swept(app)
        codes.append("texts-unheard" in {one.code for one in health_problems(app)})

    assert codes == [False, False, True]
    swept(app)
    assert "texts-unheard" not in {one.code for one in health_problems(app)}


def test_lists_that_were_not_read_for_some_minutes_are_an_alarm_of_their_own(scene):
    app = scene.app
    swept(app)
    scene.first.plan("refuse-503", on="list")
    clock_of(app).advance(7 * MINUTE + timedelta(seconds=1))
    with pytest.raises(ChannelError):
        swept(app)

    problems = {one.code: one.sentence for one in health_problems(app)}

    assert "last read to the end 421 s ago, and 1 tries in a row" in problems["texts-unheard"]
    assert "sweeps-late" not in problems


# ----------------------------------------------------------------------- before it sends again


def heard_and_sent(app: AppContext) -> int:
    """Do as a tick does."""

    def listen() -> int:
        return watched(app, MISSED_TEXTS_JOB, lambda: take_missed_texts(app, newest_too=True))

    return send_once_heard(app, lambda: tick(app), listen=listen)


def test_a_stop_that_came_while_we_were_away_stops_what_has_fallen_due(scene):
    app = scene.app
    enrol_one(app)
    scene.write("STOP", at=ENROLLED_AT + MINUTE)
    clock_of(app).advance(MINUTE)

    heard_and_sent(app)

    assert ["no more of these texts" in body for body in scene.sent()] == [True]


def test_while_it_sends_the_lists_are_left_to_the_periodic_job(scene):
    app = scene.app
    heard_and_sent(app)
    asked = len(scene.first.listed())

    for _ in range(5):
        clock_of(app).advance(MINUTE)
        heard_and_sent(app)
    assert len(scene.first.listed()) == asked

    clock_of(app).advance(11 * MINUTE)
    heard_and_sent(app)
    assert len(scene.first.listed()) == asked + 1


def test_a_provider_that_lists_nothing_keeps_no_message_from_going_and_is_asked_again_soon(scene):
    app = scene.app
    enrol_one(app)
    scene.first.plan("refuse-503", on="list")
    clock_of(app).advance(MINUTE)

    heard_and_sent(app)
    assert len(scene.sent()) == 1
    asked = len(scene.first.listed())

    heard_and_sent(app)
    assert len(scene.first.listed()) == asked
    clock_of(app).advance(30 * timedelta(seconds=1))
    heard_and_sent(app)
    assert len(scene.first.listed()) == asked + 1


def test_whatever_goes_wrong_while_it_listens_messages_go(scene):
    app = scene.app
    enrol_one(app)

    def fail() -> None:
        raise ChannelDown("not-reached", "nobody is there")

    assert send_once_heard(app, lambda: tick(app), listen=fail) == 1
