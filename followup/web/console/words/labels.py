"""Labels and colours of the console.

A colour never stands alone: it is that of a tag which says the same in words.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from followup.content.languages import staff_name
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.number_confirmation import ConfirmationMethod
from followup.domain.roles import Role
from followup.domain.triage.triage import ReplyClass
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.labels import CLASSES, moved_text, reason_text


@dataclass(frozen=True, slots=True)
class Tag:
    """A word or two on a colour of the design system, and what it means."""

    text: str
    colour: str
    meaning: str


STATES: dict[State, Tag] = {
    State.PLANNED: Tag("Planned", "blue", "goes out when it is due"),
    State.HELD: Tag("Paused", "yellow", "waits until the follow-up is resumed"),
    State.CLAIMED: Tag("Being sent", "aqua-green", "on its way to the provider"),
    State.SENDING: Tag("Being sent", "aqua-green", "the provider is being called"),
    State.UNKNOWN: Tag("Not known yet", "orange", "nobody knows yet whether it went out"),
    State.SENT: Tag("Sent", "white", "the provider took it; not confirmed yet"),
    State.DELIVERED: Tag("Delivered", "green", "confirmed: it arrived"),
    State.FAILED: Tag("Not delivered", "red", "it did not arrive"),
    State.EXPIRED: Tag("Missed", "orange", "its time was over before it could go"),
    State.SUPPRESSED: Tag("Not sent", "grey", "it may not be sent to this patient"),
    State.CANCELLED: Tag("Cancelled", "grey", "no longer wanted"),
}

ENROLMENTS: dict[str, Tag] = {
    "active": Tag("Active", "green", "messages go out when they are due"),
    "paused": Tag("Paused", "yellow", "nothing goes out until it is resumed"),
    "withdrawn": Tag("Ended", "grey", "nothing goes out any more"),
    "finished": Tag("Finished", "grey", "every message has had its time"),
}

CHANNELS: dict[ChannelKind, str] = {ChannelKind.SMS: "text", ChannelKind.EMAIL: "e-mail"}

ROLES: dict[Role, str] = {
    Role.ENROL: "Enrol and manage",
    Role.AUDIT: "Read and audit",
    Role.MANAGE: "Manage content and team",
}

ROLE_HINTS: dict[Role, str] = {
    Role.ENROL: "Enrols patients, changes and stops follow-up, works off what needs attention",
    Role.AUDIT: "Reads everything, changes nothing, and answers what a patient was told",
    Role.MANAGE: "Looks after content, team and system; sees no patient",
}


CALLS: dict[str, str] = {
    "spoke": "Rang and spoke to the patient",
    "left-message": "Rang and left a message",
    "no-answer": "Rang: no answer",
    "wrong-number": "Rang: it was the wrong number",
}

KINDS: dict[str, str] = {
    "failed": "A message did not arrive",
    "missed": "A message came too late to send",
    "unreachable": "A number or an address can’t be reached",
    "restored": "A backup was restored",
    "reading-need": "The patient needs the advice in another form",
    "unknown": "Nobody knows whether a message arrived",
    "no-receipt": "No confirmation came for a message",
    "reply": "The patient wrote",
    "set-up": "Sending is not set up right",
    "restart": "Somebody wants messages again",
    "duplicate": "A message may have been sent twice",
    "blast-radius": "More messages at once than may go",
    "call-wanted": "The patient asked us to ring",
    "no-answer": "The patient did not answer our question",
}

ADVICE: dict[str, str] = {
    "failed": "Correct the number, send it by e-mail, or ring and tell the patient what it says.",
    "failed email": "Correct the address, or ring and tell the patient what it says.",
    "unreachable": "Correct the number: the advice went by e-mail meanwhile.",
    "unreachable email": "Correct the address: the advice went by text meanwhile.",
    "missed": "Ring and tell the patient what it says.",
    "restored": "Find out what changed since the backup, put it right, then resume.",
    "unknown": "Ring and ask whether it came. Send it again if not.",
    "no-receipt": "Ring if the patient must know. The number may be wrong.",
    "reply": "Read it, and ring if it needs an answer: nobody else has read it.",
    "set-up": "Tell whoever looks after this service: messages like it wait until it is mended.",
    "restart": "Find out whose number it is and whether they want to be enrolled.",
    "duplicate": "Ring if getting it twice could confuse the patient.",
    "blast-radius": "Find out why there are so many. Let them go on the system page, or stop them.",
    "call-wanted": "Ring the patient.",
    "no-answer": "Ring and ask how they are.",
}
"""What a person should do about an item."""

REPLY_ADVICE: dict[ReplyClass, str] = {
    ReplyClass.RED_FLAG: "Ring now: this may be one of the warning signs of the leaflet. "
    "Nobody else has read it.",
    ReplyClass.DECEASED: "Ring the family or the GP. If the patient has died, end the follow-up.",
    ReplyClass.WRONG_PERSON: "Find out whose number it is, then correct it or stop the texts.",
    ReplyClass.HELP: "Ring the patient: they ask for it.",
}
"""What to do about a reply that is about this; the others are read and judged by a person."""

URGENCIES: dict[int, Tag] = {
    1: Tag("At once", "red", "within minutes"),
    2: Tag("Today", "orange", "within hours"),
    3: Tag("Soon", "grey", "within a day"),
}

SETTLED: dict[str, str] = {
    "told": "The patient knows what they need to know",
    "not-needed": "Nothing needs doing",
    "elsewhere": "Somebody else looks after it now",
    "not-reached": "The patient can’t be reached",
}
"""What staff choose from when they say that an item is dealt with."""

CLOSED: dict[str, str] = {
    **SETTLED,
    "rang": "Rang the patient",
    "corrected": "Corrected the contact details",
    "sent-by-email": "Sent it by e-mail",
    "found": "Its outcome became known",
    "arrived-after-all": "It arrived after all",
    "answered": "The patient answered after all",
    "dealt-with": "Dealt with",
}

PROVIDERS: dict[str, str] = {
    "twilio": "Twilio",
    "smtp": "Mail server",
    "sandbox": "Practice carrier",
}

OUTCOMES: dict[str, str] = {
    "accepted": "Taken",
    "refused": "Refused",
    "unavailable": "Not taken for now",
    "unknown": "Nobody knows whether it was taken",
    "absent": "The provider does not have it",
    "not-called": "The provider was not called",
}
"""What came of a call of the provider; none yet is a call that is under way."""

RECEIPTS: dict[str, str] = {
    "accepted": "Taken",
    "sent": "Sent on",
    "delivered": "Delivered",
    "failed": "Not delivered",
}

STANDINGS: dict[str, str] = {
    "approved": "Approved",
    "draft": "A draft: no clinician has signed it off",
    "changed": "Changed since it was signed off",
}

STANDING_TAGS: dict[str, Tag] = {
    "approved": Tag("Approved", "green", "a clinician signed these words off"),
    "draft": Tag("Draft", "yellow", "no clinician has signed these words off"),
    "changed": Tag("Changed", "red", "changed since a clinician signed them off: not sent"),
}

ENDINGS: dict[str, str] = {
    "patient": "The patient does not want to go on",
    "clinic": "The clinic decided so",
    "mistake": "The patient was enrolled by mistake",
    "died": "The patient has died",
}

DEEDS: dict[str, str] = {
    "enrolment.created": "Enrolled",
    "enrolment.paused": "Paused",
    "enrolment.resumed": "Resumed",
    "enrolment.rescheduled": "Procedure moved",
    "enrolment.withdrawn": "Follow-up ended",
    "objection.lodged": "Does not want",
    "objection.lifted": "Wants again",
    "patient.changed": "Changed",
    "page.taken-back": "Link to the patient’s page switched off",
    "page.new-link": "New link to the patient’s page",
    "message.answered": "The patient answered our question",
    "patient.address-unusable": "An address can’t be reached",
}

NEEDS: dict[str, tuple[str, str, str]] = {
    "no-texts": ("no-texts", "No texts", "E-mails alone; without an address, a person rings"),
    "large-print": ("large-print", "Large print", "In e-mails and on the patient’s own page"),
    "easy-read": ("easy-read", "Easy read", "We have no such words: a person rings to explain"),
}
"""What helps patients to read: its code, its name, and what is done about it."""

CONFIRMED: dict[ConfirmationMethod, str] = {
    ConfirmationMethod.RETYPED: "typed twice",
    ConfirmationMethod.TEST_TEXT: "confirmed by a test text",
}

FIELDS: dict[str, str] = {
    "name": "name",
    "nhs_number": "NHS number",
    "date_of_birth": "date of birth",
    "mobile": "mobile number",
    "email": "e-mail address",
    "language": "language",
    "needs": "reading needs",
}


def confirmed_word(way: str) -> str:
    """Return how a number was confirmed."""
    return CONFIRMED[ConfirmationMethod(way)]


def need_word(code: str) -> str:
    """Return the name of a reading need."""
    return NEEDS[code][1]


def kind(code: str) -> str:
    """Return what an item of the worklist is about."""
    return KINDS.get(code, code)


def advice(code: str, channel: str | None = None, classes: Collection[str] = ()) -> str:
    """Return what to do about an item of the worklist.

    `channel` is that of the message which it is about, `classes` what a reply is about.
    """
    if code == "reply":
        found = [told for each, told in REPLY_ADVICE.items() if each.value in classes]
        if found:
            return found[0]
    general = "Look into it, and ring the patient if they need to know."
    return ADVICE.get(f"{code} {channel}", ADVICE.get(code, general))


def about(classes: Collection[str]) -> str:
    """Return what a reply may be about, as far as fixed phrases tell; empty where they don't."""
    known = [each for each in ReplyClass if each.value in classes]
    told = [CLASSES[each] for each in known if each is not ReplyClass.UNCLEAR]
    return ", ".join(told).replace(":", ",")


def urgency_tag(urgency: int) -> Tag:
    """Return how soon an item wants somebody."""
    return URGENCIES.get(urgency, URGENCIES[3])


def closed(outcome: str | None) -> str:
    """Return what came of an item."""
    return CLOSED.get(outcome or "", outcome or "")


def cause(code: str | None, channel: str = "sms") -> str:
    """Return what a reason or a provider's code means, as the beginning of a sentence."""
    del channel  # The codes of texts and of e-mails have nothing in common.
    told = failure_reason_of(code).happened if code else ""
    return told[:1].upper() + told[1:]


def provider_word(provider: str) -> str:
    """Return what a provider is called."""
    return PROVIDERS.get(provider, provider)


def outcome_word(outcome: str | None) -> str:
    """Return what came of a call of the provider."""
    return OUTCOMES.get(outcome or "", "Under way")


def receipt_word(status: str) -> str:
    """Return what a provider reported."""
    return RECEIPTS.get(status, status)


def approval_words(approval: Mapping[str, Any] | None) -> str:
    """Return who approved words, and when, as it stood when they were first used."""
    told = approval or {}
    standing = STANDINGS.get(str(told.get("standing")), "Not known")
    if told.get("by_role") and told.get("on"):
        return f"{standing} by {told['by_role']} on {day(date.fromisoformat(told['on']))}"
    return standing


def covered(channel: str | None) -> str:
    """Return what a wish not to be written to is about."""
    return {"sms": "texts", "email": "e-mails"}.get(channel or "", "any messages")


def state_tag(state: str) -> Tag:
    """Return the tag of a message's state."""
    return STATES[State(state)]


def enrolment_tag(state: str) -> Tag:
    """Return the tag of an enrolment's state."""
    return ENROLMENTS[state]


def channel_word(channel: str) -> str:
    """Return what a channel is called."""
    return CHANNELS[ChannelKind(channel)]


def role_word(role: str) -> str:
    """Return the verbs of a role."""
    return ROLES[Role(role)]


def reason(code: str | None) -> str:
    """Return the sentence for a reason, without its full stop."""
    return reason_text(code)


def moved(why: Collection[str] | None) -> str:
    """Return why a message is not due at its plain time; empty where it is."""
    return moved_text(why)


def actor(who: str) -> str:
    """Return who did something, for people: `web:a@b` is a@b, `worker` the service."""
    kind, _, name = who.partition(":")
    if kind == "web":
        return name
    return {
        "cli": f"{name} (command line)",
        "api": f"{name} (another system)",
        "patient": "the patient",
        "provider": "the provider",
        "demo": "the demonstration",
    }.get(kind, "the service")


def day(at: datetime | date, zone: ZoneInfo | None = None) -> str:
    """Return a date as people write it: Mon 19 Oct 2026."""
    local = at.astimezone(zone) if isinstance(at, datetime) and zone else at
    return f"{local:%a} {local.day} {local:%b} {local.year}"


def clock(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return a time of day as people say it: 9am, 2:30pm, midday, midnight."""
    local = at.astimezone(zone) if zone else at
    if local.minute == 0 and local.hour in {0, 12}:
        return "midday" if local.hour else "midnight"
    hour, half = local.hour % 12 or 12, "am" if local.hour < 12 else "pm"  # noqa: PLR2004
    return f"{hour}:{local:%M}{half}" if local.minute else f"{hour}{half}"


def moment(at: datetime, zone: ZoneInfo | None = None) -> str:
    """Return a date and time: Mon 19 Oct 2026, 2:30pm."""
    return f"{day(at, zone)}, {clock(at, zone)}"


def span(elapsed: timedelta) -> str:
    """Return a span in the largest unit that tells something: 40 minutes, 3 hours, 2 days."""
    minutes = int(abs(elapsed).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    for size, unit in ((2880, "day"), (120, "hour"), (1, "minute")):
        per = {"day": 1440, "hour": 60, "minute": 1}[unit]
        if minutes >= size:
            count = minutes // per
            return f"{count} {unit}{'s' if count > 1 else ''}"
    raise AssertionError


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return a number with its noun: 1 message, 2 messages."""
    noun = singular if number == 1 else plural or f"{singular}s"
    return f"{number:,} {noun}"


FILTERS: dict[str, Callable[..., Any]] = {
    "actor": actor,
    "approval_words": approval_words,
    "cause": cause,
    "channel_word": channel_word,
    "clock": clock,
    "confirmed_word": confirmed_word,
    "count_of": count,
    "covered": covered,
    "day": day,
    "enrolment_tag": enrolment_tag,
    "language_word": staff_name,
    "moment": moment,
    "moved": moved,
    "need_word": need_word,
    "outcome_word": outcome_word,
    "provider_word": provider_word,
    "reason": reason,
    "receipt_word": receipt_word,
    "role_word": role_word,
    "span": span,
    "state_tag": state_tag,
    "urgency_tag": urgency_tag,
}
