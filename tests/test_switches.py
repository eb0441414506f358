"""Kill switches: what they hold, how soon, and what becomes of it when they are lifted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from followup.catalogue import Catalogue
from followup.channels.twilio_hooks import Inbound
from followup.dispatch import claim_due
from followup.domain.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from followup.domain.lifecycle import State
from followup.pausing import pause
from followup.replies import take_inbound
from followup.send import deliver
from followup.store.models import AuditEvent, Message
from followup.store.switches import SwitchScope
from followup.switches import lift, throw, view_switches
from tests.kits import (
    EXECUTOR,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
    kit_on,
    message,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
    states,
    sweep,
    tasks,
    tick,
)
from tests.people import CLINIC, ENROLLED_AT, PROTOCOL

GOING_HOME = ("going-home", 1)


def stop(kit, scope=SwitchScope.ALL, value=None, reason="wrong words went out"):
    return throw(kit, scope, value, reason=reason, actor="cli:test")


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (SwitchScope.ALL, None),
        (SwitchScope.CLINIC, CLINIC),
        (SwitchScope.PROTOCOL, PROTOCOL),
        (SwitchScope.STEP, "going-home"),
        (SwitchScope.STEP, f"{PROTOCOL}/going-home"),
        (SwitchScope.CHANNEL, "sms"),
    ],
)
def test_what_a_switch_covers_is_held_at_claim(kit, scope, value):
    enrolment = enrol_one(kit)
    stop(kit, scope, value)

    tick(kit)

    assert message(kit, enrolment, "going-home").state == State.HELD
    assert message(kit, enrolment, "going-home").reason == "switch"
    assert sms_of(kit).calls == []


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (SwitchScope.PROTOCOL, "facet-joint-injection"),
        (SwitchScope.STEP, "dressing"),
        (SwitchScope.STEP, "facet-joint-injection/going-home"),
        (SwitchScope.CHANNEL, "email"),
    ],
)
def test_what_a_switch_does_not_cover_goes_on(kit, scope, value):
    enrolment = enrol_one(kit)
    stop(kit, scope, value)

    tick(kit)

    assert states(kit, enrolment)[GOING_HOME] == State.SENT


def test_a_switch_thrown_after_the_claim_holds_what_a_worker_has(kit):
    enrolment = enrol_one(kit)
    (batch,) = claim_due(kit)
    stop(kit)

    deliver(kit, batch.token, batch.message_ids, executor=EXECUTOR)

    assert states(kit, enrolment)[GOING_HOME] == State.HELD
    assert sms_of(kit).calls == []


def test_a_switch_thrown_in_the_middle_of_a_batch_stops_the_rest_of_it(sqlite_kit):
    kit = sqlite_kit
    enrol_many(kit, 10)

    def throw_at_the_third(_):
        if len(sms_of(kit).calls) == 2:
            stop(kit)
            clock_of(kit).advance_real(timedelta(seconds=1))

    sms_of(kit).during_call = throw_at_the_third
    (batch,) = claim_due(kit)
    with ThreadPoolExecutor(1) as one_by_one:
        deliver(kit, batch.token, batch.message_ids, executor=one_by_one)

    # The third was on its way when the switch was thrown.
    assert len(sms_of(kit).calls) == 3
    tick(kit)
    counted = count_by_state(one for one in messages(kit) if one.step == "going-home")
    assert counted == {State.SENT: 3, State.HELD: 7}


def test_nothing_more_is_called_while_the_switches_cannot_be_read(sqlite_kit):
    kit = sqlite_kit
    enrol_many(kit, 5)
    batches = claim_due(kit)
    reading = kit.store.read

    def lose_the_database(_):
        clock_of(kit).advance_real(timedelta(seconds=1))
        kit.store.read = unreadable

    @contextmanager
    def unreadable():
        raise StoreUnavailable("the database can't be used at present")
        yield

    sms_of(kit).during_call = lose_the_database
    with ThreadPoolExecutor(1) as one_by_one:
        for batch in batches:
            deliver(kit, batch.token, batch.message_ids, executor=one_by_one)
    kit.store.read = reading

    counted = count_by_state(one for one in messages(kit) if one.step == "going-home")
    assert counted == {State.SENT: 1, State.PLANNED: 4}


def test_lifting_lets_go_what_is_still_useful_and_expires_the_rest(kit):
    enrolment = enrol_one(kit)
    switch = stop(kit)
    run_until(kit, ENROLLED_AT + timedelta(days=1))
    # Its sweep has been stopped too.
    held = [one for one in messages(kit, enrolment) if one.state == State.HELD]
    clock_of(kit).advance(timedelta(hours=26))

    released = lift(kit, switch, actor="cli:test")
    run_jobs(kit)

    assert released.expired == len([one for one in held if one.not_after <= clock_of(kit).now()])
    assert states(kit, enrolment)["dressing", 1] == State.EXPIRED
    assert states(kit, enrolment)["flare", 1] == State.SENT


def test_what_comes_free_at_night_waits_for_the_next_sending_hour(kit):
    enrolment = enrol_one(kit)
    clock_of(kit).advance(timedelta(hours=23, minutes=50))
    switch = stop(kit)
    run_until(kit, ENROLLED_AT + timedelta(hours=30))
    assert states(kit, enrolment)["dressing", 1] == State.HELD

    lift(kit, switch, actor="cli:test")
    run_jobs(kit)

    dressing = message(kit, enrolment, "dressing")
    assert dressing.state == State.PLANNED
    assert dressing.claimable_at.isoformat() == "2026-10-21T07:00:00+00:00"


def test_what_another_switch_covers_too_stays_held(kit):
    enrolment = enrol_one(kit)
    everything, texts = stop(kit), stop(kit, SwitchScope.CHANNEL, "sms")
    tick(kit)

    lift(kit, everything, actor="cli:test")
    assert states(kit, enrolment)[GOING_HOME] == State.HELD

    lift(kit, texts, actor="cli:test")
    assert states(kit, enrolment)[GOING_HOME] == State.PLANNED


def test_lifting_leaves_a_pause_alone(kit):
    enrolment = enrol_one(kit)
    pause(kit, enrolment, actor="cli:test")
    switch = stop(kit)

    lift(kit, switch, actor="cli:test")

    assert message(kit, enrolment, "going-home").reason == "paused"


def test_an_enrolment_paused_meanwhile_is_not_sent_when_the_switch_is_lifted(kit):
    enrolment = enrol_one(kit)
    switch = stop(kit)
    tick(kit)
    pause(kit, enrolment, actor="cli:test")

    lift(kit, switch, actor="cli:test")
    tick(kit)

    assert message(kit, enrolment, "going-home").reason == "paused"
    assert sms_of(kit).calls == []


def test_what_was_held_in_the_moment_of_lifting_is_let_go_by_a_sweep(kit):
    enrolment = enrol_one(kit)
    switch = stop(kit)
    (due,) = [one for one in messages(kit, enrolment) if one.step == "going-home"]
    lift(kit, switch, actor="cli:test")
    with kit.store.write() as session:
        # As a claim does that read the switches before they were lifted, and commits after.
        held = session.get_one(Message, due.id)
        held.state, held.reason = State.HELD.value, "switch"

    assert sweep(kit, "release-held") == 1

    assert states(kit, enrolment)[GOING_HOME] == State.PLANNED


def test_an_answer_to_a_patient_is_held_and_let_go_too(kit):
    enrol_one(kit)
    run_jobs(kit)
    everything, protocol = stop(kit), stop(kit, SwitchScope.PROTOCOL, PROTOCOL)
    inbound = Inbound(
        provider_id="SM1", from_="+447700900001", to="+447700900999", body="thanks, all well"
    )
    take_inbound(kit, inbound, provider="scripted")
    tick(kit)
    (answer,) = [one for one in messages(kit) if one.kind == "reply"]
    assert answer.state == State.HELD

    lift(kit, everything, actor="cli:test")
    run_jobs(kit)

    # It has no protocol, so the switch that is left does not cover it.
    (answer,) = [one for one in messages(kit) if one.kind == "reply"]
    assert answer.state == State.SENT
    assert protocol


def test_stopping_twice_is_one_switch(kit):
    assert stop(kit) == stop(kit, reason="again")


def test_a_switch_is_shown_with_what_waits_for_it(kit):
    enrol_many(kit, 3)
    switch = stop(kit, SwitchScope.CHANNEL, "sms")
    tick(kit)

    (view,) = view_switches(kit)

    assert (view.id, view.scope, view.value, view.held) == (switch, "channel", "sms", 3)
    assert view.stops == "channel sms"
    assert view.thrown_by == "cli:test"
    lift(kit, switch, actor="cli:other")
    assert view_switches(kit) == []
    assert [one.lifted_by for one in view_switches(kit, lifted=True)] == ["cli:other"]


def test_throwing_and_lifting_are_audited(kit):
    switch = stop(kit, SwitchScope.CLINIC, CLINIC)
    lift(kit, switch, actor="cli:other")

    trail = [
        (event.action, event.actor, event.clinic, event.detail["switch"])
        for event in rows(kit, AuditEvent)
        if event.action.startswith("switch.")
    ]

    assert trail == [
        ("switch.thrown", "cli:test", CLINIC, str(switch)),
        ("switch.lifted", "cli:other", CLINIC, str(switch)),
    ]


@pytest.mark.parametrize(
    ("scope", "value", "reason", "field"),
    [
        (SwitchScope.CLINIC, "nowhere", "why", "clinic"),
        (SwitchScope.PROTOCOL, "nothing", "why", "protocol"),
        (SwitchScope.STEP, f"{PROTOCOL}/nothing", "why", "step"),
        (SwitchScope.CHANNEL, "fax", "why", "channel"),
        (SwitchScope.CHANNEL, None, "why", "channel"),
        (SwitchScope.ALL, "sms", "why", "all"),
        (SwitchScope.ALL, None, " ", "reason"),
        (SwitchScope.ALL, None, "x" * 201, "reason"),
    ],
)
def test_a_switch_that_would_stop_nothing_is_refused(sqlite_kit, scope, value, reason, field):
    with pytest.raises(InvalidInput) as refused:
        stop(sqlite_kit, scope, value, reason)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert view_switches(sqlite_kit) == []


def test_a_protocol_whose_file_is_gone_can_still_be_stopped(sqlite_kit):
    enrol_one(sqlite_kit)
    there = sqlite_kit.catalogue
    bare = Catalogue(
        {key: value for key, value in there.protocols.items() if key != PROTOCOL}, there.clinics
    )
    kit = kit_on(sqlite_kit.store, catalogue=bare)

    assert stop(kit, SwitchScope.PROTOCOL, PROTOCOL)


def test_a_switch_is_lifted_once(sqlite_kit):
    switch = stop(sqlite_kit)
    lift(sqlite_kit, switch, actor="cli:test")

    with pytest.raises(Conflict):
        lift(sqlite_kit, switch, actor="cli:test")
    with pytest.raises(NotFound):
        lift(sqlite_kit, uuid4(), actor="cli:test")


def test_what_a_person_must_do_is_asked_when_advice_expires_under_a_switch(kit):
    enrolment = enrol_one(kit)
    stop(kit, SwitchScope.STEP, "red-flags")

    run_until(kit, ENROLLED_AT + timedelta(days=20))

    assert states(kit, enrolment)["red-flags", 1] == State.EXPIRED
    assert "missed" in {task.kind for task in tasks(kit)}
