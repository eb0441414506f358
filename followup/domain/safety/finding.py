"""A finding of the safety rules, and why each rule is there."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

WHY = MappingProxyType(
    {
        "red-flag-reach": "An infection or a bleed beside the spine can show itself weeks later, "
        "when the patient no longer thinks of the injection.",
        "closed-office": "A patient who is worried in the evening, or on 25 December, rings the "
        "number in the text. If nobody answers and no other is named, they wait.",
        "emergency-department": "Warning signs may need a doctor's hands the same night. A text "
        "that names them and no emergency department leaves the patient with a telephone.",
        "contradiction": "Told that a sign is common and, in the same week, that it needs help at "
        "once, a patient believes the one that costs less trouble.",
        "source-digest": "Words are approved against a document. If that has changed, nobody has "
        "approved them against what it says now.",
        "source-word-for-word": "A sentence that is attributed to the leaflet and is not in it has "
        "been approved by nobody.",
        "source-left-out": "Advice that is dropped in silence was weighed by nobody.",
        "source-kept": "Without the document nobody can check that a message says what it says.",
        "beyond-struck": "A clinician has decided that this is not to be said.",
        "call-question-proposed": "Staff ask it of patients: a clinician accepts it or strikes it.",
        "beyond-proposed": "It is not in the document: a clinician accepts it or strikes it.",
        "unreached": "A patient with e-mail alone, or a landline alone, needs the warning signs as "
        "much as one with a mobile.",
        "lock-screen": "A text stands on the lock screen, for whoever is in the room.",
        "numbers-and-links": "A number or link that leads nowhere is found out when it is needed.",
        "few-characters-too-many": "A text that is a few characters over is paid for twice, and on "
        "some phones its parts arrive in the wrong order.",
    }
)
"""For each rule the reason, for a clinician to read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyFinding:
    """A breach of a rule. One that is `grave` must be mended before patients get the words."""

    rule: str
    sentence: str
    grave: bool = True

    def __str__(self) -> str:
        return f"{self.sentence}. Why: {WHY[self.rule]}"
