"""Mail relay: its address in the settings, and a connection to it."""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from select import POLLIN, poll
from time import monotonic
from urllib.parse import parse_qs, unquote, urlsplit

from followup.domain.errors import ConfigurationError
from followup.providers.http import deadlines as bounded

URL_FORM = "smtp://USER:PASSWORD@HOST:587?starttls=required, or smtps://USER:PASSWORD@HOST:465"
STARTTLS_CHOICES = ("required", "opportunistic", "never")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRelay:
    """A mail server and how to speak to it.

    `starttls`: `required` encrypts and checks who it is (the default), `opportunistic` encrypts if
    offered without asking who it is (the default on loopback), `never` does not encrypt.
    """

    host: str
    port: int
    implicit_tls: bool
    starttls: str
    user: str | None
    password: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> MailRelay:
        """Read FOLLOWUP_SMTP_URL; raise `ConfigurationError` that never quotes the password."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        try:
            port = parts.port
        except ValueError as error:
            raise _refusal("its port is not a number") from error
        if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
            raise _refusal("it is not the address of a mail server")
        default = "opportunistic" if is_loopback(parts.hostname) else "required"
        starttls = query.pop("starttls", [default])[-1]
        if query or starttls not in STARTTLS_CHOICES:
            raise _refusal(f"after the ? stands starttls= and one of {', '.join(STARTTLS_CHOICES)}")
        implicit = parts.scheme == "smtps"
        checked = implicit or starttls == "required" or is_loopback(parts.hostname)
        if parts.username and not checked:
            raise _refusal("a password must not go to a server that nothing vouches for")
        return cls(
            host=parts.hostname,
            port=port or (465 if implicit else 587),
            implicit_tls=implicit,
            starttls="never" if implicit else starttls,
            user=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password or ""),
        )

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


class RelayConnection(smtplib.SMTP):
    """A session with a relay whose steps together take no longer than is left."""

    def __init__(self, relay: MailRelay, left: bounded.Left, *, tls: ssl.SSLContext) -> None:
        self.left = left
        self.idle_since = monotonic()
        self._relay = relay
        self._tls = tls
        try:
            super().__init__(relay.host, relay.port, local_hostname=_own_name())
            self.ehlo_or_helo_if_needed()
            self._encrypt()
            if relay.user is not None:
                self.login(relay.user, relay.password)
        except BaseException:
            self.close()
            raise

    # What follows overrides methods that the standard library means to be overridden, or calls.

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:  # noqa: ARG002
        sock = bounded.connect((host, port), self.left)
        if self._relay.implicit_tls:
            sock.settimeout(max(self.left(), bounded.SHORTEST_TIMEOUT))
            return self._tls.wrap_socket(sock, server_hostname=host)
        return sock

    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = bounded.reader(self.sock, lambda: self.left())  # noqa: PLW0108 - it changes
        return super().getreply()

    def send(self, s: bytes | str) -> None:  # type: ignore[override]
        if self.sock is not None:
            self.sock.settimeout(max(self.left(), bounded.SHORTEST_TIMEOUT))
        super().send(s)

    @property
    def is_open(self) -> bool:
        """Whether the server neither closed the session nor said anything unasked."""
        if self.sock is None:
            return False
        watch = poll()
        watch.register(self.sock, POLLIN)
        return not watch.poll(0)

    def _encrypt(self) -> None:
        offered = self.has_extn("starttls")
        if self._relay.starttls == "required" and not offered:
            raise smtplib.SMTPNotSupportedError("the mail server offers no STARTTLS")
        if self._relay.starttls == "never" or not offered:
            return
        trusting = self._tls if self._relay.starttls == "required" else unchecked_context()
        self.starttls(context=trusting)
        self.ehlo_or_helo_if_needed()


@cache
def unchecked_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@cache
def _own_name() -> str:
    """Return how we introduce ourselves, without asking a name server, which may be slow."""
    name = socket.gethostname()
    return name if "." in name and name.isascii() else "[127.0.0.1]"


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refusal(problem: str) -> ConfigurationError:
    return ConfigurationError(f"FOLLOWUP_SMTP_URL is wrong: {problem}; it looks like {URL_FORM}")
