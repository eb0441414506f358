"""Words about a copy of the database that figures are read from: how old it is, or why not read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from followup.store.engine.replica import ReadFrom, Trouble
from followup.wording.formats import count, span

MINUTE = timedelta(minutes=1)
COPY = "The copy of the database for figures"
INSTEAD = "This was read from the database itself."


@dataclass(frozen=True, slots=True)
class Copy:
    """What to say, and whether the copy was not read."""

    text: str
    is_trouble: bool


def copy_text(read: ReadFrom | None) -> Copy | None:
    """Return what to say of it; None where no copy is set."""
    if read is None:
        return None
    match read.trouble:
        case None:
            return Copy(f"Read from a copy of the database, {_age(read.behind)}.", is_trouble=False)
        case Trouble.BEHIND:
            told = f"{COPY} is {_age(read.behind)}."
        case Trouble.AWAY:
            told = f"{COPY} can\u2019t be reached."
        case Trouble.REFUSED:
            told = f"{COPY} is a copy of another one. Tell the people who run this service."
    return Copy(f"{told} {INSTEAD}", is_trouble=True)


def _age(behind: timedelta | None) -> str:
    if behind is None:
        return "behind, and does not say how far"
    if not behind:
        return "up to date"
    if behind < MINUTE:
        return f"{count(max(1, round(behind.total_seconds())), 'second')} behind"
    return f"{span(behind)} behind"
