"""The reasons why a message changed its state, and why a person was asked.

Where a provider gave the reason, its own code stands in this place (`30006`, `550 5.1.1`).
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """A reason of ours; the words are those of the database, the API and the audit trail."""

    # --- Planned, for now or again: what had kept it is over.
    ADDRESS_CORRECTED = "address-corrected"
    MERGE_UNDONE = "merge-undone"
    """Two records were taken for one person's, and it is as it was before."""
    RECORDS_MERGED = "records-merged"
    """Its patient has another record from now on, which is read before it goes."""
    BROKER_LOST = "broker-lost"
    """The broker that was to hand it to a worker went away."""
    LEASE_OVER = "lease-over"
    """Its worker went away before the provider was called."""
    LET_GO = "let-go"
    """A person let it go although it was beyond a limit."""
    NOT_YET = "not-yet"
    """The clinic's sending hours ended between the claim and the call."""
    PACE = "pace"
    PLANNED_AGAIN = "planned-again"
    """The patient wants messages after all."""
    PROVIDER_ABSENT = "absent"
    """The provider was asked, and does not have it."""
    PROVIDER_DOWN = "provider-down"
    RELEASED = "released"
    RESUMED = "resumed"
    SWITCH_LIFTED = "switch-lifted"
    NOT_CALLED = "not-called"

    # --- Held.
    WORDS_NOT_APPROVED = "words-not-approved"
    """No release that two people signed has these words."""
    WORDS_CHANGED = "words-changed"
    """A file or a signature is not what it was when two people signed."""
    WORDS_WITHDRAWN = "words-withdrawn"
    EXAMPLE_PROTOCOL = "example-protocol"
    CLINIC_UNCONFIRMED = "clinic-unconfirmed"
    NOBODY_ON_CALL = "nobody-on-call"
    CLINIC_NOT_CONFIGURED = "clinic-not-configured"
    NEEDS_OPERATOR = "needs-operator"
    PAUSED = "paused"
    RESTRICTED = "restricted"
    """The patient's data may not be used for now (Article 18)."""
    SWITCH = "switch"
    VOLUME_LIMIT = "blast-radius"

    # --- Unknown.
    BUG = "bug"
    """A fault of ours in the middle of a call."""
    ID_GIVEN_TWICE = "id-given-twice"
    """The provider gave one id to two messages."""
    RESTORED = "restored"
    """A backup was restored, and it may have gone out since that was taken."""
    WORKER_LOST = "worker-lost"

    # --- Failed.
    BOUNCED_TWICE = "bounced-twice"
    """Two texts in a row came back from this number: none goes to it until it is corrected."""
    OUTCOME_UNKNOWN = "outcome-unknown"
    PROVIDER_FAILED = "failed"
    """The provider reported a failure, and no code with it."""

    # --- Expired.
    ALREADY_PAST = "already-past"
    """Its window was over when the patient was enrolled."""
    NO_SENDING_HOUR = "no-sending-hour"
    TOO_LATE_TO_TRY_AGAIN = "too-late-to-try-again"
    WINDOW_OVER = "window-over"

    # --- Suppressed.
    ADDRESS_UNUSABLE = "address-unusable"
    NO_ADDRESS = "no-address"
    NO_CHANNEL = "no-channel"
    """The patient agreed to none of the channels that its step has."""
    OBJECTION = "objection"
    OBJECTION_TO_CHANNEL = "objection-to-channel"

    # --- Cancelled.
    CORRECTED = "corrected"
    """The answers or channels of the enrolment were corrected, and what follows planned anew."""
    DELIVERED_AFTER_ALL = "delivered-after-all"
    """The message whose place it took arrived."""
    ERASED = "erased"
    MERGED = "merged"
    """It goes on under another record of the same person."""
    NEWER_PROCEDURE = "newer-procedure"
    """The patient has another procedure before it, whose follow-up takes over."""
    PATIENT_DIED = "patient-died"
    RECEIVED_ALREADY = "received-already"
    """The patient has it by another record of theirs."""
    RESCHEDULED = "rescheduled"
    WITHDRAWN = "withdrawn"

    # --- A person was asked, and the message stays as it is.
    NEARLY_ALIKE = "nearly-alike"
    """Name, birth date and number are nearly those of a patient who is there."""
    ASKED_FOR_A_CALL = "asked-for-a-call"
    NO_ANSWER = "no-answer"
    NO_RECEIPT = "no-receipt"
    READING_NEED = "reading-need"
    SENT_TWICE = "sent-twice"
    STARTED_AGAIN = "started-again"
    TOO_MANY_OF_ONE_CONTENT = "too-many-of-one-content"
    TOO_MANY_TO_ONE_PATIENT = "too-many-to-one-patient"
    UNKNOWN_TEXTS = "unknown-texts"


FOR_WANT_OF_A_RELEASE = frozenset(
    {
        Reason.WORDS_NOT_APPROVED,
        Reason.WORDS_CHANGED,
        Reason.WORDS_WITHDRAWN,
        Reason.EXAMPLE_PROTOCOL,
        Reason.CLINIC_UNCONFIRMED,
        Reason.NOBODY_ON_CALL,
    }
)
"""Reasons for which a message is held until its words may go to patients."""

LEAVE_OTHER_CHANNEL_OPEN = frozenset(
    {Reason.ADDRESS_UNUSABLE, Reason.NO_ADDRESS, Reason.OBJECTION_TO_CHANNEL}
)
"""Reasons of suppression for which the other channel may still be used."""
