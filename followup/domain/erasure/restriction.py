"""Grounds of restricting the use of data, and of lifting that (Article 18 of the UK GDPR)."""

from __future__ import annotations

from enum import StrEnum


class RestrictionGround(StrEnum):
    """Why data is kept, but neither shown nor used for now."""

    ACCURACY = "accuracy"
    """The patient says that it is wrong, and that is being looked into."""
    UNLAWFUL = "unlawful"
    """It should not be used, and the patient does not want it erased."""
    CLAIM = "claim"
    """The clinic needs it no longer, the patient does: for a claim."""
    OBJECTION = "objection"
    """The patient objected, and whether that stands is being looked into."""


class LiftGround(StrEnum):
    """Why it may be used again."""

    SETTLED = "settled"
    """What was in question is settled."""
    ASKED = "asked"
    """The patient asked for it."""
    MISTAKEN = "mistaken"
    """It was about somebody else, or a mistake."""
