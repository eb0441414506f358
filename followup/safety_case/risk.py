"""Clinical risk by DCB0129's matrix: severity against likelihood gives a level from 1 to 5.

https://digital.nhs.uk/data-and-information/information-standards (DCB0129, DCB0160), the matrix of
their implementation guidance.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Severity(StrEnum):
    """How bad it would be for the patient, or for several."""

    MINOR = "minor"
    SIGNIFICANT = "significant"
    CONSIDERABLE = "considerable"
    MAJOR = "major"
    CATASTROPHIC = "catastrophic"


class Likelihood(StrEnum):
    """How probable it is."""

    VERY_LOW = "very low"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    VERY_HIGH = "very high"


HARM = MappingProxyType(
    {
        Severity.MINOR: "slight harm or distress, soon over, of one patient",
        Severity.SIGNIFICANT: "harm that passes, of one patient; slight harm of several",
        Severity.CONSIDERABLE: "severe harm that passes, of one patient; lesser harm of several",
        Severity.MAJOR: "death or lasting, life-changing harm of one patient",
        Severity.CATASTROPHIC: "death or lasting, life-changing harm of several patients",
    }
)
"""What each severity stands for, in short."""
LEVELS = MappingProxyType(
    {
        Likelihood.VERY_HIGH: (3, 4, 4, 5, 5),
        Likelihood.HIGH: (2, 3, 3, 4, 5),
        Likelihood.MEDIUM: (2, 2, 3, 3, 4),
        Likelihood.LOW: (1, 2, 2, 3, 4),
        Likelihood.VERY_LOW: (1, 1, 2, 2, 3),
    }
)
"""For each likelihood the level by severity, the least severe first."""
MEANING = MappingProxyType(
    {
        5: "unacceptable",
        4: "must be eliminated or controlled to an acceptable level",
        3: "undesirable: to be reduced where that is practicable",
        2: "acceptable where the cost of reducing it outweighs the benefit",
        1: "acceptable, no further action needed",
    }
)
HIGHEST_TOLERABLE = 3
"""What is above is not put into use."""


@dataclass(frozen=True, slots=True)
class Risk:
    """How bad and how probable something is."""

    severity: Severity
    likelihood: Likelihood

    @property
    def level(self) -> int:
        """The level of the matrix, from 1 to 5."""
        return LEVELS[self.likelihood][[*Severity].index(self.severity)]

    def __str__(self) -> str:
        return f"{self.level} ({self.severity}, likelihood {self.likelihood})"
