"""Outlook: a message goes as planned, by the other channel, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from followup.domain.eligibility import Objections
from followup.domain.lifecycle import EnrolmentState
from followup.domain.outlook import Outlook, foresee
from followup.domain.reasons import Reason
from tests.domain.test_eligibility import EMAIL, INDEX, MESSAGE, PATIENT, SMS

MAIL = replace(MESSAGE, channel=EMAIL, address_index=b"the address")
NONE = Objections()
TO_ALL = Objections(of_patients=frozenset({(PATIENT, None)}))
TO_TEXTS = Objections(of_patients=frozenset({(PATIENT, "sms")}))
TO_BOTH = Objections(of_patients=frozenset({(PATIENT, "sms"), (PATIENT, "email")}))
BROKEN = {"address_unusable": True}


@pytest.mark.parametrize(
    ("changes", "objections", "mail", "expected"),
    [
        ({}, NONE, MAIL, None),
        ({}, TO_TEXTS, MAIL, Outlook(Reason.OBJECTION_TO_CHANNEL, EMAIL)),
        ({}, TO_TEXTS, None, Outlook(Reason.OBJECTION_TO_CHANNEL)),
        ({}, TO_BOTH, MAIL, Outlook(Reason.OBJECTION_TO_CHANNEL)),
        ({}, TO_ALL, MAIL, Outlook(Reason.OBJECTION)),
        (
            {},
            Objections(of_addresses=frozenset({(INDEX, "sms")})),
            MAIL,
            Outlook(Reason.OBJECTION_TO_CHANNEL, EMAIL),
        ),
        (BROKEN, NONE, MAIL, Outlook(Reason.ADDRESS_UNUSABLE, EMAIL)),
        (BROKEN, NONE, replace(MAIL, **BROKEN), Outlook(Reason.ADDRESS_UNUSABLE)),
        (
            {"has_address": False, "address_index": None},
            NONE,
            None,
            Outlook(Reason.NO_ADDRESS),
        ),
        ({"is_deceased": True}, NONE, MAIL, Outlook(Reason.PATIENT_DIED)),
        ({"enrolment_state": EnrolmentState.PAUSED}, NONE, MAIL, None),
        (
            {"enrolment_state": EnrolmentState.PAUSED},
            TO_TEXTS,
            None,
            Outlook(Reason.OBJECTION_TO_CHANNEL),
        ),
    ],
)
def test_a_message_goes_as_planned_or_by_the_other_channel_or_not_at_all(
    changes, objections, mail, expected
):
    assert foresee(replace(MESSAGE, **changes), objections, otherwise=mail) == expected


def test_only_what_has_no_channel_left_is_lost():
    assert Outlook(Reason.OBJECTION).is_lost
    assert not Outlook(Reason.OBJECTION_TO_CHANNEL, SMS).is_lost
