"""Composition root: builds the application context from the settings and chooses the providers."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib.metadata import version

from sqlalchemy import Engine

from followup.catalogue.load import Catalogue
from followup.clock import Clock, SharedTime, parse_clock
from followup.content.handbook import ContentContext, read_handbook
from followup.context import (
    AlarmPolicy,
    AppContext,
    CheckpointKeepers,
    OnCall,
    Policy,
    WebhookPolicy,
)
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.domain.channel import ChannelKind
from followup.domain.errors import ConfigurationError, StoreUnavailable
from followup.monitoring.broker_probe import broker_client
from followup.monitoring.heartbeats import OwnHeartbeatStore
from followup.monitoring.watchdog import Watchdog
from followup.providers.email.imap import ImapMailbox
from followup.providers.interface import Channel
from followup.providers.operator_alerts import EmailMessenger, Messenger, WebhookMessenger
from followup.providers.resilience.circuit_breaker import (
    CircuitBreaker,
    InProcessCircuitBreaker,
    RedisCircuitBreaker,
)
from followup.providers.resilience.rate_limiter import (
    InProcessRateLimiter,
    RateLimiter,
    RedisRateLimiter,
)
from followup.providers.sandbox import SandboxChannel
from followup.providers.time_stamps import TimeStamper
from followup.recovery.restore import require_no_pending_restore
from followup.settings.paths import reachable
from followup.settings.settings import Settings, TwilioAccount
from followup.signed_links import SignedLinks
from followup.store.encryption.keyring import is_sealed_alike, load_keyring
from followup.store.encryption.sealing import Keyring, MasterKeys
from followup.store.engine.replica import NOT_THE_SAME, Replica
from followup.store.engine.server_time import server_time
from followup.store.engine.session import Store, make_engine
from followup.store.schema.current import is_current, migrate, require_current
from followup.tracing.traces import OFF, Traces


def build_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    restoring: bool = False,
    traced_as: str | None = None,
) -> AppContext:
    """Return everything that the use cases work with.

    A SQLite database is made and brought up to date; any other must be current (`followup
    migrate`). Where machines share a server, it tells all of them the real time. Raises
    `ConfigurationError` or `StoreUnavailable` with what to do; also for a backup that was put in
    place by hand, unless `restoring`. `traced_as` is what traces call this process, where they are
    on; one without a name keeps none.
    """
    handbook = read_content_context(settings, clock=clock)
    require_answerable(settings, handbook.catalogue)
    engine = _open_database(settings)
    if clock is None and not settings.is_sqlite:
        real = SharedTime(partial(server_time, engine))
        handbook = replace(handbook, clock=parse_clock(settings.clock, real=real))
    store = Store(engine)
    if not restoring:
        require_no_pending_restore(store)
    masters = MasterKeys(settings.load_master_keys())
    keyring = load_keyring(store, masters)
    return AppContext(
        clock=handbook.clock,
        catalogue=handbook.catalogue,
        content=handbook.content,
        public_url=handbook.public_url,
        store=store,
        keyring=keyring,
        channels=_channels(settings, store, keyring, handbook.clock),
        standby=_standby(settings),
        pace=_pace(settings),
        breaker=_breaker(settings),
        links=SignedLinks(settings.public_url, keyring.links_key, return_path=settings.return_path),
        policy=_policy(settings),
        bounce_mailbox=_bounce_mailbox(settings),
        shred_list=settings.shred_list,
        keepers=_keepers(settings),
        traces=_traces(settings, traced_as),
        replica=_replica(settings, store, keyring, masters),
    )


def _replica(
    settings: Settings, primary: Store, keyring: Keyring, masters: MasterKeys
) -> Replica | None:
    """Return the replica that is set; raise `ConfigurationError` for what is none of ours."""
    if settings.replica_url is None:
        return None

    def require_ours(store: Store) -> None:
        if not (is_current(store.engine) and is_sealed_alike(store, keyring, masters)):
            raise ConfigurationError(NOT_THE_SAME)

    replica = Replica(
        Store(make_engine(settings.replica_url, pool_size=3, is_replica=True)),
        primary,
        most_behind=timedelta(seconds=settings.replica_behind),
        require_ours=require_ours,
    )
    try:
        replica.require_usable()
    except BaseException:
        replica.close()
        primary.close()
        raise
    return replica


def require_database(settings: Settings) -> None:
    """Raise `ConfigurationError` for a database that a process can't work on.

    For a process that opens it later, and in others: it ends at its start instead of failing at
    each task. One that is away for now is no reason to end; it is looked at again when it is used.
    """
    with suppress(StoreUnavailable):
        _open_database(settings).dispose()


def _open_database(settings: Settings) -> Engine:
    """Return an engine on a database that has the current schema; raise as `build_app` does."""
    if settings.is_sqlite:
        settings.make_data_dir()
    engine = make_engine(settings.database_url)
    try:
        if settings.is_sqlite:
            migrate(engine)
        else:
            require_current(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def read_content_context(settings: Settings, *, clock: Clock | None = None) -> ContentContext:
    """Return what needs no database: protocols, clinics, words and the clock."""
    return read_handbook(
        settings.config_dir,
        clock=clock or parse_clock(settings.clock),
        public_url=reachable(settings.public_url),
    )


def _channels(
    settings: Settings, store: Store, keyring: Keyring, clock: Clock
) -> dict[ChannelKind, Channel]:
    outbox = StoredOutbox(store, keyring)
    return {
        ChannelKind.SMS: _twilio(settings, settings.twilio)
        if settings.twilio is not None
        else SandboxChannel(ChannelKind.SMS, outbox, clock),
        ChannelKind.EMAIL: _smtp(settings)
        if settings.email_channel == "smtp"
        else SandboxChannel(ChannelKind.EMAIL, outbox, clock),
    }


def require_answerable(settings: Settings, catalogue: Catalogue) -> None:
    """Raise `ConfigurationError` where texts that ask for an answer could not be answered.

    The words are the same by either account, so the second must be as answerable as the first.
    """
    sender = settings.twilio_fallback_from
    asking = [key for key, clinic in sorted(catalogue.clinics.items()) if clinic.two_way]
    if sender is not None and any(char.isalpha() for char in sender) and asking:
        raise ConfigurationError(
            f"FOLLOWUP_TWILIO_FALLBACK_FROM is {sender}, a name that can't be answered, and "
            f"patients of {', '.join(asking)} are told to reply: set it to a number, or "
            "FOLLOWUP_TWILIO_FALLBACK_MESSAGING_SERVICE_SID in its place"
        )


def _standby(settings: Settings) -> dict[ChannelKind, Channel]:
    second = settings.twilio_fallback
    return {} if second is None else {ChannelKind.SMS: _twilio(settings, second)}


def _twilio(settings: Settings, account: TwilioAccount) -> Channel:
    from followup.providers.twilio.channel import TwilioChannel  # noqa: PLC0415 - slow to import

    return TwilioChannel(
        account.sid,
        account.auth_token.get_secret_value(),
        public_url=settings.public_url,
        sender=account.from_,
        messaging_service_sid=account.messaging_service_sid,
        api_url=account.api_url,
        connect_timeout=settings.provider_connect_timeout,
        read_timeout=settings.provider_timeout,
        pool_size=settings.send_concurrency,
    )


def _smtp(settings: Settings) -> Channel:
    from followup.providers.email.channel import SmtpChannel  # noqa: PLC0415 - slow to import

    assert settings.smtp_url is not None  # noqa: S101 - `load_settings` has made sure
    return SmtpChannel(
        settings.smtp_url.get_secret_value(),
        connect_timeout=settings.provider_connect_timeout,
        read_timeout=settings.provider_timeout,
    )


def _bounce_mailbox(settings: Settings) -> ImapMailbox | None:
    if settings.bounce_imap_url is None:
        return None
    url = settings.bounce_imap_url.get_secret_value()
    return ImapMailbox(url, timeout=settings.provider_timeout)


def _pace(settings: Settings) -> RateLimiter:
    return InProcessRateLimiter() if settings.is_embedded else RedisRateLimiter(settings.broker_url)


def _breaker(settings: Settings) -> CircuitBreaker:
    opens_after = settings.breaker_after
    if settings.is_embedded:
        return InProcessCircuitBreaker(opens_after=opens_after)
    return RedisCircuitBreaker(settings.broker_url, opens_after=opens_after)


def open_heartbeat_store(settings: Settings) -> OwnHeartbeatStore:
    """Return where a process without an app context notes that it is alive."""
    engine = make_engine(settings.database_url, pool_size=1)
    if settings.is_sqlite:
        return OwnHeartbeatStore(store=Store(engine), clock=parse_clock(settings.clock))
    real = SharedTime(partial(server_time, engine))
    return OwnHeartbeatStore(store=Store(engine), clock=parse_clock(settings.clock, real=real))


def make_watchdog(settings: Settings, open_app: Callable[[], AppContext], *, name: str) -> Watchdog:
    """Return a watchdog that tells the operator of the settings."""
    return Watchdog(
        open_app,
        messengers(settings),
        name=f"{name} {instance_name()}",
        alarming=_alarming(settings),
        clock=parse_clock(None),
        broker=None if settings.is_embedded else broker_client(settings.broker_url),
    )


def messengers(settings: Settings) -> list[Messenger]:
    """Return the ways in which the operator is told."""
    mail = _mail_to(settings, settings.alert_email)
    ways: list[Messenger] = [mail] if mail else []
    if settings.alert_webhook is not None:
        ways.append(WebhookMessenger(settings.alert_webhook.get_secret_value()))
    return ways


def _keepers(settings: Settings) -> CheckpointKeepers:
    """Return where checkpoints of the audit trail go."""
    stamper = None
    if settings.time_stamp_url is not None and settings.time_stamp_roots is not None:
        stamper = TimeStamper(settings.time_stamp_url, roots=settings.time_stamp_roots)
    mail = _mail_to(settings, settings.checkpoint_email)
    return CheckpointKeepers(folder=settings.checkpoint_folder, mail=mail, stamper=stamper)


def _traces(settings: Settings, traced_as: str | None) -> Traces:
    if settings.otlp_endpoint is None or traced_as is None:
        return OFF
    from followup.tracing.otlp import OtlpWriter  # noqa: PLC0415 - slow to import, and seldom on

    resource = {
        "service.name": f"followup-{traced_as}",
        "service.version": version("followup"),
        "service.instance.id": instance_name(),
    }
    writer = OtlpWriter(
        settings.otlp_endpoint, headers=settings.otlp_headers_named, resource=resource
    )
    return Traces(writer, ratio=settings.trace_ratio)


def _mail_to(settings: Settings, addresses: str | None) -> EmailMessenger | None:
    """Return what tells these addresses, with commas between them, by the relay for alarms."""
    relay = settings.alert_relay
    if addresses is None or relay is None:
        return None
    to = addresses.split(",")
    return EmailMessenger(relay.get_secret_value(), sender=settings.alert_from or to[0], to=to)


def _alarming(settings: Settings) -> AlarmPolicy:
    return AlarmPolicy(
        every=timedelta(seconds=settings.alert_every),
        again=timedelta(seconds=settings.alert_again),
        late=timedelta(seconds=settings.alert_late),
        silent=timedelta(seconds=settings.alert_silent),
        unsettled=timedelta(seconds=settings.alert_unknown),
        failing=settings.alert_failing / 100,
        unmatched=settings.alert_unmatched,
        refused=settings.alert_refused,
    )


def instance_name() -> str:
    """Return the name of this process in heartbeats: the machine and the process id."""
    return f"{platform.node()}:{os.getpid()}"


def _policy(settings: Settings) -> Policy:
    return Policy(
        lease=timedelta(seconds=settings.lease),
        reconcile_after=timedelta(seconds=settings.reconcile_after),
        batch_size=settings.batch_size,
        in_flight_limit=settings.in_flight_limit,
        send_concurrency=settings.send_concurrency,
        per_second={
            ChannelKind.SMS: settings.sms_per_second,
            ChannelKind.EMAIL: settings.email_per_second,
        },
        version_per_minute=settings.version_per_minute,
        patient_per_day=settings.patient_per_day,
        segment_pence=settings.sms_segment_pence,
        missed_texts_every=timedelta(seconds=settings.missed_texts_every),
        # Enough to keep the workers busy until the next tick but one.
        claim_ahead=timedelta(seconds=max(10.0, 2 * settings.tick)),
        alarming=_alarming(settings),
        on_call=_on_call(settings),
        live=settings.is_live,
        webhooks=WebhookPolicy(
            networks=settings.webhook_networks_named, loopback=settings.is_practising
        ),
    )


def _on_call(settings: Settings) -> OnCall:
    webhook = settings.on_call_webhook
    return OnCall(
        sms=tuple(settings.on_call_mobile.split(",")) if settings.on_call_mobile else (),
        email=tuple(settings.on_call_email.split(",")) if settings.on_call_email else (),
        webhook=webhook.get_secret_value() if webhook else None,
    )
