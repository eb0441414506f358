"""Feeds in words: what became of a message, why, and what is missing from an enrolment."""

from __future__ import annotations

FEED_STATES: dict[str, str] = {
    "waiting": "Waiting to be processed",
    "enrolled": "Enrolled",
    "changed": "Changed",
    "cancelled": "Cancelled",
    "merged": "Merged",
    "draft": "Enrolment to complete",
    "person": "Needs action",
    "ignored": "Ignored",
    "refused": "Refused",
    "replaced": "Corrected",
}

FEED_REASONS: dict[str, str] = {
    "enrolled": "the patient is followed up",
    "incomplete": "the feed does not say everything that is needed",
    "moved": "the procedure has another time",
    "reopened": "the follow-up continues",
    "details": "details of the patient changed",
    "cancelled": "the appointment or visit was cancelled",
    "died": "the patient has died",
    "restricted": "the record is restricted",
    "merged": "two numbers are of one patient",
    "merged-before": "they were merged before",
    "merge": "two patients here are one: a person must merge their records",
    "merge-self": "somebody is merged into themselves",
    "merge-inverse": "an earlier merge went the other way",
    "two-records": "the new details are those of another patient here",
    "conflict": "it clashes with what is here",
    "not-possible": "it can’t be enrolled as it is",
    "not-worked-off": "it could not be processed",
    "no-time": "the time of the procedure is not known",
    "stopped": "the procedure was begun and not completed",
    "name-left-out": "the name is not one person’s, or lost letters, and was left out",
    "nhs-number-left-out": "the NHS number is not valid and was left out",
    "nhs-number-not-verified": "the NHS number is not verified and was left out",
    "interpreter-required": "the patient needs an interpreter",
    "older": "a newer version is here: nothing was changed",
    "sent-before": "this was sent before: nothing was changed",
    "nothing-new": "it says nothing new",
    "nobody-here": "it is about nobody who is enrolled here",
    "event-ignored": "the site file says to ignore it",
    "no-rule": "no rule follows up these codes",
    "not-booked": "no appointment is known",
    "not-begun": "the follow-up begins later",
    "too-far-ahead": "it is more than 90 days ahead",
    "too-long-ago": "it is too long ago",
    "dismissed": "staff decided that nobody is to be enrolled",
    "ended-by-staff": "staff ended the follow-up",
    "same-id": "its id belongs to a message with other content",
    "unreadable": "it can’t be read",
    "sequence": "a segment is missing",
    "missing": "a field that is needed is empty",
    "data-type": "a value is not what it should be",
    "table-value": "a code is not known",
    "message-type": "this kind of message is not taken",
    "event-code": "the site file does not name this event",
    "processing-id": "it is not for live use",
    "version-id": "its version of HL7 is not taken",
    "unknown-key": "the sender is not known",
    "duplicate-key": "its id was used before",
    "locked": "it could not be kept",
    "internal": "it could not be kept",
    "replaced": "somebody corrected it",
    "fhir-unusable": "a resource can’t be used as it is",
    "fhir-not-done": "it asks for what is not done here",
    "fhir-clash": "it clashes with what was sent before",
    "fhir-condition": "the condition of the request does not hold",
}

FEED_TO_DO: dict[str, str] = {
    "merge": "Compare the two records, and merge them if they are one person’s.",
    "two-records": "Check which patient is meant, and correct the details by hand.",
    "conflict": "Look at the message and at the patient, and enrol or correct by hand.",
    "no-time": "Find out when the procedure takes place, and enrol the patient by hand.",
    "stopped": "Find out how far the procedure went, and enrol the patient by hand if needed.",
    "name-left-out": "Find out the patient’s name, and tell the hospital.",
    "nhs-number-left-out": "Find the right NHS number, and tell the hospital.",
    "nhs-number-not-verified": "Check the NHS number, and ask the hospital to trace it.",
    "interpreter-required": "Check that the messages are of use to the patient, or phone with an "
    "interpreter.",
}


def feed_reason_text(reason: str | None) -> str:
    """Return why a message ended as it did."""
    return FEED_REASONS.get(reason or "", reason or "")


def missing_text(missing: str) -> str:
    """Return what is missing, where it is no question of the protocol."""
    return {
        "patient.identity": "Who the patient is: an NHS number, or a name and a date of birth",
        "patient.reach": "A mobile number or an e-mail address",
    }.get(missing, missing)
