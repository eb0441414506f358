"""Twilio REST responses: failures, pages of a list, and what can't be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Self
from urllib.parse import urlsplit

from twilio.http.response import Response

from followup.domain.errors import (
    ChannelBusy,
    ChannelDown,
    ChannelError,
    ChannelRefused,
    OutcomeUnknown,
)
from followup.providers.http.retry_after import delay_of
from followup.providers.twilio.errors import ErrorClass, meaning_of, reason_of

_OK = 200
_ACCOUNT_TROUBLE = frozenset({401, 403})
_TIMED_OUT = 408
_TOO_MANY_REQUESTS = 429
_FIRST_SERVER_ERROR = 500


def payload_of(response: Response) -> dict[str, Any]:
    """Return the JSON object of an answer; an empty one if there is none to be read."""
    try:
        payload = json.loads(response.text)
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}


def failure_of(response: Response, payload: dict[str, Any]) -> ChannelError:
    """Return what an answer of 400 or more to a request to send proves.

    The status counts before the code: after a 429 a request was never processed, and after a 5xx
    Twilio says itself that it may have been (its page on 20500), whatever the code.
    """
    status = response.status_code
    code = payload.get("code") if isinstance(payload.get("code"), int) else None
    name, reason = str(code or f"HTTP {status}"), reason_of(code)
    known = meaning_of(code)
    verdict = known.verdict if known else ErrorClass.SET_UP
    if status == _TOO_MANY_REQUESTS:
        return ChannelBusy(name, reason, retry_after=retry_after(response))
    if status >= _FIRST_SERVER_ERROR or status == _TIMED_OUT or verdict is ErrorClass.UNKNOWN:
        return OutcomeUnknown(name, reason)
    if verdict is ErrorClass.BUSY:
        return ChannelBusy(name, reason, retry_after=retry_after(response))
    if status in _ACCOUNT_TROUBLE or verdict is ErrorClass.ACCOUNT:
        return ChannelDown(name, reason, retry_after=retry_after(response))
    opted_out = verdict is ErrorClass.OPTED_OUT
    at_fault = opted_out or verdict is ErrorClass.RECIPIENT
    return ChannelRefused(name, reason, recipient=at_fault, opted_out=opted_out)


def retry_after(response: Response) -> timedelta | None:
    """Return how long Twilio asks to be left alone: seconds, or a date beside its own."""
    headers = response.headers or {}
    text = str(headers.get("Retry-After") or "").strip()
    if (delay := delay_of(text)) is not None:
        return delay
    try:
        until = parsedate_to_datetime(text)
        return max(until - parsedate_to_datetime(headers["Date"]), timedelta(0))
    except (ValueError, TypeError, KeyError):
        return None


def unread(response: Response) -> ChannelError:
    """Return why an answer to a question is no answer."""
    if response.ok:
        return OutcomeUnknown("unreadable", f"HTTP {response.status_code} without what was asked")
    return failure_of(response, payload_of(response))


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a list of messages, and the path of the next page, None after the last."""

    messages: list[dict[str, Any]]
    next_page: str | None

    @classmethod
    def of(cls, response: Response | None) -> Self | None:
        """Return the page in an answer; None if there is no whole one in it."""
        if response is None or response.status_code != _OK:
            return None
        payload = payload_of(response)
        messages = payload.get("messages")
        if not isinstance(messages, list) or "next_page_uri" not in payload:
            return None
        if not all(isinstance(message, dict) for message in messages):
            return None
        return cls(messages, _path(payload["next_page_uri"]))


@dataclass(frozen=True, slots=True)
class Pool:
    """One page of the senders of a Messaging Service, and the path of the next page."""

    senders: list[str]
    next_page: str | None

    @classmethod
    def of(cls, response: Response, *, key: str, field: str) -> Self | None:
        """Return the page in an answer; None if there is no whole one in it."""
        payload = payload_of(response)
        rows, meta = payload.get(key), payload.get("meta")
        if response.status_code != _OK or not isinstance(rows, list) or not isinstance(meta, dict):
            return None
        senders = [str(row.get(field) or "") for row in rows if isinstance(row, dict)]
        return cls([sender for sender in senders if sender], _path(meta.get("next_page_url")))


def _path(uri: object) -> str | None:
    """Return the path and query of an address, whatever host it names."""
    if not uri:
        return None
    parts = urlsplit(str(uri))
    return f"{parts.path}?{parts.query}"
