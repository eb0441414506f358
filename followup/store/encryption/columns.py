"""Names of sealed columns that several packages open: the associated data of their ciphertexts."""

from __future__ import annotations

PAGE_TOKEN_COLUMN = "enrolments.page_token"  # noqa: S105 - a column
CALL_NOTE_COLUMN = "calls.note"
