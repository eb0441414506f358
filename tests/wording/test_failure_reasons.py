"""Every code and reason has a sentence of what happened, and one of what to do."""

from __future__ import annotations

import pytest

from followup.domain.reasons import Reason
from followup.providers.email.reply_codes import SmtpReply, failure_of
from followup.providers.twilio.errors import CODE_MEANINGS
from followup.wording.failure_reasons import (
    CORRECT,
    CORRECT_EMAIL,
    DELIVERY_CODES,
    LOOK,
    OPTED_OUT,
    failure_reason_of,
    is_known_reason,
)
from tests.wording.literals import literals

OURS = literals("reason", "cause") | set(Reason)
RAISED = {"answer-lost", "unreadable", "header", "address", "bug", "not-reached", "HTTP 404"}


@pytest.mark.parametrize("code", sorted(map(str, CODE_MEANINGS)))
def test_every_code_of_the_carrier_has_words_and_a_remedy(code):
    cause = failure_reason_of(code)

    assert is_known_reason(code)
    assert cause.happened.endswith(f"(code {code})")
    assert cause.to_do != LOOK


@pytest.mark.parametrize("reason", sorted(OURS | RAISED))
def test_every_reason_of_ours_has_words(reason):
    assert is_known_reason(reason)


@pytest.mark.parametrize("code", ["450 4.2.2", "421", "550 5.1.1", "550", "554 5.7.1", "552 5.2.2"])
def test_every_reply_of_a_mail_server_has_words(code):
    number, _, enhanced = code.partition(" ")
    reply = SmtpReply("RCPT", int(number), enhanced or None)

    assert is_known_reason(reply.name)
    assert failure_reason_of(reply.name).to_do != LOOK
    assert failure_of(reply) is not None


def test_what_to_do_depends_on_whose_fault_it_is():
    assert failure_reason_of("21211").to_do == failure_reason_of("30006").to_do == CORRECT
    assert failure_reason_of("bounced-twice").to_do == CORRECT
    assert failure_reason_of("21610").to_do == OPTED_OUT
    assert failure_reason_of("550 5.1.1").to_do == CORRECT_EMAIL


def test_an_unknown_code_is_told_as_it_is():
    assert failure_reason_of("12345").happened == "the provider gave the code 12345"
    assert not is_known_reason("12345")
    assert failure_reason_of(None).happened == "no reason was given"


def test_what_comes_back_is_listed_by_the_carrier():
    assert {int(code) for code in DELIVERY_CODES} <= set(CODE_MEANINGS)


def test_a_number_and_an_e_mail_address_are_named_where_the_channel_is_known():
    assert failure_reason_of("address-unusable", "sms").happened == "number not working"
    assert failure_reason_of("address-unusable", "email").happened == "e-mail address not working"
    assert failure_reason_of("address-unusable", "email").to_do == CORRECT_EMAIL
