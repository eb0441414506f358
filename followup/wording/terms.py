"""Term: how one code is said, and the colour that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """What a colour stands for; the console and the terminal each choose the one they show.

    A colour never stands alone: it is that of a label which says the same in words.
    """

    INFO = "info"
    PROGRESS = "progress"
    NEUTRAL = "neutral"
    SUCCESS = "success"
    CAUTION = "caution"
    UNSURE = "unsure"
    WARNING = "warning"
    DANGER = "danger"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Term:
    """A label, what it means in one clause, its colour, and what a person should do, if anything.

    A meaning goes on from the label after a colon; what to do is a sentence, or several.
    """

    label: str
    meaning: str = ""
    colour: Colour = Colour.MUTED
    to_do: str = ""
