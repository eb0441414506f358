"""The kit that other tests stand on works, from enrolment to delivery, on both databases."""

from __future__ import annotations

from datetime import timedelta

from followup.kit import Kit
from tests.kits import count_by_state, enrol_one, make_kit, messages, run_until, sms_of, states
from tests.people import ENROLLED_AT


def test_a_patient_of_the_kit_gets_what_the_protocol_says(kit: Kit):
    enrolment = enrol_one(kit, diabetic=True)

    run_until(kit, ENROLLED_AT + timedelta(days=2))

    assert states(kit, enrolment)["going-home", 1] == "sent"
    assert len(sms_of(kit).taken) == 7


def test_the_sandbox_delivers_all_of_six_weeks(migrated_url: str):
    kit = make_kit(migrated_url, sandbox=True)
    enrol_one(kit, diabetic=True)

    run_until(kit, ENROLLED_AT + timedelta(days=50))

    assert count_by_state(messages(kit)) == {"delivered": 14}
    kit.close()
