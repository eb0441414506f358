"""Mails that came back, as mail systems write them, about an e-mail of the test's own.

The files name one Message-ID and one recipient, which stand for those of the e-mail that was sent.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

FOLDER = Path(__file__).parents[1] / "delivery" / "returned"
MESSAGE_ID = "0199d3c0-0000-7000-8000-000000000001"
DOMAIN = "followup.example.org"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.eml")))


def returned_mail(
    name: str, message_id: UUID | str = MESSAGE_ID, instead: dict[str, str] | None = None
) -> bytes:
    """Return the mail of that file about that message; `instead` are further words to exchange."""
    text = (FOLDER / f"{name}.eml").read_text("utf-8")
    text = text.replace(MESSAGE_ID, str(message_id))
    for old, new in (instead or {}).items():
        assert old in text, f"{name} holds no {old}"
        text = text.replace(old, new)
    return text.replace("\n", "\r\n").encode()
