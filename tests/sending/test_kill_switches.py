"""Kill switches: what they hold, how soon, and what becomes of it when they are lifted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from followup.catalogue.load import Catalogue
from followup.domain.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import State
from followup.enrolment.pause import pause_enrolment
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.claim import claim_due
from followup.sending.kill_switches import activate_switch, deactivate_switch, view_switches
from followup.sending.send_batch import send_batch
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Message
from tests.support.apps import (
    EXECUTOR,
    app_on,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
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
from tests.support.people import CLINIC, ENROLLED_AT, PROTOCOL

GOING_HOME = ("going-home", 1)


def stop(app, scope=SwitchScope.ALL, value=None, reason="wrong words went out"):
    return activate_switch(app, scope, value, reason=reason, actor="cli:test")


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
def test_what_a_switch_covers_is_held_at_claim(app, scope, value):
    enrolment = enrol_one(app)
    stop(app, scope, value)

    tick(app)

    assert message(app, enrolment, "going-home").state == State.HELD
    assert message(app, enrolment, "going-home").reason == "switch"
    assert sms_of(app).calls == []


@pytest.mark.parametrize(
    ("scope", "value"),
    [
        (SwitchScope.PROTOCOL, "facet-joint-injection"),
        (SwitchScope.STEP, "dressing"),
        (SwitchScope.STEP, "facet-joint-injection/going-home"),
        (SwitchScope.CHANNEL, "email"),
    ],
)
def test_what_a_switch_does_not_cover_goes_on(app, scope, value):
    enrolment = enrol_one(app)
    stop(app, scope, value)

    tick(app)

    assert states(app, enrolment)[GOING_HOME] == State.SENT


def test_a_switch_thrown_after_the_claim_holds_what_a_worker_has(app):
    enrolment = enrol_one(app)
    (batch,) = claim_due(app)
    stop(app)

    send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)

    assert states(app, enrolment)[GOING_HOME] == State.HELD
    assert sms_of(app).calls == []


def test_a_switch_thrown_in_the_middle_of_a_batch_stops_the_rest_of_it(sqlite_app):
    app = sqlite_app
    enrol_many(app, 10)

    def throw_at_the_third(_):
        if len(sms_of(app).calls) == 2:
            stop(app)
            clock_of(app).advance_real(timedelta(seconds=1))

    sms_of(app).during_call = throw_at_the_third
    (batch,) = claim_due(app)
    with ThreadPoolExecutor(1) as one_by_one:
        send_batch(app, batch.token, batch.message_ids, executor=one_by_one)

    # The third was on its way when the switch was thrown.
    assert len(sms_of(app).calls) == 3
    tick(app)
    counted = count_by_state(one for one in messages(app) if one.step == "going-home")
    assert counted == {State.SENT: 3, State.HELD: 7}


def test_nothing_more_is_called_while_the_switches_cannot_be_read(sqlite_app):
    app = sqlite_app
    enrol_many(app, 5)
    batches = claim_due(app)
    reading = app.store.read

    def lose_the_database(_):
        clock_of(app).advance_real(timedelta(seconds=1))
        app.store.read = unreadable

    @contextmanager
    def unreadable():
        raise StoreUnavailable("the database can't be used at present")
        yield

    sms_of(app).during_call = lose_the_database
    with ThreadPoolExecutor(1) as one_by_one:
        for batch in batches:
            send_batch(app, batch.token, batch.message_ids, executor=one_by_one)
    app.store.read = reading

    counted = count_by_state(one for one in messages(app) if one.step == "going-home")
    assert counted == {State.SENT: 1, State.PLANNED: 4}


def test_lifting_lets_go_what_is_still_useful_and_expires_the_rest(app):
    enrolment = enrol_one(app)
    switch = stop(app)
    run_until(app, ENROLLED_AT + timedelta(days=1))
    # Its sweep has been stopped too.
    held = [one for one in messages(app, enrolment) if one.state == State.HELD]
    clock_of(app).advance(timedelta(hours=26))

    released = deactivate_switch(app, switch, actor="cli:test")
    run_jobs(app)

    assert released.expired == len([one for one in held if one.not_after <= clock_of(app).now()])
    assert states(app, enrolment)["dressing", 1] == State.EXPIRED
    assert states(app, enrolment)["flare", 1] == State.SENT


def test_what_comes_free_at_night_waits_for_the_next_sending_hour(app):
    enrolment = enrol_one(app)
    clock_of(app).advance(timedelta(hours=23, minutes=50))
    switch = stop(app)
    run_until(app, ENROLLED_AT + timedelta(hours=30))
    assert states(app, enrolment)["dressing", 1] == State.HELD

    deactivate_switch(app, switch, actor="cli:test")
    run_jobs(app)

    dressing = message(app, enrolment, "dressing")
    assert dressing.state == State.PLANNED
    assert dressing.claimable_at.isoformat() == "2026-10-21T07:00:00+00:00"


def test_what_another_switch_covers_too_stays_held(app):
    enrolment = enrol_one(app)
    everything, texts = stop(app), stop(app, SwitchScope.CHANNEL, "sms")
    tick(app)

    deactivate_switch(app, everything, actor="cli:test")
    assert states(app, enrolment)[GOING_HOME] == State.HELD

    deactivate_switch(app, texts, actor="cli:test")
    assert states(app, enrolment)[GOING_HOME] == State.PLANNED


def test_lifting_leaves_a_pause_alone(app):
    enrolment = enrol_one(app)
    pause_enrolment(app, enrolment, actor="cli:test")
    switch = stop(app)

    deactivate_switch(app, switch, actor="cli:test")

    assert message(app, enrolment, "going-home").reason == "paused"


def test_an_enrolment_paused_meanwhile_is_not_sent_when_the_switch_is_lifted(app):
    enrolment = enrol_one(app)
    switch = stop(app)
    tick(app)
    pause_enrolment(app, enrolment, actor="cli:test")

    deactivate_switch(app, switch, actor="cli:test")
    tick(app)

    assert message(app, enrolment, "going-home").reason == "paused"
    assert sms_of(app).calls == []


def test_what_was_held_in_the_moment_of_lifting_is_let_go_by_a_sweep(app):
    enrolment = enrol_one(app)
    switch = stop(app)
    (due,) = [one for one in messages(app, enrolment) if one.step == "going-home"]
    deactivate_switch(app, switch, actor="cli:test")
    with app.store.write() as session:
        # As a claim does that read the switches before they were lifted, and commits after.
        held = session.get_one(Message, due.id)
        held.state, held.reason = State.HELD.value, "switch"

    assert sweep(app, "release-held") == 1

    assert states(app, enrolment)[GOING_HOME] == State.PLANNED


def test_an_answer_to_a_patient_is_held_and_let_go_too(app):
    enrol_one(app)
    run_jobs(app)
    everything, protocol = stop(app), stop(app, SwitchScope.PROTOCOL, PROTOCOL)
    inbound = InboundText(
        provider_id="SM1", from_="+447700900001", to="+447700900999", body="It itches a bit"
    )
    take_inbound(app, inbound, provider="scripted")
    tick(app)
    (answer,) = [one for one in messages(app) if one.kind == "reply"]
    assert answer.state == State.HELD

    deactivate_switch(app, everything, actor="cli:test")
    run_jobs(app)

    # It has no protocol, so the switch that is left does not cover it.
    (answer,) = [one for one in messages(app) if one.kind == "reply"]
    assert answer.state == State.SENT
    assert protocol


def test_stopping_twice_is_one_switch(app):
    assert stop(app) == stop(app, reason="again")


def test_a_switch_is_shown_with_what_waits_for_it(app):
    enrol_many(app, 3)
    switch = stop(app, SwitchScope.CHANNEL, "sms")
    tick(app)

    (view,) = view_switches(app)

    assert (view.id, view.scope, view.value, view.held) == (switch, "channel", "sms", 3)
    assert view.stops == "channel sms"
    assert view.thrown_by == "cli:test"
    deactivate_switch(app, switch, actor="cli:other")
    assert view_switches(app) == []
    assert [one.lifted_by for one in view_switches(app, lifted=True)] == ["cli:other"]


def test_throwing_and_lifting_are_audited(app):
    switch = stop(app, SwitchScope.CLINIC, CLINIC)
    deactivate_switch(app, switch, actor="cli:other")

    trail = [
        (event.action, event.actor, event.clinic, event.detail["switch"])
        for event in rows(app, AuditEvent)
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
def test_a_switch_that_would_stop_nothing_is_refused(sqlite_app, scope, value, reason, field):
    with pytest.raises(InvalidInput) as refused:
        stop(sqlite_app, scope, value, reason)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert view_switches(sqlite_app) == []


def test_a_protocol_whose_file_is_gone_can_still_be_stopped(sqlite_app):
    enrol_one(sqlite_app)
    there = sqlite_app.catalogue
    bare = Catalogue(
        {key: value for key, value in there.protocols.items() if key != PROTOCOL}, there.clinics
    )
    app = app_on(sqlite_app.store, catalogue=bare)

    assert stop(app, SwitchScope.PROTOCOL, PROTOCOL)


def test_a_switch_is_lifted_once(sqlite_app):
    switch = stop(sqlite_app)
    deactivate_switch(sqlite_app, switch, actor="cli:test")

    with pytest.raises(Conflict):
        deactivate_switch(sqlite_app, switch, actor="cli:test")
    with pytest.raises(NotFound):
        deactivate_switch(sqlite_app, uuid4(), actor="cli:test")


def test_what_a_person_must_do_is_asked_when_advice_expires_under_a_switch(app):
    enrolment = enrol_one(app)
    stop(app, SwitchScope.STEP, "red-flags")

    run_until(app, ENROLLED_AT + timedelta(days=20))

    assert states(app, enrolment)["red-flags", 1] == State.EXPIRED
    assert "missed" in {task.kind for task in tasks(app)}
