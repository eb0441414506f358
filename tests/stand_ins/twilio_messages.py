"""The message resource of Twilio's REST API, 2010-04-01: its shape, its life and its lists.

By Twilio's published description (github.com/twilio/twilio-oai, twilio_api_v2010): fields, nulls,
date format, list filters and paging.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from functools import lru_cache
from itertools import islice
from urllib.parse import urlencode

VERSION = "2010-04-01"
DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 1000
DATE_FILTERS = ("DateSent", "DateSent>", "DateSent<")


@dataclass(slots=True)
class Message:
    """One message that was accepted. Times are seconds since the epoch, by the real clock."""

    sid: str
    account_sid: str
    to: str
    from_: str | None
    service: str | None
    body: str
    created: float
    status: str
    status_callback: str | None = None
    validity_period: int | None = None
    sent: float | None = None
    updated: float = 0.0
    error_code: int | None = None
    listable: float = 0.0
    direction: str = "outbound-api"
    media: int = 0

    def path(self, suffix: str = ".json") -> str:
        return f"/{VERSION}/Accounts/{self.account_sid}/Messages/{self.sid}{suffix}"

    def resource(self) -> dict[str, object]:
        return {
            "account_sid": self.account_sid,
            "api_version": VERSION,
            "body": self.body,
            "date_created": rfc_2822(self.created),
            "date_sent": rfc_2822(self.sent) if self.sent is not None else None,
            "date_updated": rfc_2822(self.updated or self.created),
            "direction": self.direction,
            "error_code": self.error_code,
            "error_message": "Delivery failed" if self.error_code else None,
            "from": self.from_,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": "0" if self.service else str(1 + len(self.body) // 154),
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": self.path("/Media.json")},
            "to": self.to,
            "uri": self.path(),
        }

    def logged(self) -> dict[str, object]:
        """Return what a test wants to know of it."""
        return {
            "sid": self.sid,
            "to": self.to,
            "from": self.from_,
            "service": self.service,
            "body": self.body,
            "created": self.created,
            "status": self.status,
            "error_code": self.error_code,
            "status_callback": self.status_callback,
            "validity_period": self.validity_period,
        }


@dataclass(slots=True)
class Messages:
    """Everything that was accepted, in order, with an index by number."""

    by_sid: dict[str, Message] = field(default_factory=dict)
    by_number: defaultdict[str, list[Message]] = field(default_factory=lambda: defaultdict(list))

    def sent(self) -> list[Message]:
        """Return what was taken from us, without what came in."""
        return [one for one in self.by_sid.values() if one.direction != "inbound"]

    def add(self, message: Message) -> None:
        self.by_sid[message.sid] = message
        self.by_number[message.to].append(message)

    def page(self, account_sid: str, query: dict[str, str], *, now: float) -> bytes:
        """Return a page of a list, newest first. Raises `ValueError` for a filter out of form."""
        size = min(int(query.get("PageSize", DEFAULT_PAGE_SIZE)), MAX_PAGE_SIZE)
        number = int(query.get("Page", 0))
        if size < 1 or number < 0:
            raise ValueError("Page or PageSize is out of range")
        matching = self._matching(query, now=now)
        if token := query.get("PageToken"):
            matching = _after(matching, token.removeprefix("PA"))
        found = list(islice(matching, size + 1))
        shown = found[:size]
        kept = {name: query[name] for name in ("To", "From", *DATE_FILTERS) if name in query}

        def uri(page: int, token: str | None = None) -> str:
            params = kept | {"PageSize": str(size), "Page": str(page)}
            if token:
                params["PageToken"] = token
            return f"/{VERSION}/Accounts/{account_sid}/Messages.json?{urlencode(params)}"

        more = len(found) > size
        start = number * size
        return as_json(
            {
                "end": start + max(len(shown) - 1, 0),
                "first_page_uri": uri(0),
                "messages": [message.resource() for message in shown],
                "next_page_uri": uri(number + 1, f"PA{shown[-1].sid}") if more else None,
                "page": number,
                "page_size": size,
                "previous_page_uri": uri(number - 1) if number else None,
                "start": start,
                "uri": uri(number, query.get("PageToken")),
            }
        )

    def _matching(self, query: dict[str, str], *, now: float) -> Iterator[Message]:
        to, from_ = query.get("To"), query.get("From")
        candidates = self.by_number.get(to, []) if to else list(self.by_sid.values())
        bounds = {name: _moment(query[name]) for name in DATE_FILTERS if name in query}
        for message in reversed(candidates):
            if message.listable > now or (from_ and message.from_ != from_):
                continue
            if all(_sent_in(message, name, bound) for name, bound in bounds.items()):
                yield message


def _after(messages: Iterator[Message], sid: str) -> Iterator[Message]:
    for message in messages:
        if message.sid == sid:
            break
    return messages


def _moment(text: str) -> datetime | date:
    """Return a date filter's value: a day, or a moment in GMT."""
    if len(text) == len("2026-10-24"):
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _sent_in(message: Message, name: str, bound: datetime | date) -> bool:
    """Say whether a message was sent on, from or until a day or moment; never if not sent yet."""
    if message.sent is None:
        return False
    sent: datetime | date = datetime.fromtimestamp(message.sent, UTC)
    if isinstance(sent, datetime) and not isinstance(bound, datetime):
        sent = sent.date()
    if name == "DateSent>":
        return sent >= bound
    if name == "DateSent<":
        return sent <= bound
    return sent == bound


def new_sid(prefix: str = "SM") -> str:
    return prefix + secrets.token_hex(16)


def rfc_2822(seconds: float) -> str:
    return _rfc_2822(int(seconds))


@lru_cache(maxsize=4096)
def _rfc_2822(seconds: int) -> str:
    return format_datetime(datetime.fromtimestamp(seconds, UTC))


def as_json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
