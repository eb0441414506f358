"""What helps a patient to take in what we send (NHS Accessible Information Standard, DCB1605)."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class ReadingNeed(StrEnum):
    """A need that is kept with the patient; what is done about it stands beside each."""

    NO_TEXTS = "no-texts"
    """Texts are of no use: e-mails alone, and where there is no address a person rings."""
    LARGE_PRINT = "large-print"
    """E-mails and the patient's page are set large."""
    EASY_READ = "easy-read"
    """No easy-read words exist: a person goes through the advice with the patient."""


def write_needs(needs: Collection[ReadingNeed]) -> str | None:
    """Return needs as one text to be kept, or None where there are none."""
    return " ".join(sorted(needs)) or None


def parse_needs(text: str | None) -> frozenset[ReadingNeed]:
    """Return the needs that `written` wrote."""
    return frozenset(map(ReadingNeed, (text or "").split()))
