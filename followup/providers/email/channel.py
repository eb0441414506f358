"""E-mail channel over SMTP, with every outcome sorted by what it proves.

An e-mail is the relay's from the moment at which it answers the end of the content with 250. Before
that end has left us it is provably not taken; between the end and the answer, nobody knows.
"""

from __future__ import annotations

import os
import re
import smtplib
import ssl
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from time import monotonic

from followup.clock import SystemClock
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelDown, ChannelRefused, ConfigurationError, OutcomeUnknown
from followup.providers.email.message import ComposedEmail, compose
from followup.providers.email.relay import MailRelay, RelayConnection
from followup.providers.email.reply_codes import SmtpReply, failure_of
from followup.providers.http import deadlines as bounded
from followup.providers.interface import (
    Absent,
    CannotTell,
    Outgoing,
    ProviderReport,
    ReportedStatus,
    Sought,
)

IDLE_LIMIT = 20.0
"""Seconds after which an unused session is given up."""

MOST_IDLE_SESSIONS = 32
"""Sessions that are kept open at most."""

CONTENT_TIMEOUT = 30.0
"""Seconds that the answer to the content may take: relays scan before they answer."""

_OK = 250
_WILL_FORWARD = 251
_GO_AHEAD = 354
_NOT_NOW = frozenset({421, 503})
"""Answers of a session that has grown too old, rather than of its server to this e-mail."""


class _SessionOver(Exception):
    """The session broke before the content had left: safe to begin again."""


class SmtpChannel:
    """E-mail through one relay. Safe to share between threads.

    `url` is FOLLOWUP_SMTP_URL. `sender` is the From of an e-mail that names none. Time-outs are in
    seconds: `connect_timeout` and `read_timeout` together bound everything up to the end of the
    content, `CONTENT_TIMEOUT` the answer to it. `now` tells the real time, for the Date header.
    """

    provider = "smtp"
    account = ""
    kind = ChannelKind.EMAIL
    can_look = False

    def __init__(
        self,
        url: str,
        *,
        sender: str | None = None,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._relay = MailRelay.parse(url)
        self.sender = self._relay.name
        self.longest_call = timedelta(seconds=connect_timeout + read_timeout + CONTENT_TIMEOUT)
        self._from = sender
        self._seconds = connect_timeout + read_timeout
        self._tls = tls or ssl.create_default_context()
        self._now = now or SystemClock().real_now
        self._idle: deque[RelayConnection] = deque()
        self._owner = os.getpid()

    def send(self, outgoing: Outgoing) -> ProviderReport:
        """Hand an e-mail over; raise `ChannelRefused`, `ChannelUnavailable` or `OutcomeUnknown`."""
        sender = outgoing.sender or self._from
        if sender is None:
            raise ConfigurationError(
                "an e-mail needs a sender: set email_from in the clinic's file"
            )
        letter = compose(outgoing, sender=sender, date=self._now())
        left = bounded.after(self._seconds)
        kept = self._take(left)
        try:
            if kept is not None:
                return self._hand_over(kept, letter)
        except _SessionOver:
            pass
        try:
            return self._hand_over(self._connect(left), letter)
        except _SessionOver as error:
            raise ChannelDown("session-over", str(error)) from error

    def find(self, sought: Sought) -> CannotTell:  # noqa: ARG002 - nobody can be asked
        """Say that nobody can tell: a relay can't be asked what it took."""
        return CannotTell()

    def poll(self, provider_id: str) -> ProviderReport | Absent | CannotTell:  # noqa: ARG002
        """Say that nobody can tell: a relay can't be asked how an e-mail fares."""
        return CannotTell()

    def close(self) -> None:
        """Close the sessions that are not in use."""
        while self._idle:
            _hang_up(self._idle.pop())

    def _take(self, left: bounded.Left) -> RelayConnection | None:
        if self._owner != os.getpid():
            # A forked child must not write into its parent's sessions; they stay open there.
            self._owner = os.getpid()
            while self._idle:
                self._idle.pop().close()
        while self._idle:
            try:
                session = self._idle.pop()
            except IndexError:
                break  # Another thread was quicker.
            if session.is_open and monotonic() - session.idle_since < IDLE_LIMIT:
                session.left = left
                return session
            session.close()
        return None

    def _connect(self, left: bounded.Left) -> RelayConnection:
        try:
            return RelayConnection(self._relay, left, tls=self._tls)
        except (smtplib.SMTPException, OSError) as error:
            # Also with a 5xx: it is about us or the server, not about this e-mail, and waits for
            # whoever can mend it.
            code = getattr(error, "smtp_code", None)
            name = "not-reached" if code is None else f"{code}"
            raise ChannelDown(name, _trouble(self._relay, error)) from error

    def _hand_over(self, session: RelayConnection, letter: ComposedEmail) -> ProviderReport:
        """Send a letter and keep the session if it is in a state to be used again."""
        try:
            report = _transact(session, letter)
            session.left = bounded.after(0.0)
        except ChannelRefused:
            self._reset(session)
            raise
        except BaseException:
            session.close()
            raise
        self._keep(session)
        return report

    def _reset(self, session: RelayConnection) -> None:
        """Leave the refused e-mail behind, so that the session can take the next."""
        try:
            code, _ = session.rset()
        except (smtplib.SMTPException, OSError):
            code = 0
        if code == _OK:
            self._keep(session)
        else:
            session.close()

    def _keep(self, session: RelayConnection) -> None:
        session.idle_since = monotonic()
        if session.sock is not None and len(self._idle) < MOST_IDLE_SESSIONS:
            self._idle.append(session)
        else:
            _hang_up(session)


def _transact(session: RelayConnection, letter: ComposedEmail) -> ProviderReport:
    try:
        _offer(session, letter)
        session.send(_dotted(letter.content))
    except (smtplib.SMTPException, OSError) as error:
        # Also when the content broke off half-way: without its end it is no e-mail.
        raise _SessionOver(f"the session with the mail server broke: {error}") from error
    session.left = bounded.after(CONTENT_TIMEOUT)
    try:
        code, text = session.getreply()
    except (smtplib.SMTPException, OSError) as error:
        raise OutcomeUnknown("answer-lost", f"no answer to the content: {error}") from error
    if code == _OK:
        return ProviderReport(provider_id=letter.message_id, status=ReportedStatus.SENT)
    reply = SmtpReply.of("content", code, text)
    raise failure_of(reply) or OutcomeUnknown(reply.name, "an answer that means nothing")


def _offer(session: RelayConnection, letter: ComposedEmail) -> None:
    """Name sender and recipient, and get leave to send the content."""
    options = [f"SIZE={len(letter.content)}"] if session.has_extn("size") else []
    about_recipient = []
    if session.has_extn("dsn"):
        # RFC 3461: our id comes back with a report, the advice does not, and no news of success.
        options += ["RET=HDRS", f"ENVID={letter.envelope_id}"]
        about_recipient = ["NOTIFY=FAILURE", f"ORCPT=rfc822;{_xtext(letter.recipient)}"]
    _expect("MAIL", session.mail(letter.sender, options), {_OK})
    _expect("RCPT", session.rcpt(letter.recipient, about_recipient), {_OK, _WILL_FORWARD})
    _expect("DATA", session.docmd("DATA"), {_GO_AHEAD})
    if session.left() <= 0:
        raise _SessionOver("the mail server took too long")


def _xtext(text: str) -> str:
    """Return text as a parameter may hold it (RFC 3461, 4)."""
    return re.sub(r"[^!-~]|[+=]", lambda match: f"+{ord(match[0]):02X}", text)


def _expect(to: str, answer: tuple[int, bytes], wanted: set[int]) -> None:
    code, text = answer
    if code in wanted:
        return
    if code in _NOT_NOW:
        raise _SessionOver(f"the mail server answered {to} with {code}")
    reply = SmtpReply.of(to, code, text)
    raise failure_of(reply) or _SessionOver(f"the mail server answered {to} with {code}")


def _dotted(content: bytes) -> bytes:
    """Return the content as DATA wants it: dots at line starts doubled, and its end (RFC 5321)."""
    ended = content if content.endswith(b"\r\n") else content + b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", ended) + b".\r\n"


def _hang_up(session: RelayConnection) -> None:
    session.left = bounded.after(1.0)
    try:
        session.quit()
    except (smtplib.SMTPException, OSError):
        session.close()


def _trouble(relay: MailRelay, error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"{relay.name} rejects our user name or password"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{relay.name} answered {error.smtp_code} before any e-mail was offered"
    return f"no session with {relay.name}: {error}"
