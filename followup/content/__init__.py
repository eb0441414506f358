"""The words that patients get: loaded once, pinned by hash, and rendered from a clinic's facts."""

from __future__ import annotations

from followup.content.library import PAGE_TOKEN, Content, Form, Rendered, shipped_messages
from followup.content.version import Approval, ContentVersion

__all__ = [
    "PAGE_TOKEN",
    "Approval",
    "Content",
    "ContentVersion",
    "Form",
    "Rendered",
    "shipped_messages",
]
