"""Application context: what the use cases work with, gathered once by `followup.bootstrap`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from sqlalchemy.orm import Session

from followup.content.handbook import ContentContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import StoreUnavailable
from followup.providers.email.imap import ImapMailbox
from followup.providers.interface import Channel
from followup.providers.operator_alerts import EmailMessenger
from followup.providers.resilience.circuit_breaker import CircuitBreaker
from followup.providers.resilience.rate_limiter import RateLimiter
from followup.providers.time_stamps import TimeStamper
from followup.signed_links import SignedLinks
from followup.store.audit_log import AuditContext
from followup.store.encryption.sealing import Keyring
from followup.store.engine.replica import ReadFrom, Replica
from followup.store.engine.session import Result, Store
from followup.tracing.traces import OFF, Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmPolicy:
    """When the operator is alarmed. All spans are real time.

    `every` is how often the watchdog looks; `again` after how long an alarm that is still up is
    told again; `late` how long past its time a due message may wait to be claimed; `silent` how
    long a process may send no heartbeat; `unsettled` how long nobody may know whether a provider
    has a message; `failing` the share of calls that may fail; `unmatched` how many e-mails that
    came back, and can't be matched, may wait for a person; `refused` how many messages of feeds
    may be refused within an hour.
    """

    every: timedelta = timedelta(seconds=15)
    again: timedelta = timedelta(hours=4)
    late: timedelta = timedelta(minutes=5)
    silent: timedelta = timedelta(minutes=1)
    unsettled: timedelta = timedelta(minutes=30)
    failing: float = 0.25
    unmatched: int = 5
    refused: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCall:
    """Who is told when nobody takes an item in time: mobiles in E.164, addresses, one webhook."""

    sms: tuple[str, ...] = ()
    email: tuple[str, ...] = ()
    webhook: str | None = field(default=None, repr=False)

    @property
    def anybody(self) -> bool:
        """Say whether somebody is set to be told."""
        return bool(self.sms or self.email or self.webhook)

    def of(self, route: str) -> tuple[str, ...]:
        """Return whom this route reaches."""
        ways = {"sms": self.sms, "email": self.email}
        return ways.get(route, (self.webhook,) if self.webhook else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPolicy:
    """Where events may be sent besides the internet: these networks, and this machine itself."""

    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    loopback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointKeepers:
    """Where checkpoints of the audit trail go: a folder elsewhere, a mailbox, under a time stamp.

    `stamper` is used with a folder alone, which keeps the stamps.
    """

    folder: Path | None = None
    mail: EmailMessenger | None = None
    stamper: TimeStamper | None = None

    @property
    def anybody(self) -> bool:
        """Say whether any way is set."""
        return self.folder is not None or self.mail is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The operator's choices that the use cases go by. All spans are real time.

    `lease` is how long a claimed message belongs to a worker; `reconcile_after` how long a
    provider may take before its "not there" is believed; `batch_size` how many ids a task carries;
    `in_flight_limit` how many messages may be claimed or under way at once; `send_concurrency` how
    many provider calls one process makes at once; `per_second` the pace of each channel's sender;
    `claim_ahead` for how long ahead messages are claimed, by that pace. `version_per_minute` is how
    many messages of one content may go out in a minute, `patient_per_day` how many to one patient
    within a day (of service time); what is beyond is held. `alarming` is when the operator is told;
    `on_call` are told what nobody takes in time. `missed_texts_every` is how often the providers'
    lists are read for texts that never reached us; `webhooks` where events may be sent.
    `segment_pence` is what a segment of a text costs, where that is known.
    `live` says that messages can reach patients: only what two people approved is sent then.
    """

    lease: timedelta
    reconcile_after: timedelta
    batch_size: int
    in_flight_limit: int
    send_concurrency: int
    per_second: Mapping[ChannelKind, float]
    claim_ahead: timedelta = timedelta(seconds=10)
    version_per_minute: int = 600
    patient_per_day: int = 6
    segment_pence: Decimal | None = None
    missed_texts_every: timedelta = timedelta(minutes=2)
    alarming: AlarmPolicy = AlarmPolicy()
    on_call: OnCall = OnCall()
    webhooks: WebhookPolicy = WebhookPolicy()
    live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppContext(ContentContext):
    """Everything that a use case may need. Safe to share between threads, not across a fork.

    `standby` is what stands in for a channel whose provider is away: a second account, if any.
    `bounce_mailbox` is where e-mails come back to, if that is fetched by IMAP. `shred_list` is the
    file that names who was erased, outside of the database; `keepers` keep the trail's checkpoints.
    `traces` are off where no collector is set. A `replica` is what figures are read from.
    """

    store: Store
    keyring: Keyring
    channels: Mapping[ChannelKind, Channel]
    standby: Mapping[ChannelKind, Channel] = field(default_factory=dict)
    pace: RateLimiter
    breaker: CircuitBreaker
    links: SignedLinks
    policy: Policy
    bounce_mailbox: ImapMailbox | None = None
    shred_list: Path | None = None
    keepers: CheckpointKeepers = CheckpointKeepers()
    traces: Traces = OFF
    replica: Replica | None = None

    def by(self, actor: str) -> AuditContext:
        """Return who acts, and when: now."""
        return AuditContext.of(actor, self.clock)

    def transact(
        self, actor: str, work: Callable[[UnitOfWork], Result], *, idempotent: bool = False
    ) -> Result:
        """Run `work` as `actor` in one transaction, again as `Store.transact` says."""
        return self.store.transact(
            lambda session: work(UnitOfWork(session, self, self.by(actor))), idempotent=idempotent
        )

    def from_replica(self, work: Callable[[AppContext], Result]) -> tuple[Result, ReadFrom | None]:
        """Run what only reads on the replica, where there is one; say what was read.

        None says that there is none. Where it can't be read, or is too old, `work` reads the
        primary. Not for what somebody acts upon: a replica knows it later.
        """
        if self.replica is None:
            return work(self), None
        found = self.replica.look()
        if found.trouble is None:
            try:
                return work(replace(self, store=self.replica.store)), found
            except StoreUnavailable as error:
                found = self.replica.give_up(error)
        return work(self), found

    def lines(self, kind: ChannelKind) -> tuple[Channel, ...]:
        """Return every account that reaches this kind of address, the first one first."""
        return (self.channels[kind], *([self.standby[kind]] if kind in self.standby else []))

    def line_of(self, kind: ChannelKind, *, provider: str, account: str) -> Channel | None:
        """Return the account that an attempt went through; None where it is not set up any more."""
        for line in self.lines(kind):
            if (line.provider, line.account) == (provider, account):
                return line
        return None

    def close(self) -> None:
        """Give back every connection."""
        for channel in (*self.channels.values(), *self.standby.values()):
            channel.close()
        self.store.close()
        if self.replica is not None:
            self.replica.close()
        self.traces.close()


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """One transaction: its session, the application context, and who acts in it, and when."""

    session: Session
    app: AppContext
    by: AuditContext
