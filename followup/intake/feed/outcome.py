"""Outcome of an event: in which state of the ledger it ends, why, and whom it is about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from followup.intake.feed.inbox import FeedState


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What came of an event. `code` is one of `followup.wording.intake.feeds`.

    `about` is what a person is asked about once, however many messages say it; `twins` are two
    patients who are one, the one that goes on first.
    """

    state: FeedState
    code: str
    clinic: str | None = None
    patient_id: UUID | None = None
    enrolment_id: UUID | None = None
    about: UUID | None = None
    twins: tuple[UUID, UUID] | None = None


WEIGHT = (
    FeedState.PERSON,
    FeedState.ENROLLED,
    FeedState.DRAFT,
    FeedState.CANCELLED,
    FeedState.MERGED,
    FeedState.CHANGED,
    FeedState.IGNORED,
)
"""Of several outcomes of one event, which counts."""


def weightiest(outcomes: Iterable[Applied]) -> Applied:
    """Return the outcome that an event ends as."""
    return min(outcomes, key=lambda each: WEIGHT.index(each.state))
