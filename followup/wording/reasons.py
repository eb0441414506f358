"""Reasons of ours: why a message changed its state, and why its time was moved.

Each is a clause that goes on from the label of the state: `Not sent: the patient has died`.
"""

from __future__ import annotations

from collections.abc import Collection

from followup.domain.channel import ChannelKind
from followup.domain.protocols.timeline import Moved
from followup.domain.reasons import Reason
from followup.domain.triage.intent import ReplyIntent
from followup.domain.triage.triage import ReplyClass
from followup.wording.channels import ADDRESS_NAMES, CHANNEL_NAMES
from followup.wording.replies import REPLY_INTENTS, class_text

REASONS: dict[Reason, str] = {
    Reason.ADDRESS_CORRECTED: "planned again: the contact details were corrected",
    Reason.MERGE_UNDONE: "as it was before two records were merged",
    Reason.RECORDS_MERGED: "planned again: two records of the patient were merged",
    Reason.BROKER_LOST: "planned again: Redis went away before a worker began it",
    Reason.LEASE_OVER: "planned again: its worker stopped before sending it",
    Reason.LET_GO: "released by staff",
    Reason.NOT_YET: "it waits for the next sending hours",
    Reason.PACE: "it waits for the rate limit",
    Reason.PLANNED_AGAIN: "planned again: the patient wants messages again",
    Reason.PROVIDER_ABSENT: "planned again: the provider does not have it",
    Reason.PROVIDER_DOWN: "it waits until the provider is available",
    Reason.RELEASED: "released: nothing holds it any more",
    Reason.RESUMED: "the follow-up was resumed",
    Reason.SWITCH_LIFTED: "released: sending was restarted",
    Reason.NOT_CALLED: "planned again: its turn did not come in time",
    Reason.WORDS_NOT_APPROVED: "two people have not approved its words yet",
    Reason.WORDS_CHANGED: "its words are not the ones that two people approved",
    Reason.WORDS_WITHDRAWN: "the approval of its words was withdrawn",
    Reason.EXAMPLE_PROTOCOL: "its protocol is an example, not for patients",
    Reason.CLINIC_UNCONFIRMED: "nobody has confirmed what it says about the clinic",
    Reason.NOBODY_ON_CALL: "nobody is on call for the replies that it asks for",
    Reason.CLINIC_NOT_CONFIGURED: "its clinic is no longer configured",
    Reason.NEEDS_OPERATOR: "an operator must fix the set-up first",
    Reason.RESTRICTED: "the patient’s data is restricted",
    Reason.PAUSED: "the follow-up is paused",
    Reason.SWITCH: "sending is stopped by a kill switch",
    Reason.VOLUME_LIMIT: "more messages at once than the limit allows: staff must release them",
    Reason.BUG: "an error of this service interrupted the call to the provider",
    Reason.ID_GIVEN_TWICE: "the provider gave two messages one id",
    Reason.RESTORED: "a backup was restored, and it may have been sent after that was taken",
    Reason.WORKER_LOST: "its worker stopped while sending it",
    Reason.BOUNCED_TWICE: "two texts in a row to this number were not delivered",
    Reason.OUTCOME_UNKNOWN: "the provider can’t say whether it arrived",
    Reason.PROVIDER_FAILED: "the provider reports a failure and gives no reason",
    Reason.ALREADY_PAST: "its time had passed when the patient was enrolled",
    Reason.NO_SENDING_HOUR: "its time has no sending hours in it",
    Reason.TOO_LATE_TO_TRY_AGAIN: "there was no time left to try again",
    Reason.WINDOW_OVER: "its time passed",
    Reason.ADDRESS_UNUSABLE: "the number or e-mail address is not working",
    Reason.NO_ADDRESS: "no number or e-mail address is on record",
    Reason.NO_CHANNEL: "the patient did not agree to be contacted this way",
    Reason.OBJECTION: "the patient does not want messages",
    Reason.OBJECTION_TO_CHANNEL: "the patient does not want messages this way",
    Reason.CORRECTED: "the timeline was updated: the enrolment was corrected",
    Reason.DELIVERED_AFTER_ALL: "the message that it replaces arrived after all",
    Reason.ERASED: "the patient’s data was erased",
    Reason.MERGED: "the follow-up continues under another record of the same person",
    Reason.NEWER_PROCEDURE: "the follow-up of a newer procedure takes over",
    Reason.PATIENT_DIED: "the patient has died",
    Reason.RECEIVED_ALREADY: "the patient has it already, by another record of theirs",
    Reason.RESCHEDULED: "the timeline was updated for another procedure time",
    Reason.WITHDRAWN: "the follow-up was ended",
    Reason.ASKED_FOR_A_CALL: "the patient answered that they would like a call",
    Reason.NEARLY_ALIKE: "the details are nearly those of a patient who is known here",
    Reason.NO_ANSWER: "no answer came in time",
    Reason.NO_RECEIPT: "delivery was not confirmed in time",
    Reason.READING_NEED: "our messages can’t meet the patient’s reading needs",
    Reason.SENT_TWICE: "it may have been sent twice",
    Reason.STARTED_AGAIN: "the number belongs to no enrolled patient",
    Reason.TOO_MANY_OF_ONE_CONTENT: "more messages of one content in a minute than the limit",
    Reason.TOO_MANY_TO_ONE_PATIENT: "more messages to one patient in a day than the limit",
    Reason.UNKNOWN_TEXTS: "the patient was sent texts that the restored database does not know of",
}

BY_CHANNEL: dict[Reason, dict[ChannelKind, str]] = {
    Reason.ADDRESS_UNUSABLE: {kind: f"{word} not working" for kind, word in ADDRESS_NAMES.items()},
    Reason.NO_ADDRESS: {kind: f"no {word} is on record" for kind, word in ADDRESS_NAMES.items()},
    Reason.OBJECTION_TO_CHANNEL: {
        kind: f"the patient does not want {word}s" for kind, word in CHANNEL_NAMES.items()
    },
}
"""What can be said better of a message whose channel is known."""

MOVED_REASONS: dict[Moved, str] = {
    Moved.SENDING_HOURS: "moved into sending hours",
    Moved.CLOCK_CHANGE: "another hour because the clocks change",
    Moved.NOT_BEFORE: "moved to the earliest time allowed",
    Moved.LATE_ENROLMENT: "enrolled late, so sent at once",
}


def reason_text(reason: str | None, channel: str | None = None) -> str:
    """Return the clause for a reason; a provider's own code is shown as it is."""
    return (known_reason(reason, channel) or reason) if reason else ""


def known_reason(reason: str, channel: str | None = None) -> str | None:
    """Return the clause for a reason of ours, or for what a reply asks for or is about."""
    if reason in set(Reason):
        ours = Reason(reason)
        by_channel = BY_CHANNEL.get(ours, {})
        return by_channel[ChannelKind(channel)] if channel and by_channel else REASONS[ours]
    # A class and an intent of one name say the same.
    if reason in set(ReplyClass):
        return class_text(reason)
    return REPLY_INTENTS[ReplyIntent(reason)] if reason in set(ReplyIntent) else None


def moved_text(moved: Collection[str] | None) -> str:
    """Return why a message is not due at its plain time, in the order given; empty where it is."""
    return ", ".join(MOVED_REASONS[Moved(why)] for why in moved or ())
