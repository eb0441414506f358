"""The table of Twilio's error codes."""

from __future__ import annotations

import re

import pytest

from followup.providers.twilio.errors import CODE_MEANINGS, ErrorClass, meaning_of, reason_of

OF_THE_RECIPIENT = {21211, 21614, 21635, 30005, 30006}
OPTED_OUT = {21610, 63014}


def test_only_what_lies_at_the_number_is_held_against_it():
    blamed = {code for code, one in CODE_MEANINGS.items() if one.verdict is ErrorClass.RECIPIENT}

    assert blamed == OF_THE_RECIPIENT


def test_every_word_of_stopping_is_an_objection():
    opted_out = {code for code, one in CODE_MEANINGS.items() if one.verdict is ErrorClass.OPTED_OUT}

    assert opted_out == OPTED_OUT


def test_a_failure_inside_twilio_is_never_a_reason_to_send_again_by_itself():
    assert CODE_MEANINGS[20500].verdict is ErrorClass.UNKNOWN
    assert CODE_MEANINGS[20503].verdict is ErrorClass.UNKNOWN


@pytest.mark.parametrize("code", CODE_MEANINGS)
def test_every_code_has_words_that_quote_nobody(code):
    reason = reason_of(code)

    assert 10 < len(reason) < 100
    assert not re.search(r"[{}%]|\d{6,}", reason)


def test_a_code_that_is_not_listed_leads_to_twilios_page_on_it():
    assert meaning_of(98765) is None
    assert reason_of(98765) == "see https://www.twilio.com/docs/api/errors/98765"
    assert reason_of(None)
