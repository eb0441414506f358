"""Twilio message resources: what they say, and which is a sought attempt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Any, TypeGuard
from unicodedata import normalize

from followup.providers.interface import (
    Absent,
    CannotTell,
    Listed,
    ProviderReport,
    ReportedStatus,
    Sought,
)
from followup.providers.twilio.errors import ErrorClass, meaning_of, reason_of

REPORTED_STATUSES: dict[str, ReportedStatus] = {
    "accepted": ReportedStatus.ACCEPTED,
    "scheduled": ReportedStatus.ACCEPTED,
    "queued": ReportedStatus.ACCEPTED,
    "sending": ReportedStatus.ACCEPTED,
    "sent": ReportedStatus.SENT,
    # Some of several recipients have it; we name one, so it proves nothing.
    "partially_delivered": ReportedStatus.SENT,
    "delivered": ReportedStatus.DELIVERED,
    "read": ReportedStatus.DELIVERED,
    "undelivered": ReportedStatus.FAILED,
    "failed": ReportedStatus.FAILED,
    "canceled": ReportedStatus.FAILED,
}

CLOCK_SKEW = timedelta(minutes=15)
"""How far Twilio's clock and a worker's may differ.

Generous, because a text that was made this shortly before the attempt began, with the same words
from the same sender, and that no other attempt can claim, is the same advice to the same patient.
"""

_SID = re.compile(r"(?:SM|MM)[0-9a-fA-F]{32}")
_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_CODE = re.compile(r"[1-9][0-9]{0,8}")
_TRIAL = "Sent from your Twilio trial account"


def is_sid(value: object) -> TypeGuard[str]:
    """Say whether this is the SID of a message."""
    return isinstance(value, str) and _SID.fullmatch(value) is not None


def is_service(sender: str) -> bool:
    """Say whether this sender is a Messaging Service."""
    return _SERVICE.fullmatch(sender) is not None


def report_of(message: Mapping[str, Any]) -> ProviderReport:
    """Return what a message resource says of its message."""
    return make_report(message["sid"], str(message.get("status")), message.get("error_code"))


def listed_of(message: Mapping[str, Any]) -> Listed:
    """Return a message resource as a text of the account's history."""
    media = str(message.get("num_media") or "")
    return Listed(
        provider_id=message["sid"],
        came_in=str(message.get("direction")) == "inbound",
        from_=str(message.get("from") or ""),
        to=str(message.get("to") or ""),
        body=str(message.get("body") or ""),
        media_count=int(media) if media.isdecimal() else 0,
        created_at=_first_had(message),
    )


def make_report(sid: str, status: str, error_code: object) -> ProviderReport:
    """Return a report; a status that Twilio has added since proves only that it took the text."""
    reported = REPORTED_STATUSES.get(status, ReportedStatus.ACCEPTED)
    if reported is not ReportedStatus.FAILED:
        return ProviderReport(provider_id=sid, status=reported)
    code = int(str(error_code)) if _CODE.fullmatch(str(error_code)) else None
    known = meaning_of(code)
    opted_out = known is not None and known.verdict is ErrorClass.OPTED_OUT
    return ProviderReport(
        provider_id=sid,
        status=reported,
        code=str(code) if code else status,
        reason="it was cancelled at Twilio" if status == "canceled" else reason_of(code),
        recipient=opted_out or (known is not None and known.verdict is ErrorClass.RECIPIENT),
        opted_out=opted_out,
    )


class _Likeness(Enum):
    OURS = auto()
    NOT_OURS = auto()
    UNCLEAR = auto()
    """It may be ours, but Twilio does not show enough of it (its words are not retained)."""


class Search:
    """A search for one attempt among the messages that Twilio lists for its number."""

    def __init__(self, sought: Sought, *, sender: str) -> None:
        self.earliest = sought.started_at - CLOCK_SKEW
        self._sought = sought
        self._sender = sender
        self._words = _skeleton(sought.outgoing.text)

    def among(self, messages: Iterable[Mapping[str, Any]]) -> ProviderReport | Absent | CannotTell:
        """Return the report of the attempt, of the one made first where several are alike."""
        judged = [(self._judge(message), message) for message in messages]
        ours = [message for likeness, message in judged if likeness is _Likeness.OURS]
        if ours:
            return report_of(min(ours, key=lambda one: (_created(one), one["sid"])))
        unclear = any(likeness is _Likeness.UNCLEAR for likeness, _ in judged)
        return CannotTell() if unclear else Absent()

    def _judge(self, message: Mapping[str, Any]) -> _Likeness:
        sid, created = message.get("sid"), _created(message)
        if not is_sid(sid) or not self._is_between_us(message):
            return _Likeness.NOT_OURS
        if created is not None and created < self.earliest:
            return _Likeness.NOT_OURS
        body = message.get("body")
        if body and not self._says_the_same(body):
            return _Likeness.NOT_OURS
        if self._sought.belongs_elsewhere(sid):
            return _Likeness.NOT_OURS
        return _Likeness.OURS if body and created is not None else _Likeness.UNCLEAR

    def _is_between_us(self, message: Mapping[str, Any]) -> bool:
        if message.get("to") != self._sought.outgoing.to:
            return False
        if not str(message.get("direction")).startswith("outbound"):
            return False
        if is_service(self._sender):
            return bool(message.get("messaging_service_sid") == self._sender)
        return str(message.get("from")).casefold() == self._sender.casefold()

    def _says_the_same(self, body: str) -> bool:
        """Compare letters and digits alone: Twilio may put plain quotes for curly ones."""
        words = _skeleton(body)
        if body.startswith(_TRIAL):
            return words.endswith(self._words)
        return words == self._words


def _skeleton(text: str) -> str:
    return "".join(char for char in normalize("NFKD", text) if char.isalnum()).casefold()


def _first_had(message: Mapping[str, Any]) -> datetime | None:
    """Return when Twilio first had a message.

    Of one that came in, `date_sent` is when Twilio called our webhook for it.
    """
    known = [at for name in ("date_created", "date_sent") if (at := _moment(message, name))]
    return min(known, default=None)


def _created(message: Mapping[str, Any]) -> datetime | None:
    return _moment(message, "date_created")


def _moment(message: Mapping[str, Any], name: str) -> datetime | None:
    try:
        return parsedate_to_datetime(message[name])
    except (ValueError, TypeError, KeyError):
        return None
