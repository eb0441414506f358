"""Settings: the one reader of the environment, typed, frozen, read once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from followup.broker.address import EMBEDDED
from followup.domain.errors import ConfigurationError
from followup.domain.roles import Role
from followup.settings.formats import (
    Addresses,
    BrokerUrl,
    ClockText,
    CollectorUrl,
    DatabaseUrl,
    DaySeconds,
    ExistingFile,
    ExistingFolder,
    Folder,
    HeadersText,
    ImapUrl,
    Lower,
    MasterKeysText,
    Million,
    Mobiles,
    Networks,
    Pence,
    PerSecond,
    ReturnPath,
    Roles,
    Seconds,
    Sender,
    SmtpUrl,
    Thousand,
    TimeStampUrl,
    WebAddress,
    WebhookUrl,
    headers_of,
)
from followup.settings.master_keys import own_master_keys, parse_master_keys
from followup.settings.paths import default_data_dir, env_files, make_data_dir
from followup.settings.rules import contradictions
from followup.settings.unknown_names import SETTING_PREFIX, misspelt, unknown_names

TWILIO_API_URL = "https://api.twilio.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount:
    """One account of Twilio's: its sender is a number or name, or a Messaging Service."""

    sid: str
    auth_token: SecretStr
    from_: str | None
    messaging_service_sid: str | None
    api_url: str


class Settings(BaseSettings):
    """Every setting. A description is what its error message tells an operator to set.

    The name of each is FOLLOWUP_ and the field's in capitals; an empty value counts as unset.
    """

    model_config = SettingsConfigDict(
        env_prefix=SETTING_PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        str_strip_whitespace=True,
        validate_default=True,
    )

    data_dir: Folder = Field(
        default_factory=default_data_dir, description="a folder that this account may write to"
    )
    config_dir: ExistingFolder | None = Field(
        None, description="a folder that holds protocols/, clinics/, triage/, words/ or intake/"
    )
    database_url: DatabaseUrl = Field(
        default_factory=lambda data: f"sqlite:///{data['data_dir']}/followup.db",
        repr=False,
        description="sqlite:///PATH, or postgresql+psycopg://USER:PASSWORD@HOST/NAME",
    )
    replica_url: DatabaseUrl | None = Field(
        None,
        repr=False,
        description="postgresql+psycopg://USER:PASSWORD@HOST/NAME of a streaming replica",
    )
    replica_behind: Seconds = Field(30, description="seconds, above 0 and at most 3600")
    shred_list: Path = Field(
        default_factory=lambda data: data["data_dir"] / "erased-patients.note",
        description="a file in a folder that this account may write to",
    )
    broker_url: BrokerUrl = Field(
        EMBEDDED,
        repr=False,
        description="redis://HOST:6379/0, rediss:// for TLS, or the Sentinels of a master: "
        "sentinel://HOST:26379,HOST:26379,HOST:26379/0?master=NAME",
    )
    master_keys: MasterKeysText | None = Field(
        None,
        description="keys of 32 bytes in base64, separated by commas, the current one first "
        "(openssl rand -base64 32 makes one)",
    )

    mode: Literal["practice", "live"] | None = Field(
        None,
        description="practice (nothing needs approval) or live; unset, it is live once a provider "
        "is set",
    )
    sms_channel: Literal["sandbox", "twilio"] = Field(
        "sandbox", description="sandbox (no text leaves this machine) or twilio"
    )
    twilio_account_sid: str | None = Field(
        None, pattern=r"^AC\w+$", description="the Account SID of Twilio's console, AC..."
    )
    twilio_auth_token: SecretStr | None = Field(
        None, description="the Auth Token of Twilio's console"
    )
    twilio_from: Sender | None = Field(
        None, description="a number such as +447700900000, or a name of at most 11 characters"
    )
    twilio_messaging_service_sid: str | None = Field(
        None, pattern=r"^MG\w+$", description="the SID of a Twilio Messaging Service, MG..."
    )
    twilio_api_url: WebAddress = Field(
        TWILIO_API_URL, description=f"{TWILIO_API_URL}, or a stand-in for it on this machine"
    )
    twilio_fallback_account_sid: str | None = Field(
        None, pattern=r"^AC\w+$", description="the SID of a second Twilio account, AC..."
    )
    twilio_fallback_auth_token: SecretStr | None = Field(
        None, description="the Auth Token of the second Twilio account"
    )
    twilio_fallback_from: Sender | None = Field(
        None, description="a number of the second account, such as +447700900000"
    )
    twilio_fallback_messaging_service_sid: str | None = Field(
        None, pattern=r"^MG\w+$", description="the SID of a service of the second account, MG..."
    )
    twilio_fallback_api_url: WebAddress = Field(
        TWILIO_API_URL, description=f"{TWILIO_API_URL}, or a stand-in for it on this machine"
    )
    email_channel: Literal["sandbox", "smtp"] = Field(
        "sandbox", description="sandbox (no e-mail leaves this machine) or smtp"
    )
    smtp_url: SmtpUrl | None = Field(
        None, description="smtp://USER:PASSWORD@HOST:587?starttls=required, or smtps://..."
    )

    return_path: ReturnPath | None = Field(
        None,
        description="the address that bounces come to, such as bounces+{id}@example.org, where "
        "{id} becomes a token of each e-mail; or without {id}",
    )
    bounce_imap_url: ImapUrl | None = Field(
        None, description="imaps://USER:PASSWORD@HOST:993/FOLDER"
    )

    host: str = Field("127.0.0.1", description="the network address to listen on")
    port: int = Field(8000, ge=1, le=65535, description="a port number from 1 to 65535")
    hl7_port: int | None = Field(
        None, ge=1, le=65535, description="a port number from 1 to 65535, such as 2575"
    )
    hl7_host: str = Field("127.0.0.1", description="the network address to listen on for HL7")
    hl7_tls_certificate: ExistingFile | None = Field(
        None, description="a file with the certificate of this service, and those that vouch for it"
    )
    hl7_tls_key: ExistingFile | None = Field(
        None, description="a file with the private key that belongs to the certificate"
    )
    hl7_tls_client_ca: ExistingFile | None = Field(
        None, description="a file with the certificates that vouch for those who may send"
    )
    trusted_proxies: Networks | None = Field(
        None, description="networks such as 172.30.0.0/24 with commas between them"
    )
    metrics_token: Annotated[SecretStr, Field(min_length=20)] | None = Field(
        None, description="at least 20 characters, such as openssl rand -hex 24 prints"
    )
    public_url: WebAddress = Field(
        default_factory=lambda data: f"http://127.0.0.1:{data['port']}",
        description="the https:// address at which providers and patients reach the web process",
    )

    second_factor: Roles | None = Field(
        None, description="all, none, or some of enrol, audit and manage with commas between them"
    )
    oidc_issuer: WebAddress | None = Field(
        None, description="the https:// address of the organisation's OpenID Connect provider"
    )
    oidc_client_id: str | None = Field(
        None, description="the client id that the provider gave this service"
    )
    oidc_client_secret: SecretStr | None = Field(
        None, description="the client secret that the provider gave this service"
    )
    oidc_name: str = Field(
        "your organisation’s account", description="what staff call the account, as in NHSmail"
    )
    nhs_identity: bool = Field(default=False, description="true or false")

    clock: ClockText | None = Field(
        None, description="SERVICE-TIME=REAL-TIME@SPEED, for rehearsals"
    )
    tick: float = Field(
        1.0, ge=0.1, le=60, description="seconds between two looks for due messages, from 0.1 to 60"
    )
    lease: Seconds = Field(60, description="seconds, more than a batch takes and at most 3600")
    reconcile_after: Seconds = Field(120, description="seconds, above 0 and at most 3600")
    missed_texts_every: Seconds = Field(120, description="seconds, above 0 and at most 3600")
    provider_timeout: Seconds = Field(10, description="seconds, above 0 and at most 3600")
    provider_connect_timeout: Seconds = Field(3, description="seconds, above 0 and at most 3600")
    send_concurrency: Thousand = Field(64, description="a whole number from 1 to 1000")
    batch_size: Thousand = Field(250, description="a whole number from 1 to 1000")
    in_flight_limit: int = Field(
        4000, ge=1, le=100_000, description="a whole number from 1 to 100000"
    )
    sms_per_second: PerSecond = Field(200, description="a number above 0 and at most 10000")
    email_per_second: PerSecond = Field(50, description="a number above 0 and at most 10000")
    version_per_minute: Million = Field(600, description="a whole number from 1 to 1000000")
    patient_per_day: Thousand = Field(6, description="a whole number from 1 to 1000")
    sms_segment_pence: Pence | None = Field(
        None, description="what one segment costs in pence, as in 3.9"
    )
    breaker_after: Million = Field(5, description="a whole number from 1 to 1000000")
    worker_concurrency: Thousand | None = Field(None, description="a whole number from 1 to 1000")

    on_call_mobile: Mobiles | None = Field(
        None, description="numbers such as +447700900000 with commas between them"
    )
    on_call_email: Addresses | None = Field(
        None, description="e-mail addresses with commas between them"
    )
    on_call_webhook: WebhookUrl | None = Field(
        None, description="the https:// address that a POST of JSON goes to"
    )
    alert_email: Addresses | None = Field(
        None, description="e-mail addresses with commas between them"
    )
    alert_from: Addresses | None = Field(None, description="one e-mail address")
    alert_smtp_url: SmtpUrl | None = Field(
        None, description="smtp://USER:PASSWORD@HOST:587?starttls=required, or smtps://..."
    )
    alert_webhook: WebhookUrl | None = Field(
        None, description="the https:// address that takes a POST of JSON"
    )
    alert_every: Seconds = Field(15, description="seconds, above 0 and at most 3600")
    alert_again: DaySeconds = Field(14_400, description="seconds, above 0 and at most 86400")
    alert_late: DaySeconds = Field(300, description="seconds, above 0 and at most 86400")
    alert_silent: Seconds = Field(60, description="seconds, above 0 and at most 3600")
    alert_unknown: DaySeconds = Field(1800, description="seconds, above 0 and at most 86400")
    alert_failing: float = Field(25, gt=0, le=100, description="per cent, above 0 and at most 100")
    alert_unmatched: Million = Field(5, description="a whole number from 1 to 1000000")
    alert_refused: Million = Field(5, description="a whole number from 1 to 1000000")

    checkpoint_folder: Path | None = Field(
        None, description="a folder on another machine's disk, which this account may write to"
    )
    checkpoint_email: Addresses | None = Field(
        None, description="e-mail addresses with commas between them"
    )
    time_stamp_url: TimeStampUrl | None = Field(
        None, description="the http:// or https:// address of a time-stamping authority (RFC 3161)"
    )
    time_stamp_roots: ExistingFile | None = Field(
        None, description="a file with the authority's root certificates, in PEM"
    )

    webhook_networks: Networks | None = Field(
        None, description="networks such as 10.20.0.0/16 with commas between them"
    )

    otlp_endpoint: CollectorUrl | None = Field(
        None, description="the http:// or https:// address of a collector, as http://HOST:4318"
    )
    otlp_headers: HeadersText | None = Field(
        None, description="NAME=VALUE with commas between several, as a collector asks for"
    )
    trace_ratio: float = Field(1.0, gt=0, le=1, description="a number above 0 and at most 1")

    log_level: Annotated[Literal["debug", "info", "warning", "error"], Lower] = Field(
        "info", description="debug, info, warning or error"
    )
    log_format: Annotated[Literal["console", "json"], Lower] = Field(
        "console", description="console or json"
    )

    @property
    def code_roles(self) -> frozenset[Role]:
        """The roles of the console that need a second factor: all, once a message can go out."""
        if self.second_factor is None:
            return frozenset() if self.is_practising else frozenset(Role)
        if self.second_factor in {"none", "all"}:
            return frozenset(Role) if self.second_factor == "all" else frozenset()
        return frozenset(map(Role, self.second_factor.split(",")))

    @property
    def is_practising(self) -> bool:
        """Say whether no message can reach a patient."""
        return self.sms_channel == self.email_channel == "sandbox"

    @property
    def is_live(self) -> bool:
        """Say whether only what two people approved is sent."""
        return not self.is_practising if self.mode is None else self.mode == "live"

    @property
    def webhook_networks_named(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks besides the internet that events may be sent to."""
        named = self.webhook_networks.split(",") if self.webhook_networks else []
        return tuple(ip_network(name) for name in named)

    @property
    def trusted_proxies_named(self) -> tuple[str, ...]:
        """The networks whose proxies are believed whom they pass on."""
        return tuple(self.trusted_proxies.split(",")) if self.trusted_proxies else ()

    @property
    def twilio(self) -> TwilioAccount | None:
        """The account that texts go through; None where they go through the sandbox."""
        if self.sms_channel != "twilio":
            return None
        return self._account("twilio")

    @property
    def twilio_fallback(self) -> TwilioAccount | None:
        """The account that texts go through while the first is away; None without one."""
        if self.twilio_fallback_account_sid is None:
            return None
        return self._account("twilio_fallback")

    def _account(self, prefix: str) -> TwilioAccount:
        part = {
            name: getattr(self, f"{prefix}_{name}")
            for name in ("auth_token", "messaging_service_sid", "api_url")
        }
        sid, from_ = getattr(self, f"{prefix}_account_sid"), getattr(self, f"{prefix}_from")
        return TwilioAccount(sid=sid, from_=from_, **part)

    @property
    def otlp_headers_named(self) -> dict[str, str]:
        """The headers that a collector asks for, by name."""
        return {} if self.otlp_headers is None else headers_of(self.otlp_headers)

    @property
    def heart_every(self) -> timedelta:
        """How often each process notes that it is alive: twice before it would be missed."""
        return timedelta(seconds=min(self.alert_silent / 3, 20))

    @property
    def alert_relay(self) -> SecretStr | None:
        """The mail server by which the operator is told: one apart, or that of the e-mails."""
        return self.alert_smtp_url or self.smtp_url

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def is_embedded(self) -> bool:
        """Say whether tasks never leave the process, as only `followup run` can do."""
        return self.broker_url == EMBEDDED

    def in_force(self) -> dict[str, str]:
        """Return every setting by its name, for people; of a secret only whether it is set."""
        return {
            f"{SETTING_PREFIX}{field.upper()}": _shown(
                getattr(self, field), is_secret=_is_secret(field)
            )
            for field in type(self).model_fields
        }

    def load_master_keys(self) -> tuple[bytes, ...]:
        """Return the master keys, 32 bytes each, the current one first.

        Those of an embedded stack, which the data folder holds, are made the first time.
        """
        if self.master_keys is None:
            return own_master_keys(self.data_dir)
        return parse_master_keys(self.master_keys.get_secret_value())

    def make_data_dir(self) -> None:
        make_data_dir(self.data_dir)

    def require_shared_broker(self) -> None:
        """Raise `ConfigurationError` where processes of their own could not reach each other."""
        if self.is_embedded:
            raise ConfigurationError(
                "FOLLOWUP_BROKER_URL is memory://, which works within one process only; "
                "set it to redis://HOST:6379/0, or start everything with: followup run"
            )


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - pydantic checks each value.
    """Return the settings of the environment and the .env files; `given` ones count before those.

    Raises `ConfigurationError`, whose text lists every mistake and what to set instead.
    """
    files = env_files()
    try:
        settings = Settings(_env_file=files, **given)
        unknown = unknown_names(Settings.model_fields, files)
    except ValidationError as error:
        raise _refusal(_sentences(error)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _refusal([f"a .env file can't be read ({error}): save it as UTF-8"]) from error
    mistakes = [*misspelt(unknown, Settings.model_fields), *contradictions(settings)]
    if mistakes:
        raise _refusal(mistakes)
    return settings


def _is_secret(field: str) -> bool:
    info = Settings.model_fields[field]
    return not info.repr or "SecretStr" in str(info.annotation)


def _shown(value: object, *, is_secret: bool) -> str:
    if value is None:
        return "not set"
    return "set" if is_secret else str(value)


def _refusal(mistakes: list[str]) -> ConfigurationError:
    lines = "".join(f"\n- {mistake}" for mistake in mistakes)
    return ConfigurationError(f"the settings need correcting, in the environment or .env:{lines}")


def _sentences(error: ValidationError) -> list[str]:
    # A default that rests on a wrong setting could not be made, which is no mistake of its own.
    details = [it for it in error.errors() if it["type"] != "default_factory_not_called"]
    return [_sentence(detail) for detail in details]


def _sentence(detail: ErrorDetails) -> str:
    """Return what is wrong with one setting and what to set; never the value of a secret."""
    field = str(detail["loc"][0])
    name, info = f"{SETTING_PREFIX}{field.upper()}", Settings.model_fields[field]
    reason = str(detail.get("ctx", {}).get("error", ""))
    if reason.startswith(name):
        return reason
    if not _is_secret(field):
        reason = f"is '{detail['input']}'" + (f", which {reason}" if reason else "")
    return f"{name} {reason}: set it to {info.description}"
