"""The states of a message and the one table of legal moves between them."""

from __future__ import annotations

from enum import StrEnum

from followup.domain.errors import IllegalMove


class State(StrEnum):
    """Where a message stands; the words are those of the database, the API and the documents."""

    PLANNED = "planned"
    HELD = "held"
    CLAIMED = "claimed"
    SENDING = "sending"
    UNKNOWN = "unknown"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"


class EnrolmentState(StrEnum):
    """Where an enrolment stands."""

    ACTIVE = "active"
    PAUSED = "paused"
    WITHDRAWN = "withdrawn"
    FINISHED = "finished"


ONGOING_STATES = (EnrolmentState.ACTIVE.value, EnrolmentState.PAUSED.value)
"""States of enrolments of which something may still be to come."""


LEGAL_MOVES: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset(
        {
            State.CLAIMED,
            State.HELD,
            State.CANCELLED,
            State.SUPPRESSED,
            State.EXPIRED,
            # Here and below: a receipt proves that an attempt which was believed absent was taken
            # after all. Nothing more is to be sent, and the patient was told, whatever we thought.
            State.SENT,
            # Here and below: a backup was restored, and it may have been sent since that was taken.
            State.UNKNOWN,
        }
    ),
    State.HELD: frozenset(
        {State.PLANNED, State.CANCELLED, State.EXPIRED, State.SENT, State.UNKNOWN}
    ),
    State.CLAIMED: frozenset(
        {
            State.SENDING,
            # The lease is over, or the pace limit asks for patience: nobody was called.
            State.PLANNED,
            State.HELD,
            State.SUPPRESSED,
            State.EXPIRED,
            State.CANCELLED,
            State.SENT,
            State.UNKNOWN,
        }
    ),
    State.SENDING: frozenset(
        {
            State.SENT,
            State.FAILED,
            State.UNKNOWN,
            # The provider said "later", or was provably never reached.
            State.PLANNED,
            # It said "later", and later is too late.
            State.EXPIRED,
        }
    ),
    State.UNKNOWN: frozenset(
        {
            State.SENT,
            State.FAILED,
            # The provider provably does not have it: it may be sent again ...
            State.PLANNED,
            # ... or it is too late to.
            State.EXPIRED,
        }
    ),
    State.SENT: frozenset({State.DELIVERED, State.FAILED}),
    # A carrier sometimes reports a failure first and the delivery afterwards.
    State.FAILED: frozenset({State.DELIVERED}),
    State.DELIVERED: frozenset(),
    State.EXPIRED: frozenset({State.SENT}),
    State.SUPPRESSED: frozenset({State.SENT}),
    State.CANCELLED: frozenset(
        {
            State.SENT,
            # Two records were taken for one person's, and that is taken back: it is as it was.
            State.PLANNED,
            State.HELD,
        }
    ),
}

FINAL_STATES = frozenset(
    {State.DELIVERED, State.FAILED, State.EXPIRED, State.SUPPRESSED, State.CANCELLED}
)
"""States in which no sweeper waits for anything more (a provider may still correct one)."""

# In a fixed order where queries are made of them, so that a statement is always the same text.

LEASED_STATES = (State.CLAIMED, State.SENDING, State.UNKNOWN)
"""States that belong to one worker, or to the reconciler, for a while."""

UNSENT_STATES = (State.PLANNED, State.HELD, State.CLAIMED)
"""States in which the provider was not called: a change of mind still stops the message."""

OUTCOME_PENDING = (State.SENDING, State.UNKNOWN)
"""States in which the provider was called, or may have been, and what came of it is not known."""

OUTCOME_KNOWN = (State.SENT, State.DELIVERED, State.FAILED)
"""States in which the provider was called, and what came of it is known."""

MAY_HAVE_ARRIVED = (State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED)
"""States in which the patient has the message, or may have it: it is not sent a second time."""

NEVER_SENT = (State.EXPIRED, State.SUPPRESSED, State.CANCELLED)
"""Ends of messages for which the provider was never called."""

DID_NOT_ARRIVE = (State.FAILED, State.SUPPRESSED)
"""Ends of messages that a right address may still bring to the patient."""


def check_move(current: State, wanted: State) -> None:
    """Raise `IllegalMove` unless the table allows `current` → `wanted`."""
    if wanted not in LEGAL_MOVES[current]:
        raise IllegalMove(f"a message that is {current} can't become {wanted}")
