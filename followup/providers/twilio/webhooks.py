"""Twilio webhooks: receipts and inbound texts, and their signature."""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from twilio.request_validator import RequestValidator, get_signature_algorithm

from followup.domain.errors import InvalidInput
from followup.providers.interface import Outgoing, ProviderReport
from followup.providers.twilio.inbound_text import InboundText
from followup.providers.twilio.messages import is_sid, make_report

STATUS_PATH = "/hooks/twilio/status"
INBOUND_PATH = "/hooks/twilio/inbound"

SIGNATURE_HEADER = "X-Twilio-Signature"
SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"

# The client annotates neither.
_Validator: Callable[[str], Any] = RequestValidator
_algorithm_of: Callable[[str], str] = get_signature_algorithm

_COUNT = re.compile(r"[0-9]{1,3}")
_OURS = 2
"""How many parameters the address of a receipt has."""
_STANDARD_PORTS = {"https": 443, "http": 80}


class Signatures:
    """Checks that a request was signed with our auth token, which Twilio alone knows besides us.

    Twilio signs the address that it was given, so the address is put together from `public_url`
    and the path and query as received: behind a proxy the request itself tells another one.
    """

    def __init__(self, auth_token: str, *, public_url: str, shared_key: str | None = None) -> None:
        self._public_url = public_url.rstrip("/")
        self._validators = {
            # The header that names a shared key and an algorithm is there or not.
            False: _Validator(auth_token),
            True: _Validator(shared_key or auth_token),
        }

    def verify(
        self, path: str, params: Mapping[str, Any], signature: str | None, *, settings: str = ""
    ) -> bool:
        """Say whether the signature is Twilio's.

        `path` is path and query as received, undecoded (of a whole address, the host is not looked
        at); `params` the form, empty values included, where a multi-dict (`getlist` or `getall`)
        keeps repeated fields. `settings` is the header that names another algorithm than HMAC-SHA1
        and goes with a shared key.
        """
        sign = self._validators[bool(settings)].compute_signature
        algorithm = _algorithm_of(settings)
        try:
            expected = [sign(url, params, algorithm) for url in self._spellings(path)]
        except ValueError:
            return False  # An algorithm that the client does not know.
        given = (signature or "").encode()
        matches = [hmac.compare_digest(one.encode(), given) for one in expected]
        return any(matches)

    def _spellings(self, path: str) -> list[str]:
        """Return the address with and without a standard port, and its query in either order.

        Twilio signs the address that it was given, with the port or without it; one that sorts the
        query, before or after it signs, signs the same address all the same.
        """
        if "://" in path:
            path = urlsplit(path)._replace(scheme="", netloc="").geturl()
        return [address for each in _either_order(path) for address in self._with_ports(each)]

    def _with_ports(self, path: str) -> list[str]:
        parts = urlsplit(self._public_url)
        standard = _STANDARD_PORTS[parts.scheme]
        if parts.port not in {None, standard}:
            return [f"{self._public_url}{path}"]
        host = parts.netloc.removesuffix(f":{standard}")
        return [
            f"{parts.scheme}://{netloc}{parts.path}{path}"
            for netloc in (host, f"{host}:{standard}")
        ]


def _either_order(path: str) -> list[str]:
    """Return the path as received and, where its query is two parameters, with those swapped.

    That says the same to us, who read them by their names; so one name twice is left as it is.
    """
    bare, _, query = path.partition("?")
    pairs = query.split("&")
    if len({pair.partition("=")[0] for pair in pairs}) != _OURS or len(pairs) != _OURS:
        return [path]
    return [path, f"{bare}?{pairs[1]}&{pairs[0]}"]


def status_url(public_url: str, outgoing: Outgoing) -> str:
    """Return where Twilio reports on an attempt; our ids in it settle one whose answer was lost.

    They stand in alphabetical order, so that sorting them changes nothing of what is signed.
    """
    ours = f"attempt={outgoing.attempt_id}&message={outgoing.message_id}"
    return f"{public_url.rstrip('/')}{STATUS_PATH}?{ours}"


def ids_of(query: Mapping[str, str]) -> tuple[UUID, UUID] | None:
    """Return the message and attempt ids of a callback's query; None if it does not carry both."""
    try:
        return UUID(query["message"]), UUID(query["attempt"])
    except (KeyError, ValueError):
        return None


def parse_status(params: Mapping[str, str]) -> ProviderReport:
    """Return the report in a status callback; raise `InvalidInput` if there is none in it."""
    sid = params.get("MessageSid") or params.get("SmsSid")
    status = params.get("MessageStatus") or params.get("SmsStatus")
    if not is_sid(sid):
        raise InvalidInput.of("MessageSid", "this must be the SID of a message")
    if not status:
        raise InvalidInput.of("MessageStatus", "this must be the status of the message")
    return make_report(sid, status, params.get("ErrorCode"))


def parse_inbound(params: Mapping[str, str]) -> InboundText:
    """Return the text that a patient sent; raise `InvalidInput` if there is none in it."""
    sid = params.get("MessageSid") or params.get("SmsSid")
    if not is_sid(sid):
        raise InvalidInput.of("MessageSid", "this must be the SID of a message")
    if not params.get("From"):
        raise InvalidInput.of("From", "this must be the number that sent the text")
    media = params.get("NumMedia", "")
    return InboundText(
        provider_id=sid,
        from_=params["From"],
        to=params.get("To", ""),
        body=params.get("Body", ""),
        media_count=int(media) if _COUNT.fullmatch(media) else 0,
        opt_out_type=params.get("OptOutType", "").upper() or None,
    )
