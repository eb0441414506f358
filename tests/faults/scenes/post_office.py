"""A real mail server that takes, refuses, puts off, hangs, breaks off and kills, by chance."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from email import message_from_bytes, policy
from typing import cast

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.stand_ins.callers import kill_caller
from tests.stand_ins.mail import CLOSE, RESET, SILENCE, Letter, MailServer

GREYLIST = "451 4.7.1 greylisted, come back in a minute"
KILL = "SIGKILL as a mail server takes it"
REPLIES = {
    "connect-421": ("connect", "421 4.3.2 closing for a while"),
    "sender-421": ("MAIL", "421 4.3.2 closing for a while"),
    "sender-reset": ("MAIL", RESET),
    "recipient-450": ("RCPT", "450 4.2.0 try this mailbox later"),
    "recipient-550": ("RCPT", "550 5.1.1 no such mailbox"),
    "data-close": ("DATA", CLOSE),
    "content-451": ("content", "451 4.3.0 not just now"),
    "content-552": ("content", "552 5.3.4 too big"),
    "content-taken-reset": ("content", RESET),
    "content-taken-close": ("content", CLOSE),
    "content-taken-silence": ("content", SILENCE),
}
"""The faults, with the step of the session that each befalls and what the server does there."""


class PostOffice(MailServer):
    """The mail server of a fault run; `offered` counts every content by its Message-ID.

    `chances` is the share of steps that each fault befalls. With `greylist`, the first e-mail to an
    address is put off until it comes again.
    """

    def __init__(self, chances: Mapping[str, float], *, seed: int, greylist: bool = False) -> None:
        super().__init__()
        self.chances = dict(chances)
        self.greylist = greylist
        self.counts: Counter[str] = Counter()
        self.killed: list[int] = []
        self.offered: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._seen: set[str] = set()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.greylist and address not in self._seen:
            self._seen.add(address)
            self.counts["recipient-greylisted"] += 1
            return GREYLIST
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        content = cast("bytes", envelope.content)
        self.offered[id_of(content)] += 1
        if self._random.random() < self.chances.get(KILL, 0.0):
            taken = Letter(str(envelope.mail_from), tuple(envelope.rcpt_tos), content)
            self.letters.append(taken)
            self._kill(server)
            return "250 OK"
        # Nothing else runs between this and the look at what is planned.
        self._draw("content")
        return await super().handle_DATA(server, session, envelope)

    async def _planned(self, step: str, server: SMTP) -> str | None:
        if step != "content":
            self._draw(step)
        return await super()._planned(step, server)

    def _kill(self, server: SMTP) -> None:
        info = server.transport.get_extra_info
        self.counts[KILL] += 1
        self.killed += kill_caller(info("peername"), info("sockname"))

    def _draw(self, step: str) -> None:
        """Plan what goes wrong with a step that nothing was planned for."""
        draw = self._random.random()
        for fault, share in self.chances.items():
            if fault == KILL or REPLIES[fault][0] != step:
                continue
            draw -= share
            if draw < 0:
                self.counts[fault] += 1
                self.plan(step, REPLIES[fault][1])
                return


def id_of(content: bytes) -> str:
    """Return the Message-ID of an e-mail."""
    return str(message_from_bytes(content, policy=policy.default)["Message-ID"])
