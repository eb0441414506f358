"""What the handlers work with, gathered once by `followup.web.app`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import redis
from fastapi import Depends, Request

from followup.channels.twilio_hooks import Signatures
from followup.kit import Kit
from followup.web.metrics import Scrapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """`signatures` is None where no Twilio account is set up, `broker` for the embedded one."""

    kit: Kit
    signatures: Signatures | None
    broker: redis.Redis | None
    scrapes: Scrapes
    version: str


async def _site(request: Request) -> Site:
    site = request.app.state.site
    assert isinstance(site, Site)  # noqa: S101 - `create_app` put it there
    return site


Here = Annotated[Site, Depends(_site)]
