"""Twilio channel: texts through the official client, with every outcome sorted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from twilio.http.response import Response
from twilio.rest import Client

from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelDown, ChannelError, ConfigurationError, OutcomeUnknown
from followup.providers.http.connection_pool import AnswerLost, NotReached
from followup.providers.interface import (
    Absent,
    CannotTell,
    Listed,
    Outgoing,
    ProviderReport,
    Sought,
)
from followup.providers.twilio.client import (
    TWILIO_API_URL,
    TWILIO_MESSAGING_URL,
    LeanHttpClient,
    messaging_url_of,
)
from followup.providers.twilio.messages import Search, is_service, is_sid, listed_of, report_of
from followup.providers.twilio.responses import Listing, Pool, failure_of, payload_of, unread
from followup.providers.twilio.webhooks import Signatures, status_url

PAGE_SIZE = 100
MAX_PAGES = 50
"""A number that was sent more texts than this needs a person to look."""

LONG_PAGE, MOST_LONG_PAGES = 1000, 1000
"""For the lists of a whole account: the longest page that Twilio gives, and a million texts."""

MOST_ASKED = 10
"""Of more numbers than this, the list of the whole account costs fewer requests than each one's."""
MOST_INBOX_PAGES = 50

POOL = (
    ("PhoneNumbers", "phone_numbers", "phone_number"),
    ("ShortCodes", "short_codes", "short_code"),
    ("ChannelSenders", "senders", "sender"),
)
"""The senders of a Messaging Service: the list's name, its key, and the field with the sender."""

VALIDITY = (1, 36_000)
"""The least and most seconds of ValidityPeriod, by Twilio's API description."""

_OK = 200
_CREATED = 201
_NOT_FOUND = 404


class TwilioChannel:
    """Texts through one Twilio account. Safe to share between threads.

    `sender` is a number or an alphanumeric name; `messaging_service_sid` takes its place where the
    account has a Messaging Service. `public_url` is where Twilio reports what became of a text.
    Time-outs are in seconds.
    """

    provider = "twilio"
    kind = ChannelKind.SMS
    can_look = True

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
        self.account = account_sid
        self.sender = chosen
        self.longest_call = timedelta(seconds=connect_timeout + read_timeout)
        self.signatures = Signatures(auth_token, public_url=public_url)
        self._public_url = public_url
        self._messages = f"{TWILIO_API_URL}/2010-04-01/Accounts/{account_sid}/Messages"
        self._http = LeanHttpClient(
            api_url,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            pool_size=pool_size,
        )
        # An environment of its own keeps the client from reading the process's.
        own = {"TWILIO_ACCOUNT_SID": account_sid}
        make_client: Callable[..., Client] = Client  # Its constructor is not annotated in full.
        self._client = make_client(account_sid, auth_token, http_client=self._http, environment=own)
        self._services_http = LeanHttpClient(
            messaging_url_of(api_url),
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            pool_size=1,
            stands_for=TWILIO_MESSAGING_URL,
        )
        self._services = make_client(
            account_sid, auth_token, http_client=self._services_http, environment=own
        )

    def send(self, outgoing: Outgoing) -> ProviderReport:
        """Hand one text over; raise `ChannelRefused`, `ChannelUnavailable` or `OutcomeUnknown`."""
        # Not by `messages.create`, which hides what an outcome is judged by: the headers of an
        # error, and whether a success could be read.
        try:
            response = self._client.request(
                "POST", f"{self._messages}.json", data=self._form(outgoing)
            )
        except NotReached as error:
            raise ChannelDown("not-reached", str(error)) from error
        except AnswerLost as error:
            raise OutcomeUnknown("answer-lost", str(error)) from error
        payload = payload_of(response)
        if not response.ok:
            raise failure_of(response, payload)
        if response.status_code != _CREATED or not is_sid(payload.get("sid")):
            raise OutcomeUnknown("unreadable", f"HTTP {response.status_code} without a SID")
        return report_of(payload)

    def find(self, sought: Sought) -> ProviderReport | Absent | CannotTell:
        """Look for a text among all to its number, by sender, words and time.

        A text that is still queued has no sending date, so it is in no dated list: the plain one
        is read as well before a text is called absent.
        """
        search = Search(sought, sender=sought.outgoing.sender or self.sender)
        to: dict[str, object] = {"To": sought.outgoing.to, "PageSize": PAGE_SIZE}
        dated = to | {"DateSent>": search.earliest.date().isoformat()}
        for params in (dated, to):
            messages = self._listed(params, pages=MAX_PAGES)
            if messages is None:
                return CannotTell()
            found = search.among(messages)
            if not isinstance(found, Absent):
                return found
        return Absent()

    def poll(self, provider_id: str) -> ProviderReport | Absent | CannotTell:
        """Ask how a text fares. Absent means that Twilio has no such text (any more)."""
        if not is_sid(provider_id):
            return CannotTell()
        response = self._get(f"{self._messages}/{provider_id}.json")
        if response is None:
            return CannotTell()
        if response.status_code == _NOT_FOUND:
            return Absent()
        payload = payload_of(response)
        if response.status_code != _OK or payload.get("sid") != provider_id:
            return CannotTell()
        return report_of(payload)

    def answers(self) -> bool:
        """Say whether Twilio answers this account now: it is asked for the last text it knows."""
        response = self._get(f"{self._messages}.json", {"PageSize": 1})
        return Listing.of(response) is not None

    def listed_since(self, since: datetime) -> Sequence[Listed] | None:
        """Return every text of the account since then, in and out; None where not all can be read.

        Of a text that is still queued Twilio knows no sending date, so it is not among them.
        """
        params = {"DateSent>": since.date().isoformat(), "PageSize": LONG_PAGE}
        messages = self._listed(params, pages=MOST_LONG_PAGES)
        if messages is None:
            return None
        texts = [listed_of(message) for message in messages if is_sid(message.get("sid"))]
        known = [one for one in texts if one.created_at is None or one.created_at >= since]
        return sorted(known, key=lambda one: (one.created_at or since, one.provider_id))

    def came_in_since(self, since: datetime, *, senders: Collection[str]) -> Sequence[Listed]:
        """Return the texts that came in for us since then, oldest first; raise `ChannelError`.

        Twilio's lists are by day, in UTC. Texts of its Messaging Service are those to its senders.
        """
        ours = self._that_can_be_answered({self.sender, *senders})
        dated = {"DateSent>": since.date().isoformat(), "PageSize": LONG_PAGE}
        asked = (
            [dated | {"To": each} for each in sorted(ours)] if len(ours) <= MOST_ASKED else [dated]
        )
        texts = [
            listed_of(message)
            for params in asked
            for message in self._read(params, pages=MOST_INBOX_PAGES)
            if is_sid(message.get("sid")) and message.get("to") in ours
        ]
        came_in = [one for one in texts if one.came_in and (one.created_at or since) >= since]
        return sorted(came_in, key=lambda one: (one.created_at or since, one.provider_id))

    def verify_signature(
        self, url: str, params: Mapping[str, Any], signature: str, *, settings: str = ""
    ) -> bool:
        """Say whether Twilio sent this request; see `Signatures.verify`."""
        return self.signatures.verify(url, params, signature, settings=settings)

    def close(self) -> None:
        self._http.close()
        self._services_http.close()

    def _form(self, outgoing: Outgoing) -> dict[str, object]:
        sender = outgoing.sender or self.sender
        least, most = VALIDITY
        return {
            "To": outgoing.to,
            "MessagingServiceSid" if is_service(sender) else "From": sender,
            "Body": outgoing.text,
            "StatusCallback": status_url(self._public_url, outgoing),
            "ValidityPeriod": min(max(int(outgoing.valid_for.total_seconds()), least), most),
        }

    def _listed(self, params: dict[str, object], *, pages: int) -> list[dict[str, Any]] | None:
        """Return every message of a list, page by page; None when not all could be read."""
        try:
            return self._read(params, pages=pages)
        except ChannelError:
            return None

    def _read(self, params: dict[str, object], *, pages: int) -> list[dict[str, Any]]:
        """Return every message of a list, page by page; raise `ChannelError` if not all is read."""
        messages: list[dict[str, Any]] = []
        response = _ask(self._client, f"{self._messages}.json", params)
        for _ in range(pages):
            page = Listing.of(response)
            if page is None:
                raise unread(response)
            messages.extend(page.messages)
            if page.next_page is None:
                return messages
            response = _ask(self._client, f"{TWILIO_API_URL}{page.next_page}")
        raise OutcomeUnknown("too-many", f"the list has more than {pages} pages")

    def _that_can_be_answered(self, senders: Collection[str]) -> set[str]:
        """Return the numbers and channel addresses behind these senders; a name has none."""
        ours = {each for each in senders if not any(char.isalpha() for char in each)}
        for service in sorted(each for each in senders if is_service(each)):
            for name, key, field in POOL:
                ours.update(self._pool(service, name, key=key, field=field))
        return ours

    def _pool(self, service: str, name: str, *, key: str, field: str) -> list[str]:
        senders: list[str] = []
        path: str | None = f"/v1/Services/{service}/{name}"
        params: dict[str, object] | None = {"PageSize": PAGE_SIZE}
        for _ in range(MAX_PAGES):
            response = _ask(self._services, f"{TWILIO_MESSAGING_URL}{path}", params)
            if response.status_code == _NOT_FOUND:
                return []
            page = Pool.of(response, key=key, field=field)
            if page is None:
                raise unread(response)
            senders.extend(page.senders)
            if page.next_page is None:
                return senders
            path, params = page.next_page, None
        raise OutcomeUnknown("too-many", f"{service} has more than {MAX_PAGES} pages of {name}")

    def _get(self, url: str, params: dict[str, object] | None = None) -> Response | None:
        try:
            return _ask(self._client, url, params)
        except ChannelError:
            return None


def _ask(client: Client, url: str, params: dict[str, object] | None = None) -> Response:
    """Return the answer to a question, whatever it says; raise `ChannelError` where none came."""
    try:
        return client.request("GET", url, params=params)
    except NotReached as error:
        raise ChannelDown("not-reached", str(error)) from error
    except AnswerLost as error:
        raise OutcomeUnknown("answer-lost", str(error)) from error
