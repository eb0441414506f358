"""Setting formats; each raises `ValueError` with what a value is not."""

from __future__ import annotations

import re
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from followup.broker.address import sentinels_of
from followup.clock import parse_clock
from followup.domain.errors import ConfigurationError
from followup.domain.roles import Role
from followup.settings.master_keys import parse_master_keys
from followup.settings.paths import is_loopback
from followup.signed_links import RETURN_TOKEN

LONGEST_LOCAL_PART = 64


def _database_url(url: str) -> str:
    # Platforms hand out the short forms; SQLAlchemy wants to be told the driver.
    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)
    if url.startswith("sqlite:///") and len(url) > len("sqlite:///") and ":memory:" not in url:
        return url
    if url.startswith("postgresql+psycopg://"):
        return url
    raise ValueError("is no database that followup knows")


def _broker_url(url: str) -> str:
    sentinels_of(url)
    return url


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not a web address")
    if parts.scheme == "http" and not is_loopback(url):
        raise ValueError("is not encrypted: only this machine itself may be reached by http")
    return url.rstrip("/")


def _smtp_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ValueError("is not the address of a mail server")
    return url


def _imap_url(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"imap", "imaps"} or not parts.hostname or not parts.username:
        raise ValueError("is not the address of a mailbox, its user and password")
    return url


def _sender(text: str) -> str:
    """Accept an E.164 number, a short code, or a name (which patients can't reply to)."""
    if re.fullmatch(r"\+[1-9]\d{7,14}|\d{5,6}|(?=.*[A-Za-z])[A-Za-z0-9 &_+-]{1,11}", text):
        return text
    raise ValueError("is not a sender of texts")


def _alert_webhook(url: SecretStr) -> SecretStr:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("is not a web address")
    return url


def _time_stamp_url(url: str) -> str:
    """Accept http as well, by which most authorities are reached: what they sign is verified."""
    parts = urlsplit(url)
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or not re.fullmatch("[!-~]+", url)
    ):
        raise ValueError("is not a web address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password, which an authority is not given")
    return url


def _collector_url(url: str) -> str:
    """Accept http as well: a collector stands beside the service, and is told of no patient."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("is not a web address")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user or a password: FOLLOWUP_OTLP_HEADERS is for those")
    return url if parts.path.strip("/") else f"{url.rstrip('/')}/v1/traces"


def headers_of(text: SecretStr) -> dict[str, str]:
    """Return the headers that are written as NAME=VALUE with commas between them."""
    pairs = [one.partition("=") for one in text.get_secret_value().split(",")]
    return {name.strip(): value.strip() for name, _, value in pairs}


def _headers(text: SecretStr) -> SecretStr:
    headers = headers_of(text)
    for name, value in headers.items():
        if not re.fullmatch(r"[\w-]+", name, re.ASCII) or not re.fullmatch(r"[ -~]+", value):
            raise ValueError("holds something else than headers")
    return text


def _addresses(text: str) -> str:
    """Accept e-mail addresses with commas between them."""
    addresses = [one.strip() for one in text.split(",")]
    if not all(re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", one) for one in addresses):
        raise ValueError("holds something else than e-mail addresses")
    return ",".join(addresses)


def _return_path(text: str) -> str:
    """Accept one address of ASCII letters, with {id} once at most and room for it (RFC 5321)."""
    local, _, _ = text.replace("{id}", "x" * RETURN_TOKEN).rpartition("@")
    shape = r"[\w.+=-]*(?:\{id\})?[\w.+=-]*@[\w.-]+\.[A-Za-z][\w-]*"
    if not re.fullmatch(shape, text, re.ASCII) or not 0 < len(local) <= LONGEST_LOCAL_PART:
        raise ValueError("is not such an address, or leaves too little room for {id}")
    return text


def _mobiles(text: str) -> str:
    """Accept mobile numbers in E.164 with commas between them."""
    numbers = [number.strip() for number in text.split(",")]
    if all(re.fullmatch(r"\+[1-9]\d{7,14}", number) for number in numbers):
        return ",".join(numbers)
    raise ValueError("holds something else than numbers")


def _networks(text: str) -> str:
    """Accept IP networks with commas between them."""
    try:
        return ",".join(str(ip_network(one.strip())) for one in text.split(","))
    except ValueError:
        raise ValueError("holds something else than networks") from None


def _folder(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("means a home folder, and this account has none") from error


def _existing_folder(path: Path) -> Path:
    if not (path := _folder(path)).is_dir():
        raise ValueError("is not a folder")
    return path


def _existing_file(path: Path) -> Path:
    if not (path := path.expanduser().absolute()).is_file():
        raise ValueError("is not a file")
    return path


def _clock(text: str) -> str:
    try:
        parse_clock(text)
    except ConfigurationError as error:
        raise ValueError(str(error)) from error
    return text


def _master_keys(text: SecretStr) -> SecretStr:
    parse_master_keys(text.get_secret_value())
    return text


def _roles(text: str) -> str:
    """Accept `none`, `all`, or roles of the console with commas between them."""
    names = {name.strip() for name in text.lower().split(",")}
    if names in ({"none"}, {"all"}) or names <= {role.value for role in Role}:
        return ",".join(sorted(names))
    raise ValueError("names something else than roles")


def _lower(value: Any) -> Any:  # noqa: ANN401 - whatever the environment or a caller gave.
    return value.lower() if isinstance(value, str) else value


Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
DaySeconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
PerSecond = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]
Pence = Annotated[Decimal, Field(gt=0, le=1000, max_digits=8, allow_inf_nan=False)]
Million = Annotated[int, Field(ge=1, le=1_000_000)]
Thousand = Annotated[int, Field(ge=1, le=1000)]
Lower = BeforeValidator(_lower)
Folder = Annotated[Path, AfterValidator(_folder)]
ExistingFile = Annotated[Path, AfterValidator(_existing_file)]
ExistingFolder = Annotated[Path, AfterValidator(_existing_folder)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
BrokerUrl = Annotated[str, AfterValidator(_broker_url)]
WebAddress = Annotated[str, AfterValidator(_web_address)]
SmtpUrl = Annotated[SecretStr, AfterValidator(_smtp_url)]
ImapUrl = Annotated[SecretStr, AfterValidator(_imap_url)]
CollectorUrl = Annotated[str, AfterValidator(_collector_url)]
HeadersText = Annotated[SecretStr, AfterValidator(_headers)]
TimeStampUrl = Annotated[str, AfterValidator(_time_stamp_url)]
WebhookUrl = Annotated[SecretStr, AfterValidator(_alert_webhook)]
Addresses = Annotated[str, AfterValidator(_addresses)]
ReturnPath = Annotated[str, AfterValidator(_return_path)]
Sender = Annotated[str, AfterValidator(_sender)]
Mobiles = Annotated[str, AfterValidator(_mobiles)]
Networks = Annotated[str, AfterValidator(_networks)]
Roles = Annotated[str, AfterValidator(_roles)]
ClockText = Annotated[str, AfterValidator(_clock)]
MasterKeysText = Annotated[SecretStr, AfterValidator(_master_keys)]
