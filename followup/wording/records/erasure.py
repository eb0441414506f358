"""Words about erasure: why it was asked for, and why data is kept after all."""

from __future__ import annotations

from followup.domain.erasure.grounds import ErasureDecision, ErasureGround, RefusalGround
from followup.domain.erasure.restriction import LiftGround, RestrictionGround

ERASURE_GROUNDS: dict[ErasureGround, str] = {
    ErasureGround.ASKED: "The patient asked for it",
    ErasureGround.NOT_NEEDED: "It is not needed any more",
    ErasureGround.UNLAWFUL: "It should not have been kept",
}
REFUSAL_GROUNDS: dict[RefusalGround, str] = {
    RefusalGround.LEGAL_DUTY: "The law or the records code asks to keep it",
    RefusalGround.PUBLIC_HEALTH: "It is needed for public health",
    RefusalGround.RESEARCH: "It is needed for research",
    RefusalGround.LEGAL_CLAIM: "It is needed for a claim, a complaint or an inquest",
    RefusalGround.MISTAKEN: "The request was a mistake, or was taken back",
}
ERASURE_DECISIONS: dict[ErasureDecision, str] = {
    ErasureDecision.ERASED: "Erased",
    ErasureDecision.REFUSED: "Kept",
}
RESTRICTION_GROUNDS: dict[RestrictionGround, str] = {
    RestrictionGround.ACCURACY: "The patient says that it is wrong",
    RestrictionGround.UNLAWFUL: "It should not be used, and the patient wants it kept",
    RestrictionGround.CLAIM: "The patient needs it for a claim",
    RestrictionGround.OBJECTION: "The patient objected, and that is being looked into",
}
LIFT_GROUNDS: dict[LiftGround, str] = {
    LiftGround.SETTLED: "What was in question is settled",
    LiftGround.ASKED: "The patient asked for it",
    LiftGround.MISTAKEN: "The restriction was a mistake",
}


def ground_text(ground: str) -> str:
    """Return why it was asked for."""
    return ERASURE_GROUNDS[ErasureGround(ground)]


def decision_text(decision: str | None, refusal: str | None) -> str:
    """Return how a request ended, and why."""
    if decision is None:
        return "Waits for another person"
    told = ERASURE_DECISIONS[ErasureDecision(decision)]
    return f"{told}: {REFUSAL_GROUNDS[RefusalGround(refusal)]}" if refusal else told
