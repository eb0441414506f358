"""What a patient answered to a text that asked for 1 (all is well) or 2 (please ring).

Only a text that is the number and nothing else counts: whatever says more, a person reads.
"""

from __future__ import annotations

import re
from enum import StrEnum


class CheckInAnswer(StrEnum):
    """What the patient chose; the value is what they were asked to write."""

    WELL = "1"
    CALL = "2"


_NUMBER = {
    "1": CheckInAnswer.WELL,
    "one": CheckInAnswer.WELL,
    "2": CheckInAnswer.CALL,
    "two": CheckInAnswer.CALL,
}
# Said along with a number, and changing nothing about it.
_COURTESY = frozenset(
    {
        *("please", "pls", "plz", "thanks", "thank", "thankyou", "you", "thx", "ta", "ty"),
        *("reply", "replying", "answer", "option", "number", "no"),
    }
)


def check_in_answer(text: str) -> CheckInAnswer | None:
    """Return the answer that a text gives: `1`, ` 2.`, `two`, `2 please`; None for all else."""
    said = [_digit(word) for word in re.findall(r"[^\W_]+", text.casefold())]
    chosen = [_NUMBER[word] for word in said if word in _NUMBER]
    if len(chosen) != 1 or not {*said} - _NUMBER.keys() <= _COURTESY:
        return None
    # A sign beside the digit makes it another thing: "1/2", "-1", "£2".
    return chosen[0] if re.fullmatch(r"[^/\-+<>=%£$€#*]*", text) else None


def _digit(word: str) -> str:
    """Return a digit of any script as ours."""
    return str(int(word)) if word.isdecimal() and len(word) == 1 else word
