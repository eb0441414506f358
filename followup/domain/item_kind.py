"""The kinds of worklist item: what a person is asked to look at."""

from __future__ import annotations

from enum import StrEnum


class ItemKind(StrEnum):
    """What an item of the worklist is about; the words are those of the database and the API."""

    VOLUME_LIMIT = "blast-radius"
    """More messages at once than may go: the surplus is held."""
    REPLY = "reply"
    RESTART = "restart"
    """Somebody wants messages again."""
    MISSED = "missed"
    """Its window ended, and its step asks somebody to ring then."""
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    """The advice goes another way, but the number or address wants correcting."""
    UNKNOWN = "unknown"
    """No provider can tell whether it has the message."""
    NO_RECEIPT = "no-receipt"
    DUPLICATE = "duplicate"
    SET_UP = "set-up"
    """A message that can't be made before an operator has corrected something."""
    READING_NEED = "reading-need"
    ENROLLED_AFTER_STOP = "enrolled-after-stop"
    """Somebody who wants no messages was enrolled again."""
    ADVICE_STOPPED = "advice-stopped"
    """Somebody stopped messages, and advice that must be given will not reach them."""
    SAME_PERSON = "same-person"
    """Somebody may be a patient who is there already: their enrolment is held until it is said."""
    NO_ANSWER = "no-answer"
    """The patient did not answer a question of ours in time."""
    CALL_WANTED = "call-wanted"
    RESTORED = "restored"
    """After a restore the provider's lists tell of texts that the database knows nothing of."""
    DRAFT = "draft"
    """An enrolment that waits for what a hospital's system does not say."""
    FEED = "feed"
    """A hospital's system says something that only a person can settle."""
