"""What counts as an answer to a text that asks for 1 or 2: the number, and nothing else."""

from __future__ import annotations

import pytest

from followup.domain.triage.check_in_answer import CheckInAnswer, check_in_answer


@pytest.mark.parametrize(
    "text",
    ["1", " 1 ", "1.", "1!", "one", "One", "ONE.", "1 please", "1 thanks", "Reply 1", "1️⃣",
     "\n1\n", "\u0661", "option 1", "1 thank you", '"1"', "(1)"],
)  # fmt: skip
def test_one_says_that_all_is_well(text):
    assert check_in_answer(text) is CheckInAnswer.WELL


@pytest.mark.parametrize(
    "text", ["2", "2.", "two", "Two please", "2 pls", "no 2", "2 ty", "\u0662"]
)
def test_two_asks_for_a_call(text):
    assert check_in_answer(text) is CheckInAnswer.CALL


@pytest.mark.parametrize(
    "text",
    ["", "yes", "ok", "12", "1 2", "1 or 2", "1/2", "-1", "3", "one two", "11", "1 leg is numb",
     "2 days of fever", "1 but my leg is weak", "call me", "well", "STOP", "1 stop", "1.5", "£2",
     "2%", "#1",
     "please", "thanks", "21"],
)  # fmt: skip
def test_all_else_is_for_a_person_to_read(text):
    assert check_in_answer(text) is None
