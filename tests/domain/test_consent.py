"""What a reply asks for, and what an objection covers."""

from __future__ import annotations

import string
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.channel import ChannelKind
from followup.domain.consent import (
    COURTESY_WORDS,
    START_WORDS,
    STOP_WORDS,
    is_start,
    is_stop,
    permitted,
)
from followup.store.models import patients as models

LIFTED = datetime(2026, 10, 30, 9, tzinfo=UTC)


@dataclass(frozen=True)
class Objection:
    channel: ChannelKind | None
    lifted_at: datetime | None = None


# ---------------------------------------------------------------------------- replies


@pytest.mark.parametrize(
    "word", ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"]
)
def test_each_word_at_which_carriers_stop_stops_us_too(word):
    assert is_stop(word)


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "Stop.",
        " STOP \n",
        '"STOP"',
        "“Stop”",
        "*STOP*",
        "STOP!!!",
        "stop 🙏",
        "S T O P",
        "S.T.O.P.",
        "STOP".translate({ord(letter): ord(letter) + 0xFEE0 for letter in "STOP"}),
        "Please stop",
        "stop please, thank you",
        "Hi, please stop texting me. Thanks",
        "Stop all",
        "Opt out",
        "opt-out",
        "Don't text me",
        "don’t text me again",
        "dont text me",
        "do not contact me",
        "No more texts please",
        "Stop these messages",
        "Take me off your list",
        "unsubscribe me",
        "Stpo",
        "STOPIO",
        "STOP\n\nSent from my iPhone",
        "Stop\nGet Outlook for Android",
    ],
)
def test_a_words_to_stop_is_understood_however_it_is_put(text):
    assert is_stop(text)
    assert not is_start(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "🙏",
        "please",
        "thank you",
        "The bleeding won't stop",
        "When can I stop the painkillers?",
        "It doesn't stop hurting",
        "Can I stop taking it",
        "Don't stop",
        "please do not stop",
        "the pain will not end",
        "Do I need to cancel my appointment",
        "cancel my appointment",
        "unstoppable",
        "weekend",
        "stop, my leg is weak since this morning",
        "STOP I can't feel my foot",
        "Sent from my iPhone",
        "not stop",
        "Remove?",
        "no more pain",
    ],
)
def test_anything_else_is_left_for_a_person_to_read(text):
    assert not is_stop(text)
    assert not is_start(text)


@pytest.mark.parametrize("text", ["START", "Start please", "unstop", "Opt in", "start again."])
def test_a_words_to_start_again_is_understood(text):
    assert is_start(text)
    assert not is_stop(text)


@pytest.mark.parametrize("text", ["yes", "Yes please", "start with which tablet?", "restarted"])
def test_what_might_answer_something_else_starts_nothing(text):
    assert not is_start(text)


def test_no_reply_asks_for_both():
    assert not STOP_WORDS & START_WORDS


@given(
    st.sampled_from(sorted(STOP_WORDS)),
    st.lists(st.sampled_from(sorted(COURTESY_WORDS)), max_size=3),
    st.text(string.punctuation.replace("_", "") + " \n", max_size=5),
    st.booleans(),
)
def test_case_courtesy_and_punctuation_make_no_difference(words, courtesies, marks, loud):
    text = f"{marks} {' '.join([*courtesies, words])} {marks}"

    assert is_stop(text.upper() if loud else text)


@given(st.text())
def test_whatever_comes_in_is_never_understood_as_both(text):
    assert not (is_stop(text) and is_start(text))


# ---------------------------------------------------------------------------- objections


@pytest.mark.parametrize(
    ("objections", "sms", "email"),
    [
        ([], True, True),
        ([Objection(ChannelKind.SMS)], False, True),
        ([Objection(ChannelKind.EMAIL)], True, False),
        ([Objection(None)], False, False),
        ([Objection(ChannelKind.SMS, LIFTED)], True, True),
        ([Objection(None, LIFTED)], True, True),
        ([Objection(ChannelKind.SMS, LIFTED), Objection(ChannelKind.SMS)], False, True),
        ([Objection(None, LIFTED), Objection(ChannelKind.EMAIL)], True, False),
        ([Objection(ChannelKind.SMS), Objection(ChannelKind.EMAIL)], False, False),
    ],
    ids=[
        "none", "texts", "e-mails", "everything", "texts, lifted", "everything, lifted",
        "texts, lifted and lodged again", "e-mails, after everything was lifted", "each by itself",
    ],
)  # fmt: skip
def test_an_objection_in_force_covers_its_channel_or_all(objections, sms, email):
    assert permitted(objections, ChannelKind.SMS) is sms
    assert permitted(objections, ChannelKind.EMAIL) is email


def test_the_rows_of_the_database_are_such_objections():
    row = models.Objection(channel="sms", lifted_at=None)

    assert not permitted([row], ChannelKind.SMS)
    assert permitted([row], ChannelKind.EMAIL)
