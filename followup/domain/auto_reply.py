"""Automatic replies: which standing answer a text gets, by what it is about."""

from __future__ import annotations

from followup.domain.triage.intent import ReplyIntent
from followup.domain.triage.triage import NOBODY_KNOWN, Found, Known, ReplyClass

STOPPED, STARTED = "reply-stopped", "reply-started"
CALLING_REPLY = "reply-calling"
"""To a patient who answered that they want to be rung."""

EMERGENCY, RED_FLAG, CRISIS = "reply-emergency", "reply-red-flag", "reply-crisis"
RED_FLAG_STOPPED = "reply-red-flag-stopped"
SUGAR_EMERGENCY = "reply-sugar-emergency"
SIGNS_REPLY = "reply-signs"
"""The warning signs, and where to get help: the answer to whatever is not provably harmless."""
WRONG_PERSON, QUESTION = "reply-wrong-person", "reply-question"
SUGAR, PAIN_LATE = "reply-sugar", "reply-pain-late"
FOR_SAFETY = frozenset({EMERGENCY, CRISIS, SUGAR_EMERGENCY, RED_FLAG, RED_FLAG_STOPPED})
"""What to do now: never left out because other answers went out before."""

CONFIRMATION_REPLIES = frozenset({STOPPED, STARTED})
"""Confirmations of what the patient asked for."""
STOP_INTENTS = frozenset({ReplyIntent.STOP, ReplyIntent.STOP_AND_MORE})

TO_CLASS = {
    # Words of despair count first: the answer to them names 999 as well.
    ReplyClass.CRISIS: CRISIS,
    ReplyClass.EMERGENCY: EMERGENCY,
    ReplyClass.SUGAR_EMERGENCY: SUGAR_EMERGENCY,
    ReplyClass.RED_FLAG: RED_FLAG,
    # It may be anything.
    ReplyClass.OTHER_LANGUAGE: RED_FLAG,
    # Whoever tells of a death is rung by a person; a machine says nothing.
    ReplyClass.DECEASED: None,
    ReplyClass.WRONG_PERSON: WRONG_PERSON,
    ReplyClass.SUGAR: SUGAR,
    ReplyClass.PAIN: PAIN_LATE,
    ReplyClass.WOUND: SIGNS_REPLY,
    ReplyClass.HELP: SIGNS_REPLY,
    ReplyClass.START: SIGNS_REPLY,
    ReplyClass.UNCLEAR: SIGNS_REPLY,
    ReplyClass.QUESTION: QUESTION,
    ReplyClass.THANKS: None,
    ReplyClass.BENIGN: None,
}
"""The answer to each class, the first that applies."""

SUGAR_IS_TRUE_OF = (frozenset({"diabetic", "steroid_given"}), frozenset({"sugar_may_rise"}))
"""The steroid may raise the sugar of patients who answered yes to all of one of these."""
FLARE_IS_OVER = 8
"""From this day on pain is no flare any more (leaflet: "only up to a week or so")."""


def answer_to(found: Found, known: Known = NOBODY_KNOWN) -> str | None:
    """Return the template that answers a reply about these classes; None where none should.

    What is not true of this patient is not said: then they get the warning signs.
    """
    for each, template in TO_CLASS.items():
        if each in found.classes:
            return template if template is None or _is_true(template, known) else SIGNS_REPLY
    return None


def _is_true(template: str, known: Known) -> bool:
    if template == SUGAR:
        said = {key for key, value in known.attributes.items() if value}
        return any(needed <= said for needed in SUGAR_IS_TRUE_OF)
    if template == PAIN_LATE:
        return known.day is not None and known.day >= FLARE_IS_OVER
    return True


def choose(
    found: Found,
    known: Known = NOBODY_KNOWN,
    *,
    changed: bool = True,
    starts: bool = True,
    by_carrier: bool = False,
) -> str | None:
    """Return the template of the answer, or None where none is wanted.

    `changed` says that a request to stop changed something, `starts` that a request to start did;
    `by_carrier` that the carrier has confirmed the stop, and lets nothing more through.
    """
    standing = answer_to(found, known)
    if found.meaning not in STOP_INTENTS:
        restarts = found.meaning is ReplyIntent.START and starts and standing not in FOR_SAFETY
        return STARTED if restarts else standing
    if by_carrier:
        return None
    if standing in FOR_SAFETY:
        return RED_FLAG_STOPPED if changed and standing == RED_FLAG else standing
    if changed:
        return STOPPED
    return None if found.meaning is ReplyIntent.STOP else standing
