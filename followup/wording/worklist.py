"""Worklist items: kinds, urgencies, outcomes, and what to do."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from zoneinfo import ZoneInfo

from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ADVISED, ItemOutcome
from followup.wording.failure_reasons import failure_reason_of, is_known_reason
from followup.wording.intake.feeds import FEED_TO_DO
from followup.wording.replies import reply_to_do
from followup.wording.terms import Colour, Term

ITEM_KINDS: dict[ItemKind, Term] = {
    ItemKind.VOLUME_LIMIT: Term(
        "Too many messages at once",
        "the rest are on hold until staff release them",
        to_do="Find out why there are so many. Release them on the system page, or stop them.",
    ),
    ItemKind.REPLY: Term(
        "Reply from a patient",
        "nobody has read it yet",
        to_do="Read it, and phone the patient if it needs an answer. Nobody else has read it.",
    ),
    ItemKind.RESTART: Term(
        "Request to restart messages",
        "it came from a number that belongs to no enrolled patient",
        to_do="Find out whose number it is and whether they want to be enrolled.",
    ),
    ItemKind.MISSED: Term(
        "Message too late to send",
        "the patient was not told what it says",
        to_do="Phone the patient and tell them what it says.",
    ),
    ItemKind.FAILED: Term(
        "Message not delivered",
        "the patient was not told what it says",
        to_do="Correct the number, send it by e-mail, or phone the patient and tell them what it "
        "says.",
    ),
    ItemKind.UNREACHABLE: Term(
        "Number not working",
        "the advice was sent another way meanwhile",
        to_do="Correct the number. The advice was sent by e-mail meanwhile.",
    ),
    ItemKind.UNKNOWN: Term(
        "Message status unknown",
        "the provider can’t say whether it has it",
        to_do="Phone the patient and ask whether it arrived. Send it again if not.",
    ),
    ItemKind.NO_RECEIPT: Term(
        "Delivery not confirmed",
        "the message was sent, and nothing has been heard since",
        to_do="Phone the patient if they must know what it says. The number may be wrong.",
    ),
    ItemKind.DUPLICATE: Term(
        "Message may have been sent twice",
        to_do="Phone the patient if getting it twice could confuse them.",
    ),
    ItemKind.SET_UP: Term(
        "Sending is not set up correctly",
        "messages like this one wait until it is fixed",
        to_do="Tell the people who run this service. Messages like this wait until it is fixed.",
    ),
    ItemKind.WORDS: Term(
        "Words not approved",
        "messages of this protocol wait until two people have approved their words",
        to_do="Tell the people who approve the clinic’s words. Phone the patients who must know.",
    ),
    ItemKind.REVIEW: Term(
        "Source due for review",
        "after its date nobody new can be enrolled",
        to_do="Have the leaflet reviewed, and two people sign the new date.",
    ),
    ItemKind.READING_NEED: Term(
        "Advice needed in another form",
        "our messages can’t meet the patient’s reading needs",
        to_do="Phone the patient and go through the advice.",
    ),
    ItemKind.ENROLLED_AFTER_STOP: Term(
        "Enrolled after asking us to stop",
        "what the patient asked us to stop will not be sent",
        to_do="Ask the patient whether they want messages again. If they do, restart messages on "
        "the patient’s page or with followup start, or ask them to text START.",
    ),
    ItemKind.ADVICE_STOPPED: Term(
        "Messages stopped: advice to give by phone",
        "the patient stopped messages, and will not be sent what they must know",
        to_do="Phone the patient once. Go through what these messages say, and the warning signs "
        "above all. Ask whether they want it by e-mail, or messages again.",
    ),
    ItemKind.SAME_PERSON: Term(
        "Is this the same person?",
        "nothing is sent for the new enrolment until you say",
        to_do="Compare the two records, and ask the patient if need be. Then say whether they are "
        "the same person.",
    ),
    ItemKind.NO_ANSWER: Term(
        "No answer to our question",
        to_do="Phone the patient and ask how they are.",
    ),
    ItemKind.CALL_WANTED: Term("Patient asked for a call", to_do="Phone the patient."),
    ItemKind.RESTORED: Term(
        "Backup restored",
        "what changed since the backup was taken may be missing",
        to_do="Find out what changed since the backup, correct it, then resume.",
    ),
    ItemKind.DRAFT: Term(
        "Enrolment to complete",
        "a hospital system told of a procedure, and not of everything that we need",
        to_do="Answer what is missing. Nothing is sent before that.",
    ),
    ItemKind.FEED: Term(
        "Message from a hospital system",
        "it says something that only a person can settle",
        to_do="Look at the message and at the patient, and correct by hand what is wrong.",
    ),
}

BY_EMAIL: dict[ItemKind, Term] = {
    ItemKind.FAILED: Term(
        "Message not delivered",
        "the patient was not told what it says",
        to_do="Correct the e-mail address, or phone the patient and tell them what it says.",
    ),
    ItemKind.UNREACHABLE: Term(
        "E-mail address not working",
        "the advice was sent another way meanwhile",
        to_do="Correct the e-mail address. The advice was sent by text meanwhile.",
    ),
    ItemKind.ENROLLED_AFTER_STOP: Term(
        "Enrolled after asking us to stop e-mails",
        "no e-mails will be sent",
        to_do="Ask the patient whether they want e-mails again. If they do, restart messages on "
        "the patient’s page or with followup start.",
    ),
}
"""Where an e-mail is said otherwise than a text."""

URGENCIES: dict[int, Term] = {
    1: Term("Now", "within minutes, by day and night", Colour.DANGER),
    2: Term("Today", "within hours", Colour.WARNING),
    3: Term("Soon", "within a working day", Colour.MUTED),
}

URGENCY_HEADINGS = {1: "Urgent", 2: "High priority", 3: "Routine"}
"""What items stand under in their list: it goes by urgency first, and then by deadline."""

NOW = 1
NEAR_DAYS = ("Today", "Tomorrow")

ITEM_OUTCOMES: dict[ItemOutcome, str] = {
    ItemOutcome.TOLD: "Advice given",
    ItemOutcome.TOLD_EMERGENCY: "Told to go to the emergency department or ring 999",
    ItemOutcome.PASSED_TO_DOCTOR: "Passed to a doctor or the GP",
    ItemOutcome.NOT_NEEDED: "No action needed",
    ItemOutcome.ELSEWHERE: "Passed to someone else",
    ItemOutcome.NOT_REACHED: "Patient could not be contacted",
    ItemOutcome.SAME_PERSON: "Same person: the follow-up continues under the record that was there",
    ItemOutcome.TWO_PEOPLE: "Two people: the new follow-up goes ahead",
    ItemOutcome.ERASED: "Closed because the patient’s data was erased",
    ItemOutcome.RANG: "Phoned the patient",
    ItemOutcome.CORRECTED: "Contact details corrected",
    ItemOutcome.SENT_BY_EMAIL: "Sent by e-mail",
    ItemOutcome.DEALT_WITH: "Closed",
    ItemOutcome.FOUND: "Message status became known",
    ItemOutcome.ARRIVED_AFTER_ALL: "Message arrived after all",
    ItemOutcome.ANSWERED: "Patient answered after all",
    ItemOutcome.RESTARTED: "Patient wants messages again",
    ItemOutcome.APPROVED_AGAIN: "The words may be sent again",
}

CLOSING_CHOICES = (
    *ADVISED,
    ItemOutcome.ELSEWHERE,
    ItemOutcome.NOT_REACHED,
)
"""What staff choose from when they close an item."""


def item_term(kind: str, channel: str | None = None) -> Term:
    """Return the words for an item; `channel` is that of the message which it is about."""
    each = ItemKind(kind)
    if channel == ChannelKind.EMAIL.value and each in BY_EMAIL:
        return BY_EMAIL[each]
    return ITEM_KINDS[each]


def item_to_do(
    kind: str,
    *,
    cause: str | None = None,
    channel: str | None = None,
    classes: Collection[str] = (),
) -> str:
    """Return what to do about an item.

    Of a message that was not delivered, the `cause` says it where it is known; of a reply, the
    gravest of its `classes` that wants something of its own.
    """
    told = ""
    if kind == ItemKind.REPLY:
        told = reply_to_do(classes)
    elif kind == ItemKind.FEED and cause:
        told = FEED_TO_DO.get(cause, "")
    elif kind == ItemKind.FAILED and cause and is_known_reason(cause):
        told = failure_reason_of(cause, channel).to_do
    return told or item_term(kind, channel).to_do


def respond_term(urgency: int, *, due_at: datetime, now: datetime, zone: ZoneInfo) -> Term:
    """Return by when an item needs action, as the calendar of `zone` has it.

    `Today` would be wrong of four office hours that begin on Monday.
    """
    colour = URGENCIES[urgency].colour
    if due_at <= now:
        return Term("Overdue", colour=Colour.DANGER)
    if urgency == NOW:
        return Term(URGENCIES[NOW].label, colour=colour)
    due, today = due_at.astimezone(zone).date(), now.astimezone(zone).date()
    days = (due - today).days
    if days < len(NEAR_DAYS):
        return Term(NEAR_DAYS[days], colour=colour)
    return Term(f"By {due:%a} {due.day} {due:%b}", colour=colour)


def outcome_text(outcome: str | None) -> str:
    """Return what an item was closed with; a code of the command line's own is shown as it is."""
    if outcome in set(ItemOutcome):
        return ITEM_OUTCOMES[ItemOutcome(outcome)]
    return (outcome or "").replace("-", " ").capitalize()


def assignment_text(owner: str | None, *, is_mine: bool = False) -> str:
    """Return whose an item is; `owner` is a name that is fit to be shown."""
    if is_mine:
        return "Assigned to you"
    return f"Assigned to {owner}" if owner else "Unassigned"
