"""Grounds of erasure, and of refusing it (Article 17 of the UK GDPR): codes, never free words."""

from __future__ import annotations

from enum import StrEnum


class ErasureGround(StrEnum):
    """Why a patient's data should be erased."""

    ASKED = "asked"
    """The patient, or who speaks for them, asked for it."""
    NOT_NEEDED = "not-needed"
    """The purpose is over, and nothing asks to keep it longer."""
    UNLAWFUL = "unlawful"
    """It should never have been kept: the wrong person, or no basis."""


class RefusalGround(StrEnum):
    """Why it is kept after all (Article 17(3))."""

    LEGAL_DUTY = "legal-duty"
    """The law, or the NHS Records Management Code, asks to keep it."""
    PUBLIC_HEALTH = "public-health"
    RESEARCH = "research"
    LEGAL_CLAIM = "legal-claim"
    """It is needed for a claim, a complaint or an inquest."""
    MISTAKEN = "mistaken"
    """The request is about somebody else, or was taken back."""


class ErasureDecision(StrEnum):
    """How a request ended."""

    ERASED = "erased"
    REFUSED = "refused"
