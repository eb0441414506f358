"""Damage to the audit trail: what of it is not as it was signed, and where."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DamageKind(StrEnum):
    """What of the trail is not as it was signed."""

    EVENTS = "events"
    """Of these events at least one was edited, removed or slipped in."""
    TILE = "tile"
    """Kept hashes of the tree, over these events, were changed; the events are as signed."""
    CHECKPOINT = "checkpoint"
    """A checkpoint, over so many events, is not signed by our key, or signs another tree."""
    SEAL = "seal"
    """A seal of before there were checkpoints does not hold over these events."""
    LOST_HEAD = "lost-head"
    """The trail ends before what a checkpoint that was kept elsewhere covers, or is another."""
    UNSIGNED = "unsigned"
    """Among these events stands that they were signed, and the checkpoint over them is gone."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Where the trail is damaged: from one event's id to another's, or a checkpoint's size."""

    kind: DamageKind
    first: int
    last: int
