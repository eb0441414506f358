"""Whatever a phone or a carrier does to a text, a red flag in it is not lost."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.triage.triage import ReplyClass, sort_reply
from followup.replies.triage_evaluation import Labelled, read_corpus
from tests.support.apps import general_triage
from tests.triage import HELD_OUT, REPLIES

TRIAGE = general_triage()
ALL = [one for file in (REPLIES, HELD_OUT) for one in read_corpus(file)]
FLAGS = [one.text for one in ALL if ReplyClass.RED_FLAG in one.classes]
EMOJI = "🙂😭👍🏽🙏❤️"
SIGNS = ["!", "!!", " ... ", " - ", " / ", " * ", "\n", "\t", " 😭 ", " ❤️ ", "  "]
HIDDEN = ["\x00", "\x07", "\x1b", "\u200b", "\ufeff", "\u00ad", "\U0001f642"]
flags = st.sampled_from(FLAGS)


def is_flag(text: str) -> bool:
    return ReplyClass.RED_FLAG in sort_reply(TRIAGE, text).classes


@given(text=flags, how=st.sampled_from([str.upper, str.title, str.swapcase, str.capitalize]))
def test_case_does_not_matter(text, how):
    assert is_flag(how(text))


@given(text=flags, data=st.data())
def test_signs_between_words_do_not_matter(text, data):
    words = text.split()
    signs = data.draw(st.lists(st.sampled_from(SIGNS), min_size=len(words), max_size=len(words)))

    assert is_flag("".join(word + sign for word, sign in zip(words, signs, strict=True)))


@pytest.mark.parametrize("text", ["leg weakness - no! better", "leg weakness - no! thanks"])
def test_a_no_after_a_sign_denies_nothing(text):
    assert is_flag(text)


@given(text=flags, hidden=st.sampled_from(HIDDEN), place=st.integers(0, 200))
def test_a_character_that_nobody_sees_does_not_matter_wherever_it_stands(text, hidden, place):
    place %= len(text) + 1

    assert is_flag(text[:place] + hidden + text[place:])


@given(text=flags, hidden=st.sampled_from(HIDDEN))
def test_hidden_characters_in_the_place_of_spaces_do_not_matter(text, hidden):
    assert is_flag(re.sub(r"\s+", hidden, text))


@given(text=flags, apostrophe=st.sampled_from("'’‘`\u00b4"))
def test_an_apostrophe_of_any_kind_or_none_does_not_matter(text, apostrophe):
    short = re.compile(r"\b(ca|wo|do|does|have|is|are)n'?t\b", re.IGNORECASE)

    assert is_flag(short.sub(rf"\1n{apostrophe}t", text))


@given(text=flags, before=st.integers(0, 700), after=st.integers(0, 700))
def test_a_long_text_does_not_hide_it(text, before, after):
    hay = "I am quite happy here today and the sun shines on us. " * 30

    assert is_flag(f"{hay[:before]}. {text}. {hay[:after]}"[:1600])


@given(first=flags, second=st.sampled_from([one.text for one in ALL]))
def test_a_second_sentence_does_not_take_it_back(first, second):
    assert is_flag(f"{first}. {second}")


def test_emoji_around_it_do_not_matter():
    assert [text for text in FLAGS if not is_flag(f"{EMOJI}{text}{EMOJI}")] == []


def with_slip(word: str, place: int) -> str:
    """Return the word with two neighbouring letters swapped."""
    place = 1 + place % (len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


@pytest.mark.parametrize(
    "text",
    ["my leg has weakness", "numbness in my foot", "bladder not working",
     "lost control of my bowels", "feverish and shivering", "high temperature",
     "trouble breathing", "incontinent"],
)  # fmt: skip
@given(data=st.data())
def test_a_slip_in_a_long_word_does_not_hide_it(text, data):
    words = text.split()
    long = [place for place, word in enumerate(words) if len(word) >= 5]
    chosen = data.draw(st.sampled_from(long))
    words[chosen] = with_slip(words[chosen], data.draw(st.integers(0, 20)))

    assert is_flag(" ".join(words))


@pytest.mark.parametrize(
    "text",
    ["I have a feeeever", "I have a feverrrrrr", "my legs are numbbbb", "my legs are nummmmb"],
)
def test_letters_that_are_drawn_out_do_not_hide_it(text):
    assert is_flag(text)


@given(st.text(max_size=1600))
def test_anything_at_all_gets_a_class(text):
    assert sort_reply(TRIAGE, text).classes


def lines_run(text: str) -> int:
    """Return how many lines of Python it takes to sort a text: work, counted and not timed."""
    count = 0

    def trace(*_: object) -> object:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        sort_reply(TRIAGE, text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "unit",
    ["leg weak ", "no ", "numbness or ", "x", "no fever, ", "not leg weak ", "wekness numbnes ",
     "stop ", '"', "“ ", "full stop ", "can not ", "38.2 ", "thanks ", "I am fine and ", "\n",
     "> a\n", "🙂", "the foot is not move ", "can I drive tomorrow ", "slept 9 hours ",
     "when is my appointment, ", "mesaj atmayın "],  # noqa: RUF001
    ids=repr,
)  # fmt: skip
def test_the_work_grows_no_faster_than_the_text(unit):
    sort_reply(TRIAGE, unit * 3)  # What is made once is made by now.
    small, large = (lines_run(unit * (size // len(unit))) for size in (1250, 10_000))

    # Eight times the text: where the work grew with its square, this would be 64 times as much.
    assert large <= 12 * small


def test_the_corpus_has_red_flags_to_play_with():
    assert len(FLAGS) > 300
    assert all(isinstance(one, Labelled) for one in ALL)
