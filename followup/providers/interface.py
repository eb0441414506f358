"""Provider interface: send one message, look one up, and report its status."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, runtime_checkable
from uuid import UUID

from followup.domain.channel import ChannelKind


class ReportedStatus(StrEnum):
    """A provider's word on a message, in the order in which it normally advances."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One attempt, complete: the provider module adds nothing to the words.

    `to` is an E.164 number or an e-mail address. `sender` is the clinic's own
    number or address, None where the channel's does. `valid_for` is how long, in real time, the
    message stays useful: a provider that can drop it afterwards is told so. `rfc_message_id` stays
    the same for every attempt of one e-mail. `return_path` is where it comes back to, None where
    that is its sender. `unsubscribe_url` is the RFC 8058 one-click address.
    """

    message_id: UUID
    attempt_id: UUID
    to: str
    text: str
    valid_for: timedelta
    subject: str | None = None
    html: str | None = None
    sender: str | None = None
    reply_to: str | None = None
    rfc_message_id: str | None = None
    return_path: str | None = None
    unsubscribe_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderReport:
    """What a provider says of one message, be it in its answer, a receipt or a look-up.

    `recipient` and `opted_out` have the meaning that they have in `ChannelRefused`.
    """

    provider_id: str
    status: ReportedStatus
    code: str | None = None
    reason: str | None = None
    recipient: bool = False
    opted_out: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """An attempt whose outcome nobody knows, for a provider to look for.

    `started_at` is the real (not the time-lapse) UTC time at which the call began.
    `belongs_elsewhere` tells whether a provider id is already known to be another attempt's: such
    an id never counts.
    """

    outgoing: Outgoing
    started_at: datetime
    belongs_elsewhere: Callable[[str], bool]


class Absent:
    """The provider answered, and it provably does not have the message."""


class CannotTell:
    """The provider could not be asked, or can't answer (SMTP): a person must decide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A text in a provider's own list: one that it took from us, or one that came in for us.

    `created_at` is when the provider first had it, in real time; None where it does not say.
    """

    provider_id: str
    came_in: bool
    from_: str
    to: str
    body: str
    media_count: int
    created_at: datetime | None


@runtime_checkable
class Historian(Protocol):
    """A provider that can list what went through it, whether we know of it or not."""

    def listed_since(self, since: datetime) -> Sequence[Listed] | None:
        """Return all texts since then (real time), oldest first; None where not all can be read."""


@runtime_checkable
class Inbox(Protocol):
    """A provider that can list what came in for us, whether it reached us or not."""

    def came_in_since(self, since: datetime, *, senders: Collection[str]) -> Sequence[Listed]:
        """Return the texts that came in since then (real time), oldest first.

        Those to this account's own sender, and to `senders`, which are ours too: others that have
        a number on the account are none of our business. Raises `ChannelError` where not all can be
        read.
        """


@runtime_checkable
class Answering(Protocol):
    """A provider that can be asked whether it is there, with nobody's message at stake."""

    def answers(self) -> bool:
        """Say whether it answers this account now. Never raises; takes no longer than a call."""


class Channel(Protocol):
    """One provider. Instances are safe to share between threads; calls block, with time-outs."""

    @property
    def provider(self) -> str:
        """The provider's name in the database and the audit trail: `twilio`, `smtp`, `sandbox`."""

    @property
    def account(self) -> str:
        """Which account at the provider it is, for one that knows several; empty otherwise."""

    @property
    def kind(self) -> ChannelKind:
        """What it reaches."""

    @property
    def sender(self) -> str:
        """The number, service or address that it sends from: the key of its pace limit."""

    @property
    def longest_call(self) -> timedelta:
        """The most real time that one call of `send` can take, connect and read together."""

    @property
    def can_look(self) -> bool:
        """Whether `find` and `poll` can ever answer: SMTP can't be asked what it took."""

    def send(self, outgoing: Outgoing) -> ProviderReport:
        """Hand one over; raise `ChannelRefused`, `ChannelUnavailable` or `OutcomeUnknown`."""

    def find(self, sought: Sought) -> ProviderReport | Absent | CannotTell:
        """Look for an attempt whose outcome is unknown."""

    def poll(self, provider_id: str) -> ProviderReport | Absent | CannotTell:
        """Ask how a message fares that the provider took earlier."""

    def close(self) -> None:
        """Give back connections."""
