"""The home page: what needs a person, what is due, how the last week went, and whether all runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.channel import ChannelKind
from followup.domain.timing import instant_at
from followup.health import ailments, last_sweeps
from followup.kit import Kit
from followup.store.attention import tally
from followup.store.overview import Day, days, due_between, last_receipt
from followup.store.signs import heartbeats
from followup.web.console.here import Here
from followup.web.console.registry import SIGNED_IN, Pages

DAYS = 7
AHEAD = timedelta(hours=24)
ALIVE = timedelta(minutes=2)
"""A process that was heard of within this time (real) is at work."""

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """How one channel fared in the last days. `most` is the most that went on one day."""

    channel: ChannelKind
    days: Sequence[Day]

    @property
    def sent(self) -> int:
        return sum(day.sent for day in self.days)

    @property
    def delivered(self) -> int:
        return sum(day.delivered for day in self.days)

    @property
    def failed(self) -> int:
        return sum(day.failed for day in self.days)

    @property
    def replies(self) -> int:
        return sum(day.replies for day in self.days)

    @property
    def most(self) -> int:
        return max(day.sent for day in self.days)


@pages.get("/", may=SIGNED_IN)
def show(here: Here) -> Response:
    now, zone = here.kit.clock.now(), here.zone_of(next(iter(here.clinics), None))
    clinics = None if here.member.clinics is None else here.clinics
    with here.kit.store.read() as session:
        waiting = tally(session, clinics, now=now)
        due = due_between(session, clinics, since=now, until=now + AHEAD)
        by_channel = days(session, clinics, _bounds(now, zone))
        signs = _signs(session, here.kit)
    return here.page(
        "home.html",
        waiting=waiting,
        due=due,
        weeks=[Week(channel=channel, days=found) for channel, found in by_channel.items()],
        signs=signs,
        wrong=ailments(here.kit),
        zone=zone,
    )


def _bounds(now: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the midnights by the clinic's clock at which the last days began, and the next."""
    today = now.astimezone(zone).date()
    first = today - timedelta(days=DAYS - 1)
    return [
        instant_at(first + timedelta(days=number), time.min, zone=zone)
        for number in range(DAYS + 1)
    ]


def _signs(session: Session, kit: Kit) -> dict[str, Any]:
    """Return how long ago (real time) the parts of the service were last heard of."""
    real = kit.clock.real_now()
    sweeps = {one.name: one for one in last_sweeps(session)}
    ended = [one.finished_real_at for one in sweeps.values() if one.finished_real_at]
    tick = sweeps.get("dispatch")
    receipt = last_receipt(session)
    return {
        "scheduler": real - tick.started_real_at if tick else None,
        "jobs": real - max(ended) if ended else None,
        "workers": sum(
            one.component == "worker" and real - one.real_at < ALIVE for one in heartbeats(session)
        ),
        "receipt": real - receipt if receipt else None,
    }
