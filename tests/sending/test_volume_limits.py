"""How far one mistake can reach: what is beyond a limit is held, and a person asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from threading import Barrier, Thread

import pytest

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.sending.volume_limits import forget_minutes, held_by_limits, release_surplus
from followup.store.models.messages import VersionMinute
from tests.support.apps import (
    EXECUTOR,
    a_message,
    actions,
    balance_is_even,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
    make_app,
    message,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import ENROLLED_AT

MINUTE = timedelta(minutes=1)


@pytest.fixture
def tight(migrated_url: str) -> Iterator[AppContext]:
    """An app context that lets five messages of one content go in a minute."""
    with closing(make_app(migrated_url, version_per_minute=5, batch_size=3)) as made:
        yield made


@pytest.fixture
def sparing(migrated_url: str) -> Iterator[AppContext]:
    """An app context that lets a patient get two messages a day."""
    with closing(make_app(migrated_url, patient_per_day=2)) as made:
        yield made


def going_home(app):
    return [one for one in messages(app) if one.step == "going-home"]


def held(app):
    return [one for one in messages(app) if one.reason == Reason.VOLUME_LIMIT]


def items(app):
    return [one for one in tasks(app) if one.kind == "blast-radius"]


def test_more_of_one_content_than_may_go_in_a_minute_is_held(tight):
    enrol_many(tight, 12)

    tick(tight)

    assert count_by_state(going_home(tight)) == {State.SENT: 5, State.HELD: 7}
    assert len(held(tight)) == 7
    balance_is_even(tight)


def test_a_person_is_asked_once_with_the_content_and_the_limit(tight):
    enrol_many(tight, 12)

    tick(tight)

    (item,) = items(tight)
    assert item.urgency == 1
    assert item.detail["cause"] == "too-many-of-one-content"
    assert (item.detail["template"], item.detail["limit"]) == ("going-home", 5)
    assert item.patient_id is None


def test_another_content_is_counted_by_itself(tight):
    enrol_many(tight, 5)
    tick(tight)
    enrol_many(
        tight,
        4,
        first=20,
        protocol="facet-joint-injection",
        attributes={"sugar_may_rise": False},
    )

    tick(tight)

    assert held(tight) == []


def test_the_next_minute_begins_anew_and_leaves_alone_what_is_held(tight):
    enrol_many(tight, 12)
    tick(tight)
    enrol_many(tight, 4, first=50)
    clock_of(tight).advance(MINUTE)

    run_jobs(tight)

    assert count_by_state(going_home(tight)) == {State.SENT: 9, State.HELD: 7}


def test_what_a_person_lets_go_is_sent_and_not_held_again(tight):
    enrol_many(tight, 12)
    tick(tight)

    freed = release_surplus(tight, actor="cli:test")
    tick(tight)

    assert freed == 7
    assert count_by_state(going_home(tight)) == {State.SENT: 12}
    assert "blast-radius.let-go" in actions(tight)


def test_letting_go_can_be_for_one_patient_or_one_content(tight):
    enrolments = enrol_many(tight, 12)
    tick(tight)
    (one, *_) = [
        each
        for each in enrolments
        if message(tight, each, "going-home").reason == Reason.VOLUME_LIMIT
    ]

    assert release_surplus(tight, actor="cli:test", template="dressing") == 0
    assert release_surplus(tight, actor="cli:test", enrolment_id=one) == 1
    assert len(held(tight)) == 6
    assert release_surplus(tight, actor="cli:test", template="going-home") == 6


def test_what_is_held_in_vain_expires_and_is_not_let_go(tight):
    enrol_many(tight, 7)
    tick(tight)
    clock_of(tight).advance(timedelta(days=1))

    assert release_surplus(tight, actor="cli:test") == 0
    sweep(tight, "expire")
    assert count_by_state(going_home(tight)) == {State.SENT: 5, State.EXPIRED: 2}


def test_no_sweep_and_no_resumed_enrolment_lets_it_go(tight):
    enrolments = enrol_many(tight, 7)
    tick(tight)
    for enrolment in enrolments:
        pause_enrolment(tight, enrolment, actor="cli:test")
        resume_enrolment(tight, enrolment, actor="cli:test")
    clock_of(tight).advance(timedelta(minutes=30))

    run_jobs(tight)

    assert len(held(tight)) == 2


def test_many_workers_together_send_no_more_than_may_go(migrated_url):
    with closing(make_app(migrated_url, version_per_minute=10, batch_size=5)) as app:
        enrol_many(app, 40)
        batches = claim_due(app)
        start = Barrier(len(batches))

        def work(batch):
            start.wait()
            send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)

        threads = [Thread(target=work, args=(batch,)) for batch in batches]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(sms_of(app).taken) == 10
        assert count_by_state(going_home(app)) == {State.SENT: 10, State.HELD: 30}
        assert len(items(app)) == 1


def test_a_patient_gets_no_more_in_a_day_than_they_may(sparing):
    enrolment = enrol_one(sparing, diabetic=True)

    run_until(sparing, ENROLLED_AT + timedelta(hours=20))

    # At home, and sugar in the evening; the one of the next morning is the third within a day.
    assert [one.step for one in held(sparing)] == ["sugar"]
    (item,) = items(sparing)
    assert item.detail["cause"] == "too-many-to-one-patient"
    assert (item.patient_id, item.enrolment_id) == (held(sparing)[0].patient_id, enrolment)
    balance_is_even(sparing)


def test_a_day_later_a_patient_gets_messages_again(sparing):
    enrolment = enrol_one(sparing)

    run_until(sparing, ENROLLED_AT + timedelta(days=5))

    assert held(sparing) == []
    assert message(sparing, enrolment, "flare", 2).state == State.SENT


def test_messages_of_one_patient_in_one_batch_count_together(sparing):
    enrol_one(sparing)
    (first,) = going_home(sparing)
    same = {"kind": "advice", "patient_id": first.patient_id, "enrolment_id": first.enrolment_id}
    for number in (2, 3, 4):
        a_message(
            sparing, **same, priority=first.priority, protocol=first.protocol, step="going-home",
            template="going-home", occurrence=number,
        )  # fmt: skip

    tick(sparing)

    assert count_by_state(going_home(sparing)) == {State.SENT: 2, State.HELD: 2}


@pytest.fixture
def single(migrated_url: str) -> Iterator[AppContext]:
    """An app that lets a patient get one message a day, with a second one that is due too."""
    with closing(make_app(migrated_url, patient_per_day=1, batch_size=1)) as made:
        enrol_one(made)
        yield made


def add_another(app):
    (first,) = going_home(app)
    a_message(
        app, kind="advice", patient_id=first.patient_id, enrolment_id=first.enrolment_id,
        protocol=first.protocol, priority=first.priority, step="going-home",
        template="going-home", occurrence=2,
    )  # fmt: skip


def test_what_another_worker_is_just_sending_counts(single):
    def meanwhile(_):
        sms_of(single).during_call = None
        add_another(single)
        tick(single)

    sms_of(single).during_call = meanwhile

    tick(single)

    assert len(sms_of(single).taken) == 1
    assert count_by_state(going_home(single)) == {State.SENT: 1, State.HELD: 1}


def test_what_another_worker_is_about_to_send_counts(single):
    add_another(single)
    batches = claim_due(single)
    assert len(batches) == 2

    send_batch(single, batches[0].token, batches[0].message_ids, executor=EXECUTOR)

    # It can't know whether the other one has begun: never one more than may be.
    assert sms_of(single).taken == {}
    assert len(held(single)) == 1


def test_answers_to_a_patient_are_counted_apart(migrated_url):
    with closing(make_app(migrated_url, patient_per_day=1)) as app:
        enrol_one(app)
        run_jobs(app)
        inbound = InboundText(
            provider_id="SM1", from_="+447700900001", to="+447700900999", body="It itches a bit"
        )
        take_inbound(app, inbound, provider="scripted")

        run_jobs(app)

        (answer,) = [one for one in messages(app) if one.kind == "reply"]
        assert answer.state == State.SENT
        assert held(app) == []


def test_the_surplus_is_told_by_clinic_and_content(tight):
    enrol_many(tight, 7)
    tick(tight)

    with tight.store.read() as session:
        (found,) = held_by_limits(session)

    assert (found.template, found.held) == ("going-home", 2)


def test_counts_of_minutes_long_past_are_dropped(tight):
    enrol_many(tight, 1)
    tick(tight)
    assert len(rows(tight, VersionMinute)) == 1

    forget_minutes(tight)
    assert len(rows(tight, VersionMinute)) == 1
    clock_of(tight).advance(timedelta(hours=2))
    assert sweep(tight, "forget-minutes") == 0

    assert rows(tight, VersionMinute) == []
