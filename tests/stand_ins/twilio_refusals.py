"""What the stand-in refuses, with the error bodies of Twilio's REST API."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from tests.stand_ins.http_server import Exchange
from tests.stand_ins.twilio_messages import as_json, new_sid, rfc_2822

ERRORS: dict[int, tuple[int, str]] = {
    20003: (401, "Authenticate"),
    20005: (401, "Account is not active"),
    20404: (404, "The requested resource {about} was not found"),
    20001: (400, "{about}"),
    20429: (429, "Too Many Requests"),
    20500: (500, "An internal server error has occurred"),
    20503: (503, "Service unavailable"),
    21211: (400, "Invalid 'To' Phone Number: {about}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region: {about}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number is not a valid, message-capable number"),
    21609: (400, "The StatusCallback URL {about} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number: {about}, is not currently reachable"),
    21614: (400, "'To' number: {about}, is not a valid mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21635: (400, "'To' number cannot be a landline"),
    90007: (400, "Invalid validity period value"),
}
"""HTTP status and message of the error bodies; a message may quote what was sent."""

MAGIC_NUMBERS: dict[str, int] = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
"""Numbers that Twilio refuses from its test credentials, each with one error."""

_E164 = re.compile(r"\+[1-9]\d{6,14}")


def complaint(form: Mapping[str, str]) -> int | None:
    """Return the error that a form to create a message deserves, None if it is in order."""
    to, body = form.get("To", ""), form.get("Body", "")
    checks: list[tuple[bool, int]] = [
        (not to, 21604),
        (not form.get("From") and not form.get("MessagingServiceSid"), 21603),
        (not _E164.fullmatch(to), 21211),
        (not body, 21602),
        (len(body) > 1600, 21617),
        (not _is_url(form.get("StatusCallback", "http://x")), 21609),
        (not 1 <= _number(form.get("ValidityPeriod", "36000")) <= 36_000, 90007),
    ]
    return next((code for wrong, code in checks if wrong), MAGIC_NUMBERS.get(to))


def _is_url(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "_" not in parts.netloc


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def refuse(
    exchange: Exchange, code: int, about: str = "", *, headers: Mapping[str, str] | None = None
) -> None:
    status, text = ERRORS.get(code, (400, "The request was refused"))
    body = {
        "code": code,
        "message": text.format(about=about),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    exchange.answer(status, as_json(body), answer_headers() | dict(headers or {}))


def answer_headers() -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "Date": rfc_2822(time.time()).replace("+0000", "GMT"),
        "Twilio-Concurrent-Requests": "1",
        "Twilio-Request-Id": new_sid("RQ"),
    }
