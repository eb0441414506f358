"""A broker that goes away takes no message with it, and nobody waits for the end of a lease."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kombu.exceptions import OperationalError
from sqlalchemy import select

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.sending.claim import Batch, claim_due
from followup.sending.send_batch import send_batch
from followup.sending.stuck_messages import release_claims
from followup.store.models.messages import Message
from tasks import dispatch
from tasks.app import resources
from tests.support.apps import (
    EXECUTOR,
    clock_of,
    count_by_state,
    enrol_many,
    enrol_one,
    message,
    messages,
    sms_of,
    tick,
)
from tests.support.people import SMS

MOMENT = timedelta(seconds=1)


def hand_over(app: AppContext, batch: Batch) -> int:
    return send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)


def test_what_no_worker_began_is_planned_again_at_once_and_goes_once(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    (lost,) = claim_due(app)

    assert release_claims(app, made_before=app.clock.real_now()) == 1

    going_home = message(app, enrolment_id, "going-home")
    assert (going_home.state, going_home.reason) == ("planned", "broker-lost")
    assert tick(app) == 1
    # The batch was not lost after all, and comes late.
    assert hand_over(app, lost) == 0
    assert len(sms_of(app).calls) == 1


def test_a_worker_that_comes_by_its_batch_before_it_is_claimed_again_calls_nobody(app: AppContext):
    enrol_one(app, channels=(SMS,))
    (lost,) = claim_due(app)
    release_claims(app, made_before=app.clock.real_now())

    assert hand_over(app, lost) == 0

    assert sms_of(app).calls == []


def test_what_was_claimed_after_the_loss_is_left_alone(app: AppContext):
    enrol_one(app, channels=(SMS,))
    lost_at = app.clock.real_now()
    clock_of(app).advance_real(MOMENT)
    claim_due(app)

    assert release_claims(app, made_before=lost_at) == 0


def test_a_call_that_was_begun_is_left_to_its_worker(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    released = []
    sms_of(app).during_call = lambda _: released.append(
        release_claims(app, made_before=app.clock.real_now())
    )

    assert tick(app) == 1

    assert released == [0]
    assert message(app, enrolment_id, "going-home").state == "sent"


def test_one_that_a_worker_is_just_beginning_is_passed_over(postgres_app: AppContext):
    app = postgres_app
    enrol_many(app, 2, channels=(SMS,))
    (batch,) = claim_due(app)

    with app.store.write() as session:
        session.scalars(
            select(Message.id).where(Message.id == batch.message_ids[0]).with_for_update()
        ).one()
        released = release_claims(app, made_before=app.clock.real_now())

    assert released == 1


def test_a_tick_that_cannot_hand_over_plans_all_of_its_claim_again(app: AppContext, monkeypatch):
    def away(*_: object) -> None:
        raise OperationalError

    enrol_many(app, 3, channels=(SMS,))
    monkeypatch.setattr(resources, "_app", app)
    monkeypatch.setattr(dispatch.deliver, "delay", away)

    with pytest.raises(OperationalError):
        dispatch.tick()

    assert count_by_state(messages(app)).keys() == {State.PLANNED.value}


def test_a_worker_that_found_a_broker_again_has_handed_over_anew_what_was_before(monkeypatch):
    told: list[float] = []
    monkeypatch.setattr(dispatch.hand_over_again, "delay", told.append)
    monkeypatch.setattr(dispatch, "monotonic", iter([100.0, 103.0, 200.0]).__next__)
    step = dispatch.HandOverAgain(None)

    step.start(None)
    first = list(told)
    step.stop(None)
    step.stop(None)
    step.start(None)
    step.start(None)

    assert (first, told) == ([], [3.0])


def test_a_broker_that_is_lost_once_more_is_told_of_when_it_is_there(monkeypatch):
    def away(_: float) -> None:
        raise OperationalError

    told: list[float] = []
    monkeypatch.setattr(dispatch, "monotonic", iter([100.0, 101.0, 104.0]).__next__)
    step = dispatch.HandOverAgain(None)
    step.stop(None)
    monkeypatch.setattr(dispatch.hand_over_again, "delay", away)
    step.start(None)
    step.stop(None)

    monkeypatch.setattr(dispatch.hand_over_again, "delay", told.append)
    step.start(None)

    assert told == [4.0]


def test_a_hand_over_is_made_good_for_what_was_claimed_before_the_loss(
    app: AppContext, monkeypatch
):
    enrol_one(app, channels=(SMS,))
    claim_due(app)
    clock_of(app).advance_real(10 * MOMENT)
    monkeypatch.setattr(resources, "_app", app)

    dispatch.hand_over_again(11)
    too_early = count_by_state(messages(app))
    dispatch.hand_over_again(9)

    assert too_early[State.CLAIMED.value] == 1
    assert State.CLAIMED.value not in count_by_state(messages(app))
