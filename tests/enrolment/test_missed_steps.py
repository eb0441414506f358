"""Advice that is too late already when a patient is enrolled: where it says so, a person rings."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from followup.context import AppContext
from followup.domain.protocols.protocol import Missed
from followup.enrolment.bulk import enrol_all
from tests.support.apps import balance_is_even, clock_of, enrol_one, message, tasks
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, PROTOCOL, request

DAY = timedelta(days=1)
EVENING = ENROLLED_AT + timedelta(hours=5, minutes=30)
"""20:30 in Plymouth, after the last hour for sending; twelve hours after 14:30 nobody may send."""


def wanting_a_call(app: AppContext, step: str) -> AppContext:
    """The app context, with a protocol that wants a person to ring where that step was missed."""
    protocol = app.catalogue.protocols[PROTOCOL]
    steps = tuple(
        replace(one, missed=Missed.PERSON) if one.key == step else one for one in protocol.steps
    )
    changed = {PROTOCOL: replace(protocol, steps=steps)}
    return replace(app, catalogue=replace(app.catalogue, protocols=changed))


def test_advice_whose_window_was_over_at_enrolment_asks_a_person_once(app: AppContext):
    enrolment = enrol_one(app, procedure_at=PROCEDURE_AT - 27 * DAY)

    (item,) = tasks(app)
    assert (item.kind, item.urgency, item.enrolment_id) == ("missed", 3, enrolment)
    assert item.detail["cause"] == "already-past"
    # Two of them, gathered: the flags of the second and of the third week.
    assert [message(app, enrolment, "red-flags", one).state for one in (1, 2)] == ["expired"] * 2
    assert message(app, enrolment, "red-flags", 3).state == "planned"
    balance_is_even(app)


def test_an_afternoon_s_procedure_that_is_enrolled_in_the_evening_asks_a_person(app: AppContext):
    clock_of(app).advance_to(EVENING)

    enrolment = enrol_one(wanting_a_call(app, "going-home"))

    assert message(app, enrolment, "going-home").reason == "no-sending-hour"
    assert [one.detail["cause"] for one in tasks(app)] == ["no-sending-hour"]
    balance_is_even(app)


def test_a_step_that_may_be_dropped_asks_nobody(app: AppContext):
    clock_of(app).advance_to(EVENING)

    enrolment = enrol_one(app)

    assert message(app, enrolment, "going-home").state == "expired"
    assert tasks(app) == []


def test_a_list_that_is_brought_in_asks_alike(app: AppContext):
    late = [request(serial, procedure_at=PROCEDURE_AT - 20 * DAY) for serial in (1, 2)]

    enrol_all(app, [*late, request(3)], actor="cli:test")

    assert [one.kind for one in tasks(app)] == ["missed", "missed"]
    assert len({one.patient_id for one in tasks(app)}) == 2
