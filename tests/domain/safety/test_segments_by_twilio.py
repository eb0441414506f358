"""The size of a text is what Twilio's own calculator says that it is."""

from __future__ import annotations

import random

import pytest

from followup.domain.text.sms import measure
from tests.support.outside_judges import segment_calculator

SEED = 20261129
PLAIN = "abcdefghij klmnopqrstuvwxyz .,:?!0123456789\n@£$èéùìò"
EXTENSION = "^{}\\[~]|€"
BEYOND_GSM = "ŵŷşğłß–“”…čåлжסעربμ½°"
CLUSTERS = (
    *(
        "👨‍👩‍👧",
        "👨‍👩‍👧‍👦",
        "👍🏽",
        "👩🏾",
        "❤️",
        "🇬🇧",
        "🏴",
        "🙂",
        "🤕",
        "1️⃣",
        "e\u0301",
        "n\u0303\u0331",
    ),
    *("각", "ᄀ\u1161\u11a8", "नि", "กำ"),
)


def random_text(choose: random.Random) -> str:
    """Return a text near a boundary more often than not, of one of three kinds."""
    length = choose.choice((60, 66, 67, 70, 71, 134, 153, 160, 161, 201, 306, 459))
    length += choose.randint(-3, 3)
    kind = choose.randrange(3)
    letters = [PLAIN, PLAIN + EXTENSION, PLAIN + BEYOND_GSM][kind]
    text = [choose.choice(letters) for _ in range(length)]
    if kind == 2:
        for _ in range(choose.randrange(8)):
            text.insert(choose.randrange(len(text)), choose.choice(CLUSTERS))
    return "".join(text)


@pytest.mark.parametrize("count", [400, pytest.param(4000, marks=pytest.mark.long)])
def test_random_texts_are_as_long_as_twilio_counts_them(count):
    choose = random.Random(SEED)
    texts = [random_text(choose) for _ in range(count)]

    with segment_calculator() as twilio:
        counted = [(text, twilio.ask({"text": text})) for text in texts]

    ours = [[measure(text).encoding, measure(text).segments] for text in texts]
    differ = [
        (text, theirs, our)
        for (text, theirs), our in zip(counted, ours, strict=True)
        if theirs != our
    ]
    assert differ == []


def test_a_family_is_not_cut_in_two():
    # 63 units and a family of eight: it moves to the next segment whole.
    text = "ŵ" * 63 + "👨‍👩‍👧" + "a" * 59

    assert measure(text).segments == 2
    assert measure(text + "b").segments == 3


def test_what_no_segment_holds_is_cut_all_the_same():
    piled = "e" + "\u0301" * 150

    assert measure(piled).segments == 3
