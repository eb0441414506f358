"""Twilio: texts through the official client, with every outcome sorted by what it proves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from twilio.http.response import Response
from twilio.rest import Client

from followup.channels.interface import (
    Absent,
    CannotTell,
    ChannelKind,
    Outgoing,
    Report,
    Sought,
)
from followup.channels.kept_alive import AnswerLost, NotReached
from followup.channels.twilio_errors import Verdict, meaning_of, reason_of
from followup.channels.twilio_hooks import STATUS_PATH, Signatures
from followup.channels.twilio_http import TWILIO_API_URL, LeanHttpClient
from followup.channels.twilio_messages import find_match, report_of
from followup.domain.errors import (
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    ConfigurationError,
    OutcomeUnknown,
)

PAGE_SIZE = 100
MAX_PAGES = 50
"""A number with more messages than this would need another way of looking."""

_SHORTEST_VALIDITY = 1
_LONGEST_VALIDITY = 36_000
"""Seconds, by Twilio's API description of ValidityPeriod."""

_SERVICE = re.compile(r"MG[0-9a-fA-F]{32}")
_MESSAGE = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")
_TOO_MANY_REQUESTS = 429
_NOT_FOUND = 404
_FIRST_SERVER_ERROR = 500


class TwilioChannel:
    """Texts through one Twilio account. Safe to share between threads.

    `sender` is a number or an alphanumeric name; `messaging_service_sid` takes its place where the
    account has a Messaging Service. `public_url` is where Twilio reports what became of a text.
    Time-outs are in seconds.
    """

    provider = "twilio"
    kind = ChannelKind.SMS

    def __init__(
        self,
        account_sid: str,
        auth_token: str,
        *,
        public_url: str,
        sender: str | None = None,
        messaging_service_sid: str | None = None,
        api_url: str = TWILIO_API_URL,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        pool_size: int = 32,
    ) -> None:
        chosen = messaging_service_sid or sender
        if not chosen:
            raise ConfigurationError(
                "Twilio needs a sender: set FOLLOWUP_TWILIO_FROM to a number or name, or "
                "FOLLOWUP_TWILIO_MESSAGING_SERVICE_SID to the SID of a Messaging Service"
            )
        self.sender = chosen
        self.longest_call = timedelta(seconds=connect_timeout + read_timeout)
        self.signatures = Signatures(auth_token, public_url=public_url)
        self._status_url = f"{public_url.rstrip('/')}{STATUS_PATH}"
        self._list_url = f"{TWILIO_API_URL}/2010-04-01/Accounts/{account_sid}/Messages.json"
        self._http = LeanHttpClient(
            api_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            pool_size=pool_size,
        )
        # A non-empty environment keeps the client from reading the process's own.
        self._client = Client(
            account_sid,
            auth_token,
            http_client=self._http,
            environment={"TWILIO_ACCOUNT_SID": account_sid},
        )

    def send(self, outgoing: Outgoing) -> Report:
        """Hand one text over; raise `ChannelRefused`, `ChannelUnavailable` or `OutcomeUnknown`."""
        # The client's own `request`, because `messages.create` hides what an error must be judged
        # by: headers, and whether a 2xx could be read.
        try:
            response = self._client.request("POST", self._list_url, data=self._form(outgoing))
        except NotReached as error:
            raise ChannelUnavailable("not-reached", str(error)) from error
        except AnswerLost as error:
            raise OutcomeUnknown("answer-lost", str(error)) from error
        if not response.ok:
            raise _refusal(response)
        payload = _parse(response)
        if response.status_code >= 300 or not _is_message(payload):  # noqa: PLR2004
            raise OutcomeUnknown("unreadable-answer", f"HTTP {response.status_code} without a SID")
        return report_of(payload)

    def find(self, sought: Sought) -> Report | Absent | CannotTell:
        """Look for a text among those to its number, by sender, words and time.

        Twilio lists a text by its sending date, and has none for one that is still queued, so the
        plain list is read as well as the dated one.
        """
        sender = self._sender_fields(sought.outgoing)
        to = {"To": sought.outgoing.to, "PageSize": PAGE_SIZE}
        since = {"DateSent>": find_match.earliest(sought).date().isoformat()}
        for params in (to | since, to):
            found = find_match(self._pages(params), sought, sender=sender)
            if not isinstance(found, Absent):
                return found
        return Absent()
