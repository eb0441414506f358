"""Content version: the exact words of one message in one language on one channel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from followup.domain.channel import ChannelKind

SHIPPED_LANGUAGE = "en"
"""May be sent as a draft: the product comes with it, and two people sign it before it is live."""


class ApprovalStatus(StrEnum):
    """How far a version may be trusted."""

    APPROVED = "approved"
    DRAFT = "draft"
    """No clinician who reads the language has approved it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentVersion:
    """A message template exactly as it stands, with every part that it includes.

    `sources` are the texts by their path below the folder of messages; `id` is their SHA-256, so
    that any change of a byte makes another version, and what was sent can be proved later.
    """

    id: str
    template: str
    language: str
    channel: ChannelKind
    sources: Mapping[str, str] = field(hash=False)
    standing: ApprovalStatus

    @property
    def sendable(self) -> bool:
        """Whether patients may get it: approved words, or English as a draft.

        In live use two people sign either (`followup.releases`).
        """
        return self.language == SHIPPED_LANGUAGE or self.standing is ApprovalStatus.APPROVED


def version_id(
    template: str, *, language: str, channel: ChannelKind, sources: Mapping[str, str]
) -> str:
    """Return the SHA-256, in hexadecimal, of what the version is and of all its sources."""
    canonical = json.dumps([template, language, channel, sorted(sources.items())])
    return hashlib.sha256(canonical.encode()).hexdigest()
