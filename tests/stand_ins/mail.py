"""A real SMTP server on loopback (aiosmtpd) that can refuse, stall and break off at each step.

with MailServer() as server:
    channel = SmtpChannel(server.url)
    server.plan("RCPT", "550 5.1.1 no such user")   # the next RCPT is answered so
    server.plan("content", RESET)                   # takes the next e-mail, and breaks off
    server.letters                                  # everything that it ever took
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import warnings
from collections import defaultdict, deque
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, Self, cast

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.servers import free_port

RESET = "reset"
CLOSE = "close"
SILENCE = "silence"
"""What a plan may have instead of a reply."""

USER, PASSWORD = "clinic", "a p@ss/word"


@dataclass(frozen=True, slots=True)
class Letter:
    """One e-mail that was taken, with its envelope."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=policy.default)


class MailServer:
    """The server in a thread of this process. With `tls`, it offers STARTTLS (or speaks TLS only).

    With `auth`, it asks for the name and password above. With `dsn`, it offers status reports (RFC
    3461) and keeps in `asked` what was asked of them.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        auth: bool = False,
        dsn: bool = False,
    ) -> None:
        self.dsn = dsn
        self.asked: list[str] = []
        self.letters: list[Letter] = []
        self.sessions = 0
        self._plans: defaultdict[str, deque[str]] = defaultdict(deque)
        self._transports: set[asyncio.Transport] = set()
        self._implicit = implicit
        self._controller = _Controller(self, tls=tls, implicit=implicit, auth=auth)

    @property
    def port(self) -> int:
        return self._controller.port

    @property
    def url(self) -> str:
        return f"smtp{'s' if self._implicit else ''}://127.0.0.1:{self.port}"

    def plan(self, step: str, *replies: str) -> None:
        """Answer the next steps so: `connect`, `MAIL`, `RCPT`, `DATA` or `content`."""
        self._plans[step].extend(replies)

    def break_off(self) -> None:
        """Reset every connection that is open."""
        for transport in list(self._transports):
            self._controller.loop.call_soon_threadsafe(_reset, transport)

    def __enter__(self) -> Self:
        self._controller.start()
        self.sessions = 0  # Starting tried it once.
        return self

    def __exit__(self, *exception: object) -> None:
        for transport in list(self._transports):
            self._controller.loop.call_soon_threadsafe(transport.abort)
        self._controller.stop()

    # What aiosmtpd calls at each step.

    async def handle_EHLO(  # noqa: N802 - aiosmtpd calls it so
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:1], *(["250-DSN"] if self.dsn else []), *responses[1:]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        planned = await self._planned("MAIL", server)
        if planned is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return planned or "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        planned = await self._planned("RCPT", server)
        if planned is None:
            envelope.rcpt_tos.append(address)
        return planned or "250 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        plan = self._plans["content"]
        if not (plan and plan[0][:1] in "45"):
            content = cast("bytes", envelope.content)
            taken = Letter(str(envelope.mail_from), tuple(envelope.rcpt_tos), content)
            self.letters.append(taken)
        return await self._planned("content", server) or "250 OK"

    async def _planned(self, step: str, server: SMTP) -> str | None:
        """Return the reply that is planned for a step; break off or fall silent if that is."""
        if not self._plans[step]:
            return None
        planned = self._plans[step].popleft()
        transport = cast("asyncio.Transport", server.transport)
        if planned == RESET:
            _reset(transport)
        elif planned == CLOSE:
            transport.close()
        if planned in {RESET, CLOSE, SILENCE}:
            await asyncio.sleep(3600)
        return planned


class _Controller(Controller):
    def __init__(
        self, owner: MailServer, *, tls: ssl.SSLContext | None, implicit: bool, auth: bool
    ) -> None:
        self._owner = owner
        self._options: dict[str, Any] = {"enable_SMTPUTF8": False}
        if tls and not implicit:
            self._options |= {"tls_context": tls, "require_starttls": True}
        if auth:
            self._options |= {
                "authenticator": _authenticate,
                "auth_required": True,
                "auth_require_tls": not implicit,
            }
        super().__init__(
            owner, hostname="127.0.0.1", port=free_port(), ssl_context=tls if implicit else None
        )

    def factory(self) -> SMTP:
        return _Session(self._owner, **self._options)


class _Session(SMTP):
    def __init__(self, owner: MailServer, **options: Any) -> None:
        self._owner = owner
        with warnings.catch_warnings():
            # It does not know that a session may be encrypted from the start.
            warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
            super().__init__(owner, **options)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._owner.sessions += self.transport is None  # It is made anew by STARTTLS.
        self._owner._transports.add(cast("asyncio.Transport", transport))
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._owner._transports = {
            transport for transport in self._owner._transports if not transport.is_closing()
        }
        super().connection_lost(error)

    async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - as above
        planned = await self._owner._planned("connect", self)
        if planned is not None:
            await self.push(planned)
            return
        await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:  # noqa: N802 - as above
        planned = await self._owner._planned("connect", self)
        if planned is not None:
            await self.push(planned)
            return
        await super().smtp_HELO(hostname)

    async def smtp_MAIL(self, arg: str | None) -> None:  # noqa: N802 - as above
        await super().smtp_MAIL(self._without_dsn(arg))

    async def smtp_RCPT(self, arg: str | None) -> None:  # noqa: N802 - as above
        await super().smtp_RCPT(self._without_dsn(arg))

    def _without_dsn(self, arg: str | None) -> str | None:
        """Keep the parameters of RFC 3461, which aiosmtpd does not know, and take them off."""
        if arg is None or not self._owner.dsn:
            return arg
        about = ("RET=", "ENVID=", "NOTIFY=", "ORCPT=")
        words = arg.split(" ")
        self._owner.asked += [word for word in words if word.startswith(about)]
        return " ".join(word for word in words if not word.startswith(about))

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - as above
        planned = await self._owner._planned("DATA", self)
        if planned is not None:
            await self.push(planned)
            return
        await super().smtp_DATA(arg)


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: LoginPassword
) -> AuthResult:
    right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


def _reset(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
