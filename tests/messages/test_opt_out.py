"""Stopping messages: what becomes of the rest is told at once, and a person rings if need be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.consent.objections import lift_objection
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.errors import Conflict
from followup.enrolment.agreed_channels import agree_to_email
from followup.enrolment.reschedule import plan_again
from followup.messages.opt_out import StopForeseen, foresee_stop, stop_messages
from followup.messages.view import MessageView, message_views
from followup.replies.inbound import take_inbound
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import Occurrence
from followup.worklist.items import close_item
from tests.replies.test_inbound import text
from tests.support.apps import enrol_one, messages, rows, run_until, sms_of, tasks
from tests.support.people import EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse

ACTOR = "web:nurse"
FLAGS = 4
"""So many times the protocol tells of the red flags, and wants a person to ring where it can't."""
WEEKS = timedelta(weeks=3)


def patient_of(unit: UnitOfWork) -> Patient:
    return unit.session.query(Patient).one()


def stop(app: AppContext, channel: ChannelKind | None, *, source: str = "staff") -> bool:
    return app.transact(
        ACTOR, lambda unit: stop_messages(unit, patient_of(unit), channel=channel, source=source)
    )


def start(app: AppContext) -> None:
    def work(unit: UnitOfWork) -> None:
        patient = patient_of(unit)
        lift_objection(unit.session, unit.by, patient=patient, source=ObjectionSource.STAFF)
        plan_again(unit, patient_id=patient.id)

    app.transact(ACTOR, work)


def foreseen(app: AppContext, channel: ChannelKind | None) -> StopForeseen:
    with app.store.read() as session:
        return foresee_stop(session, session.query(Patient).one(), channel=channel)


def planned(app: AppContext) -> list[MessageView]:
    with app.store.read() as session:
        found = message_views(session, app, session.query(Message).all())
    return [view for view in found if view.state == "planned"]


def asked(app: AppContext) -> list:
    return [item for item in tasks(app) if item.kind == "advice-stopped"]


def steps(found: list[Message]) -> set[str]:
    return {message.step for message in found}


@pytest.mark.parametrize("channel", [SMS, None])
def test_who_had_texts_alone_and_stops_them_is_rung_once_about_what_must_be_known(
    app: AppContext, channel
):
    enrol_one(app, channels=(SMS,))

    shown = foreseen(app, channel)
    assert len(shown.lost) == len(planned(app))
    assert steps(shown.to_ring_about) == {"red-flags"}

    assert stop(app, channel)

    [item] = asked(app)
    assert (item.urgency, item.patient_id) == (3, rows(app, Patient)[0].id)
    assert len(rows(app, Occurrence)) == FLAGS
    assert not stop(app, channel)
    assert len(asked(app)) == 1


def test_what_goes_by_email_instead_is_told_at_once_and_asks_nobody(sqlite_app: AppContext):
    enrol_one(sqlite_app)
    assert {view.outlook for view in planned(sqlite_app)} == {None}

    stop(sqlite_app, SMS)

    assert {view.outlook.instead_by for view in planned(sqlite_app) if view.outlook} == {EMAIL}
    assert asked(sqlite_app) == []
    run_until(sqlite_app, ENROLLED_AT + WEEKS)
    gone = [one for one in messages(sqlite_app) if one.step == "red-flags" and one.fallback_of]
    assert {one.channel for one in gone} == {"email"}


def test_once_the_other_channel_is_stopped_too_nothing_is_left(sqlite_app: AppContext):
    enrol_one(sqlite_app)
    stop(sqlite_app, SMS)

    stop(sqlite_app, EMAIL)

    assert all(view.outlook and view.outlook.is_lost for view in planned(sqlite_app))
    assert len(asked(sqlite_app)) == 1
    run_until(sqlite_app, ENROLLED_AT + WEEKS)
    assert len(asked(sqlite_app)) == 1
    assert {one.state for one in messages(sqlite_app) if one.step == "red-flags"} >= {"suppressed"}


def test_one_who_texts_stop_is_rung_once_and_not_once_they_want_messages_again(
    sqlite_app: AppContext,
):
    enrol_one(sqlite_app)

    take_inbound(sqlite_app, text("STOP"))
    [item] = asked(sqlite_app)
    assert item.detail["cause"] == "objection"

    take_inbound(sqlite_app, text("START"))
    [item] = asked(sqlite_app)
    assert (item.state, item.outcome) == ("closed", "restarted")


def test_an_item_stays_open_while_something_is_still_kept_back(sqlite_app: AppContext):
    enrol_one(sqlite_app, channels=(SMS,))
    stop(sqlite_app, SMS)

    sqlite_app.transact(ACTOR, lambda unit: plan_again(unit, patient_id=patient_of(unit).id))
    assert [item.state for item in asked(sqlite_app)] == ["open"]

    start(sqlite_app)
    assert [item.state for item in asked(sqlite_app)] == ["closed"]


def test_what_no_step_wants_a_person_for_asks_nobody(sqlite_app: AppContext):
    enrol_one(sqlite_app, channels=(SMS,))
    run_until(sqlite_app, ENROLLED_AT + timedelta(days=48))

    stop(sqlite_app, None)

    assert asked(sqlite_app) == []


def test_a_carriers_opt_out_asks_a_person_too(sqlite_app: AppContext):
    enrol_one(sqlite_app, channels=(SMS,))
    sms_of(sqlite_app).script(refuse("21610", opted_out=True))

    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=1))

    assert len(asked(sqlite_app)) == 1


def test_an_address_that_breaks_after_the_texts_were_stopped_asks_when_it_counts(
    sqlite_app: AppContext,
):
    enrol_one(sqlite_app)
    stop(sqlite_app, SMS)
    with sqlite_app.store.write() as session:
        session.query(Patient).update({"email_unusable": "550"})

    run_until(sqlite_app, ENROLLED_AT + WEEKS)
    [item] = asked(sqlite_app)
    close_item(sqlite_app, item.id, outcome="told", actor=ACTOR)
    run_until(sqlite_app, ENROLLED_AT + 2 * WEEKS)

    assert len(asked(sqlite_app)) == 1


def test_a_yes_to_email_carries_what_the_texts_would_have(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app, channels=(SMS,))
    assert foreseen(sqlite_app, SMS).may_offer_email
    assert not foreseen(sqlite_app, None).may_offer_email

    def work(unit: UnitOfWork) -> None:
        patient = patient_of(unit)
        assert agree_to_email(unit, patient) == 1
        assert agree_to_email(unit, patient) == 0
        stop_messages(unit, patient, channel=SMS, source=ObjectionSource.STAFF)

    sqlite_app.transact(ACTOR, work)

    [enrolment] = rows(sqlite_app, Enrolment)
    assert (enrolment.id, enrolment.channels) == (enrolment_id, ["sms", "email"])
    assert {view.outlook.instead_by for view in planned(sqlite_app) if view.outlook} == {EMAIL}
    assert asked(sqlite_app) == []


def test_a_yes_to_email_needs_an_address(sqlite_app: AppContext):
    enrol_one(sqlite_app, channels=(SMS,), email=None)
    assert not foreseen(sqlite_app, SMS).may_offer_email

    with pytest.raises(Conflict, match="enter it first"):
        sqlite_app.transact(ACTOR, lambda unit: agree_to_email(unit, patient_of(unit)))
