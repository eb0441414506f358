"""Rules between settings: right by themselves and wrong together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from followup.settings.paths import is_loopback

if TYPE_CHECKING:
    from followup.settings.settings import Settings


def contradictions(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each, which says what to set."""
    yield from _incomplete_twilio(settings)
    yield from _incomplete_fallback(settings)
    yield from _incomplete_smtp(settings)
    yield from _incomplete_oidc(settings)
    yield from _incomplete_hl7(settings)
    yield from _unsafe_clock(settings)
    yield from _unsafe_practice(settings)
    yield from _homeless_keys(settings)
    yield from _voiceless(settings)
    yield from _incomplete_checkpoints(settings)
    yield from _cramped(settings)
    yield from _no_replica(settings)
    if settings.otlp_headers is not None and settings.otlp_endpoint is None:
        yield _needs("FOLLOWUP_OTLP_HEADERS is set", settings, "otlp_endpoint")


def remarks(settings: Settings) -> Iterator[str]:
    """Yield what is no mistake, but what nobody should run with unknowingly."""
    if settings.sms_channel == "sandbox":
        yield "FOLLOWUP_SMS_CHANNEL is sandbox: no text reaches a phone"
    if settings.email_channel == "sandbox":
        yield "FOLLOWUP_EMAIL_CHANNEL is sandbox: no e-mail reaches a mailbox"
    elif not is_loopback(_smtp(settings)) and is_loopback(settings.public_url):
        yield (
            f"FOLLOWUP_PUBLIC_URL is {settings.public_url}: the link by which a patient stops "
            "e-mails works on this machine only; set it to the https:// address of the web process"
        )
    yield from _impatience(settings)
    practising = settings.sms_channel == settings.email_channel == "sandbox"
    if not practising and settings.alert_email is None and settings.alert_webhook is None:
        yield (
            "FOLLOWUP_ALERT_EMAIL and FOLLOWUP_ALERT_WEBHOOK are unset: nobody is told when the "
            "service is in trouble"
        )
    on_call = (settings.on_call_mobile, settings.on_call_email, settings.on_call_webhook)
    if not practising and not any(on_call):
        yield (
            "FOLLOWUP_ON_CALL_MOBILE, FOLLOWUP_ON_CALL_EMAIL and FOLLOWUP_ON_CALL_WEBHOOK are "
            "unset: nobody is told when a patient's red flag is not taken in time"
        )
    if (
        settings.hl7_port is not None
        and settings.hl7_tls_certificate is None
        and not is_loopback(f"//{settings.hl7_host}")
    ):
        yield (
            f"FOLLOWUP_HL7_HOST is {settings.hl7_host} and FOLLOWUP_HL7_TLS_CERTIFICATE is unset: "
            "messages about patients cross the network as they are written"
        )
    if settings.clock is not None:
        yield f"FOLLOWUP_CLOCK is {settings.clock}: this is a rehearsal, not the real time"


def _incomplete_oidc(settings: Settings) -> Iterator[str]:
    names = ("oidc_issuer", "oidc_client_id", "oidc_client_secret")
    given = [name for name in names if getattr(settings, name) is not None]
    for name in names:
        if given and name not in given:
            yield _needs(f"FOLLOWUP_{given[0].upper()} is set", settings, name)


def _incomplete_hl7(settings: Settings) -> Iterator[str]:
    names = ("hl7_tls_certificate", "hl7_tls_key")
    given = [name for name in (*names, "hl7_tls_client_ca") if getattr(settings, name) is not None]
    for name in names:
        if given and name not in given:
            yield _needs(f"FOLLOWUP_{given[0].upper()} is set", settings, name)


def _incomplete_twilio(settings: Settings) -> Iterator[str]:
    if settings.sms_channel != "twilio":
        return
    for name in ("twilio_account_sid", "twilio_auth_token"):
        if getattr(settings, name) is None:
            yield _needs("FOLLOWUP_SMS_CHANNEL is twilio", settings, name)
    senders = [settings.twilio_from, settings.twilio_messaging_service_sid]
    if senders.count(None) != 1:
        yield (
            "FOLLOWUP_SMS_CHANNEL is twilio, which needs one sender: set either "
            "FOLLOWUP_TWILIO_FROM or FOLLOWUP_TWILIO_MESSAGING_SERVICE_SID"
            + (", not both" if None not in senders else "")
        )
    if not is_loopback(settings.twilio_api_url) and is_loopback(settings.public_url):
        yield (
            f"FOLLOWUP_PUBLIC_URL is {settings.public_url}, where Twilio can't report deliveries "
            "or pass on replies: set it to the https:// address of the web process"
        )


FALLBACK = ("account_sid", "auth_token", "from", "messaging_service_sid")


def _incomplete_fallback(settings: Settings) -> Iterator[str]:
    """Yield what is missing of a second account, or makes it useless."""
    given = [name for name in FALLBACK if _of_fallback(settings, name) is not None]
    if not given:
        return
    cause = f"FOLLOWUP_TWILIO_FALLBACK_{given[0].upper()} is set"
    if settings.sms_channel != "twilio":
        yield f"{cause}, which is for Twilio alone: set FOLLOWUP_SMS_CHANNEL to twilio, or unset it"
    for name in ("account_sid", "auth_token"):
        if name not in given:
            yield _needs(cause, settings, f"twilio_fallback_{name}")
    if len({"from", "messaging_service_sid"} & set(given)) != 1:
        yield (
            f"{cause}, which needs one sender of that account: set either "
            "FOLLOWUP_TWILIO_FALLBACK_FROM or FOLLOWUP_TWILIO_FALLBACK_MESSAGING_SERVICE_SID"
            + (", not both" if "messaging_service_sid" in given else "")
        )
    if settings.twilio_fallback_account_sid is not None and (
        settings.twilio_fallback_account_sid == settings.twilio_account_sid
    ):
        yield (
            "FOLLOWUP_TWILIO_FALLBACK_ACCOUNT_SID is the first account's, and what takes that one "
            "away takes its other senders too: set it to the SID of another account, or unset it"
        )


def _of_fallback(settings: Settings, name: str) -> object:
    return getattr(settings, f"twilio_fallback_{name}")


def _incomplete_smtp(settings: Settings) -> Iterator[str]:
    if settings.email_channel == "smtp" and settings.smtp_url is None:
        yield _needs("FOLLOWUP_EMAIL_CHANNEL is smtp", settings, "smtp_url")


def _unsafe_practice(settings: Settings) -> Iterator[str]:
    if settings.mode != "practice":
        return
    accounts = (settings.twilio, settings.twilio_fallback)
    if any(account is not None and not is_loopback(account.api_url) for account in accounts):
        yield (
            "FOLLOWUP_MODE is practice, in which nobody approves what is sent, and texts go "
            "through Twilio: unset it, or set FOLLOWUP_SMS_CHANNEL to sandbox"
        )
    if settings.email_channel == "smtp" and not is_loopback(_smtp(settings)):
        yield (
            "FOLLOWUP_MODE is practice, in which nobody approves what is sent, and e-mails go to a "
            "real mail server: unset it, or set FOLLOWUP_EMAIL_CHANNEL to sandbox"
        )


def _unsafe_clock(settings: Settings) -> Iterator[str]:
    if settings.clock is None:
        return
    accounts = {"TWILIO": settings.twilio, "TWILIO_FALLBACK": settings.twilio_fallback}
    for prefix, account in accounts.items():
        if account is not None and not is_loopback(account.api_url):
            yield (
                "FOLLOWUP_CLOCK is set, which must never reach a real provider: unset it, or set "
                f"FOLLOWUP_SMS_CHANNEL to sandbox, or FOLLOWUP_{prefix}_API_URL to a stand-in on "
                "this machine"
            )
    if settings.email_channel == "smtp" and not is_loopback(_smtp(settings)):
        host = urlsplit(_smtp(settings)).hostname
        yield (
            f"FOLLOWUP_CLOCK is set, which must never reach a real mail server ({host}): unset it, "
            "or set FOLLOWUP_EMAIL_CHANNEL to sandbox, or FOLLOWUP_SMTP_URL to a server on this "
            "machine"
        )


def _homeless_keys(settings: Settings) -> Iterator[str]:
    if settings.master_keys is None and not settings.is_sqlite:
        yield (
            "FOLLOWUP_MASTER_KEYS is unset, and only an embedded stack on SQLite makes its own: "
            "set the same ones for every process (openssl rand -base64 32 makes one)"
        )


def _impatience(settings: Settings) -> Iterator[str]:
    """Yield why a short lease costs look-ups; it never costs a duplicate, so it is allowed."""
    longest = settings.provider_connect_timeout + settings.provider_timeout
    if settings.lease <= longest:
        yield (
            f"FOLLOWUP_LEASE is {settings.lease:g}, and one call of a provider may take "
            f"{longest:g} seconds: slow calls will be looked up at the provider though they are "
            "still under way; set it above that, or lower FOLLOWUP_PROVIDER_TIMEOUT"
        )


def _voiceless(settings: Settings) -> Iterator[str]:
    if settings.alert_email is not None and settings.alert_relay is None:
        yield _needs("FOLLOWUP_ALERT_EMAIL is set", settings, "alert_smtp_url")


def _incomplete_checkpoints(settings: Settings) -> Iterator[str]:
    if settings.checkpoint_email is not None and settings.alert_relay is None:
        yield _needs("FOLLOWUP_CHECKPOINT_EMAIL is set", settings, "alert_smtp_url")
    if settings.time_stamp_url is not None:
        for name in ("checkpoint_folder", "time_stamp_roots"):
            if getattr(settings, name) is None:
                yield _needs("FOLLOWUP_TIME_STAMP_URL is set", settings, name)


def _cramped(settings: Settings) -> Iterator[str]:
    if settings.in_flight_limit < settings.batch_size:
        yield (
            f"FOLLOWUP_IN_FLIGHT_LIMIT is {settings.in_flight_limit}: set it to at least "
            f"FOLLOWUP_BATCH_SIZE, which is {settings.batch_size}"
        )


def _no_replica(settings: Settings) -> Iterator[str]:
    urls = (settings.database_url, settings.replica_url)
    if settings.replica_url and any(url and url.startswith("sqlite:") for url in urls):
        yield (
            "FOLLOWUP_REPLICA_URL is set, and SQLite has no replicas: unset it, or set both it and "
            "FOLLOWUP_DATABASE_URL to databases of PostgreSQL"
        )


def _needs(cause: str, settings: Settings, name: str) -> str:
    wanted = type(settings).model_fields[name].description
    return f"{cause}, which needs FOLLOWUP_{name.upper()}: set it to {wanted}"


def _smtp(settings: Settings) -> str:
    return settings.smtp_url.get_secret_value() if settings.smtp_url else ""
