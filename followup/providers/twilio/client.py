"""Twilio HTTP client behind the official client's `HttpClient` seam.

It costs less than half the processor time of the layer that the client comes with, its time-outs
bound the whole call, and a failure says whether the request can have reached Twilio: `NotReached`
or `AnswerLost`.
"""

from __future__ import annotations

import logging
import ssl
from base64 import b64encode
from functools import lru_cache
from urllib.parse import quote_plus, urlencode, urlsplit

from twilio.http import HttpClient
from twilio.http.response import Response

from followup.domain.errors import ConfigurationError
from followup.providers.http.connection_pool import Connections

TWILIO_API_URL = "https://api.twilio.com"
TWILIO_MESSAGING_URL = "https://messaging.twilio.com"
"""Where Messaging Services are looked up."""


class LeanHttpClient(HttpClient):
    """Calls one base address, whichever host the client means. Safe to share between threads.

    `api_url` takes the place of `stands_for`: one of Twilio's regional addresses, or a stand-in.
    Nothing is logged: bodies and addresses carry patients' numbers.
    """

    def __init__(
        self,
        api_url: str = TWILIO_API_URL,
        *,
        connect_timeout: float,
        read_timeout: float,
        pool_size: int,
        stands_for: str = TWILIO_API_URL,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(logging.getLogger(__name__), is_async=False, timeout=read_timeout)
        self._stands_for = stands_for
        self._base_path = urlsplit(api_url).path.rstrip("/")
        try:
            self._connections = Connections(
                api_url,
                connect_timeout=connect_timeout,
                read_timeout=read_timeout,
                keep=pool_size,
                tls=tls,
            )
        except ValueError as error:
            raise ConfigurationError(f"FOLLOWUP_TWILIO_API_URL: {error}") from error

    def request(  # noqa: PLR0917 - the client's signature
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ARG002 - it is bounded as a whole, for each call alike
        allow_redirects: bool = False,  # noqa: ARG002, FBT001, FBT002 - none is ever followed
    ) -> Response:
        """Make one request; raise `NotReached` or `AnswerLost` when it has no whole answer."""
        if not uri.startswith(f"{self._stands_for}/"):
            raise ValueError(f"this client speaks for {self._stands_for} alone")
        target = self._base_path + uri.removeprefix(self._stands_for)
        if params:
            target += "?" + urlencode(params, doseq=True)
        headers = dict(headers or {})
        if auth:
            headers["Authorization"] = _basic(*auth)
        body = _form(data) if data else None
        answer = self._connections.request(method, target, body=body, headers=headers)
        return Response(answer.status, answer.text, answer.headers)

    def close(self) -> None:
        """Close the connections that are not in use."""
        self._connections.close()


def messaging_url_of(api_url: str) -> str:
    """Return where the Messaging Services of an API address are: in its own region, or stand-in."""
    parts = urlsplit(api_url)
    if not parts.netloc.startswith("api."):
        return api_url
    return parts._replace(netloc=f"messaging.{parts.netloc.removeprefix('api.')}").geturl()


def _form(data: dict[str, object]) -> bytes:
    pairs = [
        f"{name}={_quoted(str(value))}"
        for name, given in data.items()
        for value in (given if isinstance(given, list) else [given])
    ]
    return "&".join(pairs).encode()


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    # The same words go to many patients, and quoting them takes longer than all else of a form.
    return quote_plus(text)


@lru_cache(maxsize=4)
def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
