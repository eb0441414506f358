"""Two people, one signature each: who may approve what somebody else wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from followup.domain.releases.signer import Signer, SigningRole, same_person, signer_of


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed, with which key, and when they said that it was."""

    name: str
    public_key: bytes
    at: datetime


def signing_refusal(signers: Sequence[Signer], signed: Signed, role: SigningRole) -> str | None:
    """Return why this signature does not count in that role; None where it does."""
    signer = signer_of(signers, signed.public_key)
    if signer is None:
        return f"the key by which {signed.name} signed is not among the signers' files"
    if not same_person(signer.name, signed.name):
        return f"the key by which {signed.name} signed is {signer.name}'s"
    return signer.refusal(role, signed.at)


def pair_refusal(author: Signed, approver: Signed) -> str | None:
    """Return why these two are not two people; None where they are."""
    if author.public_key == approver.public_key:
        return f"{author.name} and {approver.name} signed with one key: two people are needed"
    if same_person(author.name, approver.name):
        return f"{author.name} signed as the author: another person must approve"
    return None
