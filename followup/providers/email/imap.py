"""Bounce mailbox behind IMAP (RFC 9051): what came in lately, each mail by a place of its own.

What is taken is decided by the ledger, not by the mark "read": a colleague who opens a mail in the
same mailbox, or a crash, must not make us miss one.
"""

from __future__ import annotations

import contextlib
import imaplib
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from followup.domain.errors import ChannelDown, ConfigurationError
from followup.providers.email.relay import STARTTLS_CHOICES, is_loopback, unchecked_context
from followup.providers.email.returned_mail import LONGEST_MAIL

URL_FORM = "imaps://USER:PASSWORD@HOST:993/FOLDER, or imap://USER:PASSWORD@HOST:143/FOLDER"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_FOLDER = re.compile(r"[ !#-\[\]-~]{1,100}")
"""What a folder's name may hold without the encoding that IMAP has of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxAddress:
    """An IMAP server and a folder on it. `starttls` has the meaning that it has of a relay."""

    host: str
    port: int
    implicit_tls: bool
    starttls: str
    user: str
    password: str = field(repr=False)
    folder: str

    @classmethod
    def parse(cls, url: str) -> MailboxAddress:
        """Read FOLLOWUP_BOUNCE_IMAP_URL; raise `ConfigurationError`, without the password."""
        parts = urlsplit(url)
        query = parse_qs(parts.query)
        try:
            port = parts.port
        except ValueError:
            raise _refusal("its port is not a number") from None
        if parts.scheme not in {"imap", "imaps"} or not parts.hostname:
            raise _refusal("it is not the address of an IMAP server")
        if not parts.username or parts.password is None:
            raise _refusal("it names no user and password")
        default = "opportunistic" if is_loopback(parts.hostname) else "required"
        starttls = query.pop("starttls", [default])[-1]
        if query or starttls not in STARTTLS_CHOICES:
            raise _refusal(f"after the ? stands starttls= and one of {', '.join(STARTTLS_CHOICES)}")
        implicit = parts.scheme == "imaps"
        if not (implicit or starttls == "required" or is_loopback(parts.hostname)):
            raise _refusal("a password must not go to a server that nothing vouches for")
        folder = unquote(parts.path.lstrip("/")) or "INBOX"
        if not _FOLDER.fullmatch(folder):
            raise _refusal("the name of its folder holds more than ASCII letters and signs")
        return cls(
            host=parts.hostname,
            port=port or (993 if implicit else 143),
            implicit_tls=implicit,
            starttls="never" if implicit else starttls,
            user=unquote(parts.username),
            password=unquote(parts.password),
            folder=folder,
        )

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}/{self.folder}"


class ImapMailbox:
    """A mailbox that bounces come to. Every method of a session raises `ChannelDown`.

    `timeout` is how many seconds each answer of the server may take.
    """

    def __init__(
        self, url: str, *, timeout: float = 10.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.address = MailboxAddress.parse(url)
        self._timeout = timeout
        self._tls = tls or ssl.create_default_context()

    @contextlib.contextmanager
    def session(self) -> Iterator[ImapSession]:
        """Open the folder, and close it afterwards whatever happened."""
        with self._troubles():
            connection = self._connect()
        try:
            with self._troubles():
                yield ImapSession(connection, self.address)
        finally:
            with contextlib.suppress(imaplib.IMAP4.error, OSError):
                connection.logout()

    def _connect(self) -> imaplib.IMAP4:
        host, port = self.address.host, self.address.port
        if self.address.implicit_tls:
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(
                host, port, ssl_context=self._tls, timeout=self._timeout
            )
        else:
            connection = imaplib.IMAP4(host, port, timeout=self._timeout)
        try:
            self._encrypt(connection)
            connection.login(self.address.user, self.address.password)
        except BaseException:
            # Closed already where it was the encryption that failed.
            with contextlib.suppress(OSError):
                connection.shutdown()
            raise
        return connection

    def _encrypt(self, connection: imaplib.IMAP4) -> None:
        wanted = self.address.starttls
        offered = "STARTTLS" in connection.capabilities
        if wanted == "required":
            # Raises where the server offers none: the password does not go in the clear.
            connection.starttls(self._tls)
        elif wanted == "opportunistic" and offered:
            connection.starttls(unchecked_context())

    @contextlib.contextmanager
    def _troubles(self) -> Iterator[None]:
        try:
            yield
        except (imaplib.IMAP4.error, OSError) as error:
            trouble = f"the bounce mailbox {self.address.name} can't be read: {_said(error)}"
            raise ChannelDown("mailbox", trouble) from None


class ImapSession:
    """An open folder."""

    def __init__(self, connection: imaplib.IMAP4, address: MailboxAddress) -> None:
        self._imap = connection
        _ok(connection.select(f'"{address.folder}"'))
        _, validity = connection.response("UIDVALIDITY")
        epoch = _text(validity[0]) if validity and validity[0] else "0"
        self._where = f"{address.host}/{address.user}/{address.folder}/{epoch}"

    def recent(self, since: date) -> dict[str, str]:
        """Return the mails that are unread or came in since that day: their UIDs by their places.

        A place stays the same for ever; a server that numbers anew says so, and makes new ones.
        """
        day = f"{since.day}-{_MONTHS[since.month - 1]}-{since.year}"
        [found] = _ok(self._imap.uid("SEARCH", "OR", "UNSEEN", "SINCE", day)) or [b""]
        return {f"{self._where}/{uid}": uid for uid in _text(found).split()}

    def fetch(self, uid: str) -> bytes | None:
        """Return a mail, as far as it is looked at, unchanged; None for one that is gone."""
        part = f"(BODY.PEEK[]<0.{LONGEST_MAIL}>)"
        for answer in _ok(self._imap.uid("FETCH", uid, part)):
            if isinstance(answer, tuple):
                return bytes(answer[1])
        return None

    def mark_read(self, uid: str) -> None:
        """Mark a mail as read."""
        _ok(self._imap.uid("STORE", uid, "+FLAGS.SILENT", r"(\Seen)"))


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    status, content = answer
    if status != "OK":
        said = _text(content[0]) if content and content[0] else status
        raise imaplib.IMAP4.error(said)
    return [each for each in content if each is not None]


def _text(said: object) -> str:
    return said.decode("ascii", "replace") if isinstance(said, bytes) else str(said)


def _said(error: Exception) -> str:
    """Return what a server or the network said, on one line and not for ever."""
    [*said] = map(_text, error.args)
    return " ".join(" ".join(said or [type(error).__name__]).split())[:200]


def _refusal(problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"FOLLOWUP_BOUNCE_IMAP_URL is wrong: {problem}; it looks like {URL_FORM}"
    )
