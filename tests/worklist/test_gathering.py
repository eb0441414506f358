"""Trouble of one kind with one patient is one item, with all that it is about."""

from __future__ import annotations

from datetime import timedelta

from followup.domain.lifecycle import State
from followup.domain.reasons import Reason
from followup.store.models.patients import Patient
from followup.worklist.items import close_item, occurrences
from tests.support.apps import balance_is_even, enrol_one, messages, rows, run_until, sms_of, tasks
from tests.support.people import EMAIL, ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse

LANDLINE = refuse("30006", recipient=True)
BOUNCED = refuse("30003")
DAYS = timedelta(days=1)


def gathered(app, item):
    with app.store.read() as session:
        return [(message.step, cause) for message, cause in occurrences(session, item.id)]


def items(app, kind="failed"):
    return [item for item in tasks(app) if item.kind == kind]


def test_all_that_does_not_reach_a_patient_is_one_item(app):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(LANDLINE)

    run_until(app, ENROLLED_AT + 15 * DAYS)

    (item,) = items(app)
    found = gathered(app, item)
    assert found[0] == ("going-home", "30006")
    assert len(found) > 2
    assert {cause for _, cause in found[1:]} == {"address-unusable"}
    assert len(sms_of(app).taken) == 0
    balance_is_even(app)


def test_what_comes_after_an_item_was_closed_is_a_new_one(app):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(LANDLINE)
    run_until(app, ENROLLED_AT + timedelta(hours=1))
    close_item(app, items(app)[0].id, outcome="rang", actor="web:ada")

    run_until(app, ENROLLED_AT + 15 * DAYS)

    first, second = items(app)
    assert [step for step, _ in gathered(app, first)] == ["going-home"]
    assert second.state == "open"
    assert len(gathered(app, second)) > 1
    balance_is_even(app)


def test_other_patients_have_items_of_their_own(app):
    enrol_one(app, 1, channels=(SMS,))
    enrol_one(app, 2, channels=(SMS,))
    sms_of(app).script(LANDLINE, LANDLINE)

    run_until(app, ENROLLED_AT + 5 * DAYS)

    assert len(items(app)) == 2
    assert len({item.patient_id for item in items(app)}) == 2


def test_two_texts_in_a_row_that_come_back_stop_the_third(app):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(BOUNCED, BOUNCED)

    run_until(app, ENROLLED_AT + 15 * DAYS)

    (patient,) = rows(app, Patient)
    assert patient.mobile_unusable == Reason.BOUNCED_TWICE
    assert sms_of(app).taken == {}
    (item,) = items(app)
    causes = [cause for _, cause in gathered(app, item)]
    assert causes[:2] == ["30003", "30003"]
    assert set(causes[2:]) == {"address-unusable"}


def test_one_that_came_back_stops_nothing(app):
    enrol_one(app, channels=(SMS,))
    sms_of(app).script(BOUNCED)

    run_until(app, ENROLLED_AT + 15 * DAYS)

    assert rows(app, Patient)[0].mobile_unusable is None
    assert [one.state for one in messages(app)].count(State.FAILED.value) == 1
    assert len(sms_of(app).taken) > 2


def test_a_dead_number_is_told_of_where_the_advice_goes_by_e_mail_meanwhile(app):
    enrol_one(app, channels=(SMS, EMAIL))
    sms_of(app).script(LANDLINE)

    run_until(app, ENROLLED_AT + timedelta(hours=1))

    (item,) = tasks(app)
    assert (item.kind, item.detail["cause"], item.urgency) == ("unreachable", "30006", 3)
