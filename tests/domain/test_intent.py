"""What a text that came in asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.consent import STOP_WORDS
from followup.domain.triage.intent import ReplyIntent, reply_intent


@pytest.mark.parametrize(
    "text",
    ["STOP", "stop", " Stop. ", "STOP STOP STOP", "Stop! stop!", "STOP 🙂", "stop\x00",
     "Please stop", "S T O P", "Stop the texts please\nSent from my iPhone"],
)  # fmt: skip
def test_a_text_that_only_wishes_to_stop_needs_no_person(text):
    assert reply_intent(text) is ReplyIntent.STOP


@pytest.mark.parametrize(
    "text",
    [
        "STOP cant feel my legs",
        "Stop can't feel my legs",
        "stop i am in agony",
        "STOP taking the mickey",
        "Stop texting me my leg is numb",
        "STOP - my legs are numb",
        "I can't walk. Stop.",
        "Please stop these messages, I am in hospital",
        "The injection did nothing. Please opt me out",
        "Wrong number\nUnsubscribe",
    ],
)
def test_a_wish_to_stop_with_something_else_beside_it_is_both(text):
    assert reply_intent(text) is ReplyIntent.STOP_AND_MORE


@pytest.mark.parametrize(
    "text",
    [
        "When can I stop the tablets?",
        "stop taking the tablets?",
        "Stop the pain",
        "How do I stop this",
        "The pain won't stop",
        "I can take no more. It hurts",
        "No more, it hurts",
        "Yes",
        "",
        "   ",
        "🙂",
        "\x00",
        "HELP",
        "Dressing came off",
    ],
)
def test_what_may_mean_something_else_stops_nothing_and_goes_to_a_person(text):
    assert reply_intent(text) is ReplyIntent.OTHER


@pytest.mark.parametrize("text", ["START", "start.", "Unstop", "opt in"])
def test_a_wish_to_start_is_known(text):
    assert reply_intent(text) is ReplyIntent.START


@pytest.mark.parametrize(
    ("text", "opt_out_type", "meaning"),
    [
        ("genug jetzt", "STOP", ReplyIntent.STOP_AND_MORE),
        ("", "STOP", ReplyIntent.STOP),
        ("Stop", "STOP", ReplyIntent.STOP),
        ("JA", "START", ReplyIntent.START),
        ("HELP", "HELP", ReplyIntent.OTHER),
        ("Dressing came off", "SOMETHING NEW", ReplyIntent.OTHER),
    ],
    ids=lambda value: str(value) or "empty",
)
def test_what_the_provider_has_acted_on_counts(text, opt_out_type, meaning):
    assert reply_intent(text, opt_out_type=opt_out_type) is meaning


@given(st.sampled_from(sorted(STOP_WORDS)), st.sampled_from(["", " ", ".", "!!", "\n"]))
def test_every_stopping_word_stops_in_any_case(word, end):
    assert reply_intent(word.upper() + end) is ReplyIntent.STOP
    assert reply_intent(word.title() + end) is ReplyIntent.STOP


@given(st.text(max_size=1600))
def test_any_text_has_a_meaning(text):
    assert reply_intent(text) in ReplyIntent
