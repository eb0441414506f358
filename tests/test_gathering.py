"""Trouble of one kind with one patient is one item, with all that it is about."""

from __future__ import annotations

from datetime import timedelta

from followup.causes import BOUNCED_TWICE
from followup.domain.lifecycle import State
from followup.store.models import Patient
from followup.worklist import close, occurrences
from tests.kits import (
    EMAIL,
    SMS,
    balance_is_even,
    enrol_one,
    messages,
    rows,
    run_until,
    sms_of,
    tasks,
)
from tests.people import ENROLLED_AT
from tests.scripted_channel import refuse

LANDLINE = refuse("30006", recipient=True)
BOUNCED = refuse("30003")
DAYS = timedelta(days=1)


def gathered(kit, item):
    with kit.store.read() as session:
        return [(message.step, cause) for message, cause in occurrences(session, item.id)]


def items(kit, kind="failed"):
    return [item for item in tasks(kit) if item.kind == kind]


def test_all_that_does_not_reach_a_patient_is_one_item(kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(LANDLINE)

    run_until(kit, ENROLLED_AT + 15 * DAYS)

    (item,) = items(kit)
    found = gathered(kit, item)
    assert found[0] == ("going-home", "30006")
    assert len(found) > 2
    assert {cause for _, cause in found[1:]} == {"address-unusable"}
    assert len(sms_of(kit).taken) == 0
    balance_is_even(kit)


def test_what_comes_after_an_item_was_closed_is_a_new_one(kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(LANDLINE)
    run_until(kit, ENROLLED_AT + timedelta(hours=1))
    close(kit, items(kit)[0].id, outcome="rang", actor="web:ada")

    run_until(kit, ENROLLED_AT + 15 * DAYS)

    first, second = items(kit)
    assert [step for step, _ in gathered(kit, first)] == ["going-home"]
    assert second.state == "open"
    assert len(gathered(kit, second)) > 1
    balance_is_even(kit)


def test_other_patients_have_items_of_their_own(kit):
    enrol_one(kit, 1, channels=(SMS,))
    enrol_one(kit, 2, channels=(SMS,))
    sms_of(kit).script(LANDLINE, LANDLINE)

    run_until(kit, ENROLLED_AT + 5 * DAYS)

    assert len(items(kit)) == 2
    assert len({item.patient_id for item in items(kit)}) == 2


def test_two_texts_in_a_row_that_come_back_stop_the_third(kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(BOUNCED, BOUNCED)

    run_until(kit, ENROLLED_AT + 15 * DAYS)

    (patient,) = rows(kit, Patient)
    assert patient.mobile_unusable == BOUNCED_TWICE
    assert sms_of(kit).taken == {}
    (item,) = items(kit)
    causes = [cause for _, cause in gathered(kit, item)]
    assert causes[:2] == ["30003", "30003"]
    assert set(causes[2:]) == {"address-unusable"}


def test_one_that_came_back_stops_nothing(kit):
    enrol_one(kit, channels=(SMS,))
    sms_of(kit).script(BOUNCED)

    run_until(kit, ENROLLED_AT + 15 * DAYS)

    assert rows(kit, Patient)[0].mobile_unusable is None
    assert [one.state for one in messages(kit)].count(State.FAILED.value) == 1
    assert len(sms_of(kit).taken) > 2


def test_a_dead_number_is_told_of_where_the_advice_goes_by_e_mail_meanwhile(kit):
    enrol_one(kit, channels=(SMS, EMAIL))
    sms_of(kit).script(LANDLINE)

    run_until(kit, ENROLLED_AT + timedelta(hours=1))

    (item,) = tasks(kit)
    assert (item.kind, item.detail["cause"], item.urgency) == ("unreachable", "30006", 3)
