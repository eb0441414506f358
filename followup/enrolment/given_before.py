"""What went out before a move, as the machine interface writes it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from followup.domain.protocols.repetition import GivenBefore, Key
from followup.enrolment.reschedule import Rescheduled
from followup.messages.view import utc_text
from followup.wording.repetition import repetition_text


def told_of_before(changed: Rescheduled, zone: ZoneInfo) -> dict[str, object]:
    """Return what is not repeated, what is, each with why, and whether the patient is corrected."""
    return {
        "not_repeated": [
            _told(key, each, zone) for key, each in changed.given.items() if not each.again
        ],
        "repeated": [_told(key, each, zone) for key, each in changed.given.items() if each.again],
        "correction": changed.correction,
    }


def _told(key: Key, given: GivenBefore, zone: ZoneInfo) -> dict[str, object]:
    step, occurrence = key
    return {
        "step": step,
        "occurrence": occurrence,
        "sent_at": utc_text(given.message.at),
        "known": given.known,
        "message": repetition_text(given, zone),
    }
