"""Handler context, gathered once by `followup.web.app`."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

import redis
from fastapi import Depends, Request
from pydantic import SecretStr

from followup.context import AppContext
from followup.domain.errors import StoreUnavailable
from followup.providers.twilio.webhooks import Signatures
from followup.releases.in_force import with_words_in_force
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


def _site(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - `create_app` put it there
    # Without the database whoever needs it says so; health says that it is away.
    with suppress(StoreUnavailable):
        return replace(site, app=with_words_in_force(site.app))
    return site


Here = Annotated[Site, Depends(_site)]
