"""Automatic replies: which standing answer a text gets, by what it is about."""

from __future__ import annotations

from followup.domain.triage.triage import Found, ReplyClass

UNWATCHED, STOPPED, STARTED = "reply-unwatched", "reply-stopped", "reply-started"
CALLING = "reply-calling"
"""To a patient who answered that they want to be rung."""

EMERGENCY, RED_FLAG = "reply-emergency", "reply-red-flag"
RED_FLAG_STOPPED = "reply-red-flag-stopped"
WRONG_PERSON = "reply-wrong-person"
FOR_SAFETY = frozenset({EMERGENCY, RED_FLAG, RED_FLAG_STOPPED})
"""What to do now: never left out because other answers went out before."""

CONFIRMATIONS = frozenset({STOPPED, STARTED})
"""Confirmations of what the patient asked for."""

TO_CLASS = {
    ReplyClass.EMERGENCY: EMERGENCY,
    ReplyClass.RED_FLAG: RED_FLAG,
    # Whoever tells of a death is rung by a person; a machine says nothing.
    ReplyClass.DECEASED: None,
    ReplyClass.WRONG_PERSON: WRONG_PERSON,
    ReplyClass.WOUND: "reply-wound",
    ReplyClass.SUGAR: "reply-sugar",
    ReplyClass.PAIN: "reply-pain",
}
"""The answer to each class, the first that applies; to any other text, that nobody watches."""


def answer_to(found: Found) -> str | None:
    """Return the template that answers a reply about these classes; None where none should."""
    for each, template in TO_CLASS.items():
        if each in found.classes:
            return template
    return UNWATCHED
