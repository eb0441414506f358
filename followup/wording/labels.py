"""Labels of states, reasons and kinds, as people read them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.protocols.timeline import Fate, Moved
from followup.domain.triage.triage import ReplyClass


@dataclass(frozen=True, slots=True)
class Wording:
    """How a state is shown: a word or two, what it means, and a colour that never stands alone."""

    label: str
    meaning: str
    colour: str


STATES: dict[State, Wording] = {
    State.PLANNED: Wording("planned", "goes out at its due time", "default"),
    State.HELD: Wording("held", "paused by a person or a kill switch", "yellow"),
    State.CLAIMED: Wording("on its way", "taken by a dispatcher, about to be sent", "cyan"),
    State.SENDING: Wording("being sent", "the provider is being called", "cyan"),
    State.UNKNOWN: Wording("not known yet", "the provider may have it; being found out", "yellow"),
    State.SENT: Wording("sent", "the provider took it; no receipt yet", "green"),
    State.DELIVERED: Wording("delivered", "the carrier confirmed that it arrived", "green"),
    State.FAILED: Wording("did not arrive", "it will not arrive", "red"),
    State.EXPIRED: Wording("not sent", "its time was over before it could go", "yellow"),
    State.SUPPRESSED: Wording("not sent", "it may not be sent to this patient", "yellow"),
    State.CANCELLED: Wording("cancelled", "no longer wanted", "dim"),
}

ENROLMENTS: dict[str, str] = {
    "active": "active",
    "paused": "paused: nothing is sent until it is resumed",
    "withdrawn": "withdrawn",
    "finished": "finished",
}

CHANNELS: dict[ChannelKind, str] = {ChannelKind.SMS: "text", ChannelKind.EMAIL: "email"}

MOVED: dict[Moved, str] = {
    Moved.SENDING_HOURS: "moved into sending hours",
    Moved.CLOCK_CHANGE: "another hour because the clocks change",
    Moved.NOT_BEFORE: "moved to the earliest time allowed",
    Moved.LATE_ENROLMENT: "enrolled late, so sent at once",
}

CLASSES: dict[ReplyClass, str] = {
    ReplyClass.RED_FLAG: "a red flag: needs help now",
    ReplyClass.EMERGENCY: "an emergency: 999",
    ReplyClass.WOUND: "the wound or dressing",
    ReplyClass.SUGAR: "blood sugar",
    ReplyClass.DECEASED: "the patient may have died",
    ReplyClass.WRONG_PERSON: "may have reached the wrong person",
    ReplyClass.PAIN: "pain",
    ReplyClass.HELP: "asks for help or a call",
    ReplyClass.STOP: "wants no more messages",
    ReplyClass.START: "wants messages again",
    ReplyClass.THANKS: "says thanks",
    ReplyClass.UNCLEAR: "not understood: read it",
}
"""What a reply is about, as far as fixed phrases tell."""

REASONS: dict[str, str] = {
    **{each.value: words for each, words in CLASSES.items()},
    Fate.PAST.value: "already past when enrolled",
    Fate.NO_ROOM.value: "no sending hour inside its window",
    "window-over": "its window is over",
    "no-channel": "the patient agreed to none of its channels",
    "no-address": "there is no address for its channel",
    "address-unusable": "the address can't be reached",
    "objection": "the patient does not want messages",
    "objection-to-channel": "the patient does not want this channel",
    "withdrawn": "the enrolment was withdrawn",
    "patient-died": "the patient has died",
    "erased": "the patient's data was erased",
    "planned-again": "planned again, as the patient wants messages after all",
    "released": "let go again: nothing holds it any more",
    "switch-lifted": "let go again: the kill switch was lifted",
    "too-late-to-try-again": "it was too late to try again",
    "address-corrected": "planned again, as the address was corrected",
    "rescheduled": "planned anew for another procedure time",
    "paused": "the enrolment is paused",
    "resumed": "resumed",
    "switch": "a kill switch is on",
    "blast-radius": "more at once than may go; a person must let it go",
    "let-go": "a person let it go",
    "provider-down": "waits until its provider can be reached",
    "clinic-not-configured": "its clinic is no longer configured",
    "needs-operator": "an operator must correct something first",
    "too-many-of-one-content": "more messages of one content in a minute than may go",
    "too-many-to-one-patient": "more messages to one patient in a day than may go",
    "pace": "waits for the pace limit",
    "lease-over": "its worker went away; it goes again",
    "not-yet": "waits for its window",
    "worker-lost": "its worker went away while sending",
    "outcome-unknown": "nobody knows whether it arrived",
    "delivered-after-all": "it had arrived after all",
    "sent-twice": "it may have been sent twice",
    "no-receipt": "no receipt came in time",
    "stop": "they want no more messages",
    "stop-and-more": "they want no more messages, and wrote more",
    "start": "they may want messages again",
    "started-again": "the number is no enrolled patient's: find out who wrote",
    "other": "nobody has read it yet",
    "answer": "they answered our question",
    "no-answer": "no answer came in time",
    "reading-need": "our messages can't do what the patient needs",
    "asked-for-a-call": "they answered that they would like a call",
    "restored": "a backup was restored, and it may have gone out since that was taken",
    "unknown-texts": "this patient was sent texts that the restored database knows nothing of",
}


KINDS: dict[str, str] = {
    "blast-radius": "held: more at once than may go",
    "reply": "a patient wrote",
    "restart": "somebody wants messages again",
    "missed": "could not be sent in time: ring the patient",
    "failed": "did not arrive: ring the patient",
    "unreachable": "a number or address can't be reached: correct it",
    "unknown": "nobody knows whether it arrived: find out",
    "no-receipt": "sent, but no receipt came",
    "reading-need": "needs help to read our messages: ring the patient",
    "no-answer": "did not answer our question: ring the patient",
    "call-wanted": "asked us to ring: ring the patient",
    "set-up": "an operator must correct something",
    "duplicate": "may have been sent twice",
    "restored": "changed after the backup that was restored: find out, put it right, then resume",
}
"""What a worklist item is about."""


def state_label(state: str) -> str:
    """Return the words for a state."""
    return STATES[State(state)].label


def reason_text(reason: str | None) -> str:
    """Return the words for a reason; a provider's own code is shown as it is."""
    return "" if reason is None else REASONS.get(reason, reason)


def moved_text(moved: Collection[str] | None) -> str:
    """Return why a message is not due at the plain time of its target."""
    return ", ".join(MOVED[Moved(why)] for why in moved or ())


def channel_text(channel: str, segments: int | None = None) -> str:
    """Return how a message goes: `text, 2 parts`, `email`."""
    word = CHANNELS[ChannelKind(channel)]
    if not segments:
        return word
    return f"{word}, {segments} segment{'s' if segments > 1 else ''}"
