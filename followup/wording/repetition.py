"""What becomes of advice that went out before the procedure was moved, and why."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from followup.domain.protocols.repetition import GivenBefore, Repetition
from followup.wording.formats import moment

KNOWN_TEXTS: dict[Repetition, str] = {
    Repetition.DELIVERED: "it was delivered on {at}",
    Repetition.ON_ITS_WAY: "it was sent on {at}, and nothing speaks against its arrival",
    Repetition.NOT_CONFIRMED: "it was sent on {at}, and delivery was not confirmed",
    Repetition.TOO_EARLY: "it was sent on {at}, before its new time",
}


def repetition_text(given: GivenBefore, zone: ZoneInfo) -> str:
    """Return it as a sentence: `Not sent again: it was delivered on Mon 19 Oct 2026, 3pm`."""
    known = KNOWN_TEXTS[given.known].format(at=moment(given.message.at, zone))
    return f"{'Sent again' if given.again else 'Not sent again'}: {known}"
