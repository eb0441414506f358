"""Events told to a receiver: in order, signed, again until they are taken, given up visibly."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from followup.context import AppContext, WebhookPolicy
from followup.domain.event_kinds import EventContent, EventGroup
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.withdraw import withdraw_enrolment
from followup.monitoring.anomalies import UNTOLD, delayed_messages
from followup.outbox import deliver as deliver_module
from followup.outbox.deliver import (
    AWAY_FOR,
    PAUSES,
    REFUSED_FOR,
    Outcome,
    deliver_events,
    judge,
    pause_after,
)
from followup.outbox.horizon import advance_horizon
from followup.outbox.subscriptions import (
    NewSubscription,
    add_subscription,
    pause_subscription,
    remove_subscription,
    replay,
    resume_subscription,
    rotate_secret,
)
from followup.replies.inbound import take_inbound
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.outbox import DeadLetter
from followup.store.models.patients import Patient
from tests.outbox.conftest import deliver, subscribe, subscription
from tests.replies.test_inbound import text
from tests.stand_ins.webhook_receiver import WebhookReceiver
from tests.support.apps import app_on, clock_of, enrol_many, enrol_one, rows, run_jobs, sms_of
from tests.support.outside_judges import fhir_validator
from tests.support.people import CLINIC, person
from tests.support.two_records import merge, two_records

HOUR = timedelta(hours=1)
ACTOR = "cli:test"


def happens(app: AppContext, *actions: str, clinic: str = CLINIC, **detail: Any) -> None:
    entries = [AuditEntry(action=action, clinic=clinic, detail=detail) for action in actions]
    with app.store.write() as session:
        record_event(session, app.by(ACTOR), *entries)


def numbers(app: AppContext, *actions: str) -> list[int]:
    found = sorted((one.id, one.action) for one in rows(app, AuditEvent))
    return [number for number, action in found if not actions or action in actions]


def settle(app: AppContext) -> None:
    """Let the horizon come up to what has happened."""
    deliver(app)
    deliver(app)


def wait_and_deliver(app: AppContext, span: timedelta = PAUSES[-1] * 2) -> None:
    clock_of(app).advance(span)
    deliver(app)


def ids(receiver: WebhookReceiver) -> Sequence[str]:
    return [one.id for one in receiver.received]


# ------------------------------------------------------------------------------- what is told


def test_all_that_happens_to_an_enrolment_and_its_messages_is_told_in_order(telling, receiver):
    secret = subscribe(telling, receiver)
    enrolment = enrol_one(telling)
    run_jobs(telling)
    pause_enrolment(telling, enrolment, actor=ACTOR)
    withdraw_enrolment(telling, enrolment, reason="moved away", actor=ACTOR)
    settle(telling)

    assert receiver.types[:2] == ["enrolment.created", "message.sent"]
    assert receiver.types.count("message.held") == receiver.types.count("message.cancelled") == 9
    assert {"enrolment.paused", "enrolment.withdrawn"} <= set(receiver.types)
    assert receiver.numbers == sorted(set(receiver.numbers))
    assert {one.signed_by for one in receiver.received} == {(secret,)}
    assert len(set(ids(receiver))) == len(receiver.received)
    first = receiver.received[0]
    [row] = rows(telling, Enrolment)
    assert first.path == "/events?from=followup"
    assert first.headers["Content-Type"] == "application/json"
    assert first.timestamp == int(telling.clock.real_now().timestamp())
    assert first.told["timestamp"] == "2026-10-19T14:00:00.000Z"
    assert first.told["data"] == {
        "number": numbers(telling, "enrolment.created")[0],
        "clinic": CLINIC,
        "patient_id": str(row.patient_id),
        "enrolment_id": str(enrolment),
        "message_id": None,
    }


def test_what_staff_look_at_and_how_we_work_is_nobody_elses(telling, receiver):
    subscribe(telling, receiver)
    quiet = ("message.claimed", "message.sending", "message.planned", "patient.viewed", "x.y")
    happens(telling, *quiet, "worklist.listed", "worklist.viewed", "staff.signed-in")
    settle(telling)

    assert receiver.received == []
    assert subscription(telling).done_upto == max(numbers(telling, "staff.signed-in"))


def test_no_word_of_a_patient_and_nothing_that_names_one_is_told_unasked(telling, receiver):
    subscribe(telling, receiver)
    enrol_one(telling)
    run_jobs(telling)
    take_inbound(telling, text("My leg feels weak and I am scared"))
    run_jobs(telling)
    settle(telling)

    told = json.dumps([one.told for one in receiver.received], ensure_ascii=False)
    someone = person(1)
    assert "message.received" in receiver.types
    assert "worklist.opened" in receiver.types
    for word in ("scared", "leg feels", someone.name, someone.nhs_number, someone.mobile[-9:]):
        assert word not in told
    assert sms_of(telling).calls[0].text[:30] not in told


def test_with_fhir_each_message_event_carries_the_resource_and_its_words(telling, receiver):
    subscribe(telling, receiver, content=EventContent.FHIR)
    enrolment = enrol_one(telling)
    run_jobs(telling)
    take_inbound(telling, text("What happens with parking"))
    pause_enrolment(telling, enrolment, actor=ACTOR)
    settle(telling)

    told = {one.told["type"]: one.told["data"] for one in receiver.received}
    assert told["message.sent"]["resource"]["resourceType"] == "Communication"
    assert told["message.sent"]["resource"]["payload"][0]["contentString"] in {
        call.text for call in sms_of(telling).calls
    }
    assert told["message.received"]["resource"]["payload"] == [
        {"contentString": "What happens with parking"}
    ]
    assert told["message.held"]["resource"]["resourceType"] == "CommunicationRequest"
    assert "resource" not in told["enrolment.created"]
    assert "resource" not in told["worklist.opened"]
    with fhir_validator() as validator:
        for one in receiver.received:
            if "resource" in one.told["data"]:
                assert validator.problems(one.told["data"]["resource"]) == []


def test_a_text_of_nobody_is_told_without_a_resource(telling, receiver):
    subscribe(telling, receiver, content=EventContent.FHIR)
    take_inbound(telling, text("who is this", from_="+447700900999"))
    settle(telling)

    [received] = [one.told for one in receiver.received if one.told["type"] == "message.received"]
    assert "resource" not in received["data"]


def test_a_subscription_gets_its_groups_and_its_clinic_alone(telling, receiver):
    subscribe(telling, receiver, groups=[EventGroup.WORKLIST], clinic=CLINIC)
    happens(telling, "enrolment.created", "message.sent", "worklist.opened")
    happens(telling, "worklist.opened", "worklist.closed", clinic="another")
    happens(telling, "worklist.closed", outcome="rang")
    settle(telling)

    assert receiver.types == ["worklist.opened", "worklist.closed"]
    assert receiver.received[1].told["data"]["outcome"] == "rang"


def test_a_merge_says_which_patient_went_into_which(sqlite_telling, receiver):
    app = sqlite_telling
    both = two_records(app)
    subscribe(app, receiver, groups=[EventGroup.PATIENT, EventGroup.ENROLMENT])
    merged = merge(app, both)
    settle(app)

    told = {one.told["type"]: one.told["data"] for one in receiver.received}
    assert set(told) == {"enrolment.superseded", "enrolment.corrected", "patient.merged"}
    assert told["patient.merged"]["patient_id"] == str(both.duplicate)
    assert told["patient.merged"]["into"] == str(both.survivor)
    assert told["patient.merged"]["merge"] == str(merged.merge_id)
    corrected = told["enrolment.corrected"]
    assert (corrected["enrolment_id"], corrected["patient_id"]) == (
        str(both.other), str(both.survivor),
    )  # fmt: skip
    assert corrected["fields"] == ["patient"]


def test_several_subscriptions_each_get_everything(telling, receiver):
    first = subscribe(telling, receiver, "one")
    second = subscribe(telling, receiver, "two")
    happens(telling, "enrolment.created", "worklist.opened")
    settle(telling)

    by = [(one.signed_by, one.number) for one in receiver.received]
    assert sorted(by) == sorted(
        ((secret,), number) for secret in (first, second) for number in numbers(telling)[-2:]
    )
    assert len(set(ids(receiver))) == 4


def test_where_nobody_is_subscribed_the_horizon_is_not_even_looked_at(telling, monkeypatch):
    enrol_one(telling)
    monkeypatch.setattr(deliver_module, "advance_horizon", None)

    assert deliver_events(telling) == 0


def test_many_events_are_told_in_several_batches(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, *["worklist.opened"] * 130)
    settle(telling)

    assert receiver.numbers == numbers(telling, "worklist.opened")


# ------------------------------------------------------------------------------ when it fails


def test_an_event_that_is_not_taken_is_tried_again_and_the_next_ones_wait(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, "enrolment.created", "worklist.opened")
    receiver.answers.extend([500, 503, 302])

    settle(telling)
    one = subscription(telling)
    assert (one.tries, one.problem) == (1, "HTTP 500")
    assert receiver.types == ["enrolment.created"]
    deliver(telling)
    assert len(receiver.received) == 1
    for _ in range(3):
        wait_and_deliver(telling)

    assert receiver.types == ["enrolment.created"] * 4 + ["worklist.opened"]
    assert len(set(ids(receiver))) == 2
    healed = subscription(telling)
    assert (healed.tries, healed.problem, healed.failing_since_real) == (0, None, None)
    assert rows(telling, DeadLetter) == []


def test_a_receiver_that_is_not_there_is_tried_again(telling):
    nobody = WebhookReceiver()
    subscribe(telling, nobody)
    nobody.close()
    happens(telling, "enrolment.created")
    settle(telling)

    one = subscription(telling)
    assert one.tries == 1
    assert "127.0.0.1" in one.problem
    assert "/events" not in one.problem


def test_pauses_grow_and_are_never_quite_the_same():
    spans = [pause_after(tries) for tries in range(1, 20)]

    for tries, span in enumerate(spans, start=1):
        middle = PAUSES[min(tries, len(PAUSES)) - 1]
        assert middle * 0.8 <= span <= middle * 1.2
    assert len({pause_after(3) for _ in range(20)}) > 1
    assert pause_after(1, asked=HOUR) == HOUR


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.TAKEN),
        (204, Outcome.TAKEN),
        (301, Outcome.AWAY),
        (400, Outcome.REFUSED),
        (401, Outcome.REFUSED),
        (404, Outcome.REFUSED),
        (408, Outcome.AWAY),
        (410, Outcome.GONE),
        (425, Outcome.AWAY),
        (429, Outcome.AWAY),
        (500, Outcome.AWAY),
        (503, Outcome.AWAY),
    ],
)
def test_each_answer_says_whether_the_event_or_the_receiver_is_at_fault(status, outcome):
    assert judge(status).outcome is outcome


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("9" * 30, PAUSES[-1]),
        ("9" * 5000, PAUSES[-1]),
        ("soon", None),
        (None, None),
    ],
    ids=["seconds", "for ever", "more digits than can be counted", "no number", "nothing"],
)
def test_a_receiver_may_ask_for_time_but_not_for_ever(asked, pause):
    assert judge(503, asked).pause == pause


def test_an_event_that_is_refused_for_hours_is_given_up_and_the_next_ones_go(telling, receiver):
    subscribe(telling, receiver)
    receiver.refuse_types = frozenset({"worklist.opened"})
    happens(telling, "worklist.opened", "enrolment.created")
    settle(telling)
    for _ in range(4):
        wait_and_deliver(telling, REFUSED_FOR / 2)

    [dead] = rows(telling, DeadLetter)
    assert (dead.number, dead.type) == (numbers(telling)[1], "worklist.opened")
    assert dead.problem == "HTTP 422"
    assert receiver.types[-1] == "enrolment.created"
    assert subscription(telling).problem is None


def test_a_receiver_that_is_away_is_waited_for_over_a_weekend(telling, receiver):
    subscribe(telling, receiver)
    receiver.always = 502
    happens(telling, "worklist.opened", "worklist.taken", "worklist.closed")
    settle(telling)
    clock = clock_of(telling)
    began = clock.real_now()
    while clock.real_now() - began < AWAY_FOR - PAUSES[-1] * 2:
        wait_and_deliver(telling)
    assert rows(telling, DeadLetter) == []
    receiver.always = None
    wait_and_deliver(telling)

    assert receiver.types[-3:] == ["worklist.opened", "worklist.taken", "worklist.closed"]


def test_of_a_receiver_that_stays_away_events_are_given_up_one_by_one(telling, receiver):
    subscribe(telling, receiver)
    receiver.always = 502
    happens(telling, *["worklist.opened"] * 4)
    settle(telling)
    wait_and_deliver(telling, AWAY_FOR)
    wait_and_deliver(telling)

    wanted = numbers(telling, "worklist.opened")
    assert [one.number for one in rows(telling, DeadLetter)] == wanted[:2]
    receiver.always = None
    wait_and_deliver(telling)
    assert receiver.numbers[-2:] == wanted[2:]


def test_a_receiver_that_says_gone_is_paused_until_a_person_resumes_it(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, "worklist.opened")
    receiver.answers.append(410)
    settle(telling)
    wait_and_deliver(telling)

    one = subscription(telling)
    assert (one.paused_at is not None, one.paused_by) == (True, None)
    assert len(receiver.received) == 1
    assert rows(telling, AuditEvent)[-1].action == "webhook.gone"
    resume_subscription(telling, "engine", actor=ACTOR)
    settle(telling)
    assert receiver.types == ["worklist.opened"] * 2


def test_the_operator_is_told_of_a_receiver_that_takes_nothing(telling, receiver):
    subscribe(telling, receiver)
    subscribe(telling, receiver, "gone", groups=[EventGroup.WORKLIST])
    happens(telling, "worklist.opened")
    receiver.always = 410
    settle(telling)
    assert sorted(alarms(telling)) == ["webhook-failing:engine", "webhook-failing:gone"]

    resume_subscription(telling, "engine", actor=ACTOR)
    remove_subscription(telling, "gone", actor=ACTOR)
    receiver.always = 500
    settle(telling)
    assert alarms(telling) == []
    clock_of(telling).advance(UNTOLD)
    assert alarms(telling) == ["webhook-failing:engine"]
    pause_subscription(telling, "engine", actor=ACTOR)
    resume_subscription(telling, "engine", actor=ACTOR)
    assert alarms(telling) == []


def alarms(app: AppContext) -> list[str]:
    return [one.code for one in delayed_messages(app) if one.code.startswith("webhook")]


# ------------------------------------------------------------------------------ by people


def test_a_replay_tells_everything_again_from_that_number_on(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, *["worklist.opened"] * 5)
    settle(telling)
    first = ids(receiver)
    third = receiver.numbers[2]

    replay(telling, "engine", number=third, actor=ACTOR)
    settle(telling)

    assert ids(receiver) == [*first, *first[2:]]
    assert [one.told for one in receiver.received[5:]] == [
        one.told for one in receiver.received[2:5]
    ]


def test_a_replay_brings_back_what_was_given_up(telling, receiver):
    subscribe(telling, receiver)
    receiver.refuse_types = frozenset({"worklist.opened"})
    happens(telling, "worklist.opened", "worklist.closed")
    settle(telling)
    wait_and_deliver(telling, REFUSED_FOR)
    [dead] = rows(telling, DeadLetter)
    receiver.refuse_types = frozenset()

    replay(telling, "engine", number=dead.number, actor=ACTOR)
    settle(telling)

    assert receiver.types[-2:] == ["worklist.opened", "worklist.closed"]
    assert rows(telling, DeadLetter) == []


def test_a_new_subscription_may_ask_for_the_past(telling, receiver):
    happens(telling, "enrolment.created", "worklist.opened")
    subscribe(telling, receiver, "from-the-start", after=0)
    settle(telling)

    assert receiver.types == ["enrolment.created", "worklist.opened"]


def test_a_paused_subscription_gets_nothing_and_misses_nothing(telling, receiver):
    subscribe(telling, receiver)
    pause_subscription(telling, "engine", actor=ACTOR)
    happens(telling, "worklist.opened")
    settle(telling)
    assert receiver.received == []

    resume_subscription(telling, "engine", actor=ACTOR)
    settle(telling)
    assert receiver.types == ["worklist.opened"]


def test_a_removed_subscription_gets_nothing_more(telling, receiver):
    subscribe(telling, receiver)
    remove_subscription(telling, "engine", actor=ACTOR)
    happens(telling, "worklist.opened")
    settle(telling)

    assert receiver.received == []


def test_for_a_day_after_a_rotation_both_secrets_sign(telling, receiver):
    old = subscribe(telling, receiver)
    new = rotate_secret(telling, "engine", actor=ACTOR)
    receiver.secrets.append(new)
    happens(telling, "worklist.opened")
    settle(telling)
    clock_of(telling).advance(timedelta(days=1))
    happens(telling, "worklist.opened")
    settle(telling)

    assert [set(one.signed_by) for one in receiver.received] == [{old, new}, {new}]


def test_what_the_operator_no_longer_allows_is_not_reached(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, "worklist.opened")
    narrowed = app_on(telling.store, clock=telling.clock, webhooks=WebhookPolicy())
    deliver(narrowed)
    deliver(narrowed)

    assert receiver.received == []
    assert subscription(telling).problem == "use https"


def test_a_name_that_leads_to_this_machine_is_not_followed(sqlite_app):
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        server.settimeout(0)
        url = f"https://localhost:{server.getsockname()[1]}/events"
        add_subscription(sqlite_app, NewSubscription(name="engine", url=url), actor=ACTOR)
        happens(sqlite_app, "worklist.opened")
        settle(sqlite_app)

        assert "not allowed" in subscription(sqlite_app).problem
        with pytest.raises(BlockingIOError):
            server.accept()


# ------------------------------------------------------------------------------- several


def test_an_event_that_commits_late_is_told_and_in_its_place(postgres_telling, receiver):
    app = postgres_telling
    subscribe(app, receiver)
    settle(app)
    with app.store.write() as slow:
        record_event(slow, app.by(ACTOR), AuditEntry(action="enrolment.created", clinic=CLINIC))
        happens(app, "worklist.opened")
        settle(app)
        assert receiver.received == []
    settle(app)

    assert receiver.types == ["enrolment.created", "worklist.opened"]


def test_what_is_settled_is_told_while_what_is_not_waits(postgres_telling, receiver):
    app = postgres_telling
    subscribe(app, receiver)
    pause_subscription(app, "engine", actor=ACTOR)
    app.store.transact(advance_horizon)
    happens(app, "enrolment.paused")
    app.store.transact(advance_horizon)
    with app.store.write() as slow:
        record_event(slow, app.by(ACTOR), AuditEntry(action="enrolment.resumed", clinic=CLINIC))
        happens(app, "enrolment.withdrawn")
        resume_subscription(app, "engine", actor=ACTOR)
        settle(app)
        assert receiver.types == ["enrolment.paused"]
    settle(app)

    assert receiver.types == ["enrolment.paused", "enrolment.resumed", "enrolment.withdrawn"]


def test_two_processes_never_tell_one_subscription_at_once(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, *["worklist.opened"] * 3)
    settle_first = receiver.take

    def take(path, headers, body):
        # While the first event is on its way, another process runs the same job.
        receiver.take = settle_first
        assert deliver_events(telling) == 0
        return settle_first(path, headers, body)

    receiver.take = take
    settle(telling)

    assert receiver.numbers == numbers(telling, "worklist.opened")


def test_a_replay_in_the_middle_of_a_batch_counts(telling, receiver):
    subscribe(telling, receiver)
    happens(telling, *["worklist.opened"] * 4)
    first = numbers(telling, "worklist.opened")[0]
    taking = receiver.take

    def take(path, headers, body):
        if len(receiver.received) == 2:
            receiver.take = taking
            replay(telling, "engine", number=first, actor=ACTOR)
        return taking(path, headers, body)

    receiver.take = take
    settle(telling)

    wanted = numbers(telling, "worklist.opened")
    assert receiver.numbers == [*wanted[:3], *wanted]


def test_an_erased_patients_events_are_told_without_words(telling, receiver):
    subscribe(telling, receiver, content=EventContent.FHIR)
    enrol_many(telling, 1)
    run_jobs(telling)
    settle(telling)
    with telling.store.write() as session:
        session.execute(update(Patient).values(data_key=None))
    replay(telling, "engine", number=1, actor=ACTOR)
    settle(telling)

    sent = [
        one.told["data"]["resource"] for one in receiver.received if "resource" in one.told["data"]
    ]
    assert ["payload" in one for one in sent] == [True, False]
