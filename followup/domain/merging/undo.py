"""Undo of a merge: for a day, unless something has happened since that can't be taken apart."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from enum import StrEnum

from followup.domain.merging.facts import Side

UNDO_WITHIN = timedelta(hours=24)
"""For so long, by the service's clock, a merge can be undone."""


class Obstacle(StrEnum):
    """Why a merge can't be undone."""

    UNDONE = "undone"
    TOO_LATE = "too-late"
    MERGED_ON = "merged-on"
    """Another merge has changed one of the two records since."""
    CHANGED = "changed"
    """Details, follow-up or wishes of the patient were changed since."""
    WROTE = "wrote"
    """The patient has written since, from a number that both records have, or neither."""
    SENT_ELSEWHERE = "sent-elsewhere"
    """A message went to an address that is not that of the record it would belong to."""
    TAKEN = "taken"
    """Another patient has by now what the duplicate's record is known by."""


CHANGES = frozenset(
    {
        "enrolment.created",
        "enrolment.paused",
        "enrolment.resumed",
        "enrolment.rescheduled",
        "enrolment.withdrawn",
        "enrolment.reopened",
        "enrolment.corrected",
        "enrolment.superseded",
        "enrolment.planned-again",
        "objection.lodged",
        "objection.lifted",
        "patient.changed",
        "patient.address-unusable",
        "patient.death-taken-back",
    }
)
"""Actions of the audit trail on a merged record that nobody can tell whose they would be."""

MERGES = frozenset({"patient.merged", "patient.unmerged"})


def obstacle_in_time(*, merged_at: datetime, undone: bool, now: datetime) -> Obstacle | None:
    """Return whether it is too late to undo a merge, or done already."""
    if undone:
        return Obstacle.UNDONE
    return Obstacle.TOO_LATE if now >= merged_at + UNDO_WITHIN else None


def obstacle_in(actions: Collection[str]) -> Obstacle | None:
    """Return what stands in the way among what was done to the two records since."""
    done = frozenset(actions)
    if done & MERGES:
        return Obstacle.MERGED_ON
    return Obstacle.CHANGED if done & CHANGES else None


def whose_address(
    address: bytes | None,
    *,
    survivor: Collection[bytes | None],
    duplicate: Collection[bytes | None],
) -> Side | None:
    """Return which record alone has an address (a keyed hash); None where both do, or neither."""
    ours, theirs = address in survivor, address in duplicate
    if address is None or ours == theirs:
        return None
    return Side.SURVIVOR if ours else Side.DUPLICATE
