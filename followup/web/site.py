"""Handler context, gathered once by `followup.web.app`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request
from pydantic import SecretStr

from followup.context import AppContext
from followup.providers.twilio.webhooks import Signatures
from followup.web.metrics import Scrapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`signatures` are those of each Twilio account, by its SID; `broker` is None if embedded.

    `metrics_token` is what whoever watches the service from elsewhere shows.
    """

    app: AppContext
    signatures: Mapping[str, Signatures]
    broker: redis.Redis | None
    scrapes: Scrapes
    version: str
    metrics_token: SecretStr | None = None


async def _site(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - `create_app` put it there
    return site


Here = Annotated[Site, Depends(_site)]
