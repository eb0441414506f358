"""Broker URLs: one Redis, or the Sentinels that know which Redis is the master now.

Sentinels are written as one URL: `sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/DB?master=NAME`.
User and password are Redis's; what the Sentinels themselves want is `&sentinel_password=`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

EMBEDDED = "memory://"
SENTINEL_PORT = 26379
FORM = "sentinel://:PASSWORD@HOST:26379,HOST:26379,HOST:26379/0?master=NAME"


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """Where the Sentinels of one master listen, and how Redis behind them is opened."""

    hosts: tuple[tuple[str, int], ...]
    master: str
    database: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)

    @property
    def celery_url(self) -> str:
        """The address as Celery takes it: one URL for each Sentinel."""
        user, password = (quote(each or "", safe="") for each in (self.user, self.password))
        at = f"{user}:{password}@" if user or password else ""
        return ";".join(
            f"sentinel://{at}{f'[{host}]' if ':' in host else host}:{port}/{self.database}"
            for host, port in self.hosts
        )

    @property
    def sentinel_options(self) -> dict[str, Any]:
        """What a client needs to open the Sentinels themselves."""
        return {} if self.sentinel_password is None else {"password": self.sentinel_password}


def sentinels_of(url: str) -> SentinelAddress | None:
    """Return what a URL says of Sentinels, or None where it names one Redis or none.

    Raises `ValueError` with what the URL is not.
    """
    # Newer Pythons refuse a URL that has an IPv6 address behind another host.
    scheme, _, rest = url.partition("://")
    places = re.split("[/?#]", rest, maxsplit=1)[0]
    parts = urlsplit(f"{scheme}://{rest.removeprefix(places)}")
    if url == EMBEDDED or (parts.scheme in {"redis", "rediss"} and places):
        return None
    if parts.scheme != "sentinel":
        raise ValueError("is no broker that followup knows")
    credentials, _, hosts = places.rpartition("@")
    user, _, password = credentials.partition(":")
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    master = asked.pop("master", "")
    sentinel_password = asked.pop("sentinel_password", None)
    if not master or not hosts or asked:
        raise ValueError(f"does not name Sentinels and their master, as in {FORM}")
    return SentinelAddress(
        hosts=tuple(_host(one) for one in hosts.split(",")),
        master=master,
        database=_database(parts.path),
        user=unquote(user) or None,
        password=unquote(password) or None,
        sentinel_password=sentinel_password,
    )


def _host(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
    except ValueError:
        raise ValueError(f"has a Sentinel's IPv6 address that is none, not as in {FORM}") from None
    if not parts.hostname:
        raise ValueError(f"has a Sentinel without a name, not as in {FORM}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"has a Sentinel's port that is no number, not as in {FORM}") from None
    return parts.hostname, port or SENTINEL_PORT


def _database(path: str) -> int:
    number = path.strip("/") or "0"
    if not number.isdecimal():
        raise ValueError(f"has a database that is no number, not as in {FORM}")
    return int(number)
