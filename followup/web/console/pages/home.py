"""Home page: what needs action, what is due, how the week went, service status."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.protocols.timing import instant_at
from followup.intake.feed.drafts import draft_tally
from followup.monitoring.health import health_problems, last_sweeps
from followup.monitoring.queries import heartbeats
from followup.web.console.first_run import first_steps
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.overview import DayFigures, due_between, last_receipt, recent_days
from followup.worklist.queries import worklist_tally

DAYS = 7
DUE_WITHIN = timedelta(hours=24)
ALIVE = timedelta(minutes=2)
"""A process that was heard of within this time (real) is at work."""

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """How one channel fared in the last days. `most` is the most that went on one day."""

    channel: ChannelKind
    days: Sequence[DayFigures]

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
    now, zone = here.app.clock.now(), here.zone_of(next(iter(here.clinics), None))
    clinics = None if here.member.clinics is None else here.clinics
    with here.app.store.read() as session:
        waiting = worklist_tally(session, clinics, now=now)
        due = due_between(session, clinics, since=now, until=now + DUE_WITHIN)
        by_channel = recent_days(session, clinics, _bounds(now, zone))
        signs = _signs(session, here.app)
        drafts = draft_tally(session, clinics)
        steps = first_steps(session, here.app, here.member.roles)
    return here.page(
        "home.html",
        waiting=waiting,
        due=due,
        drafts=drafts,
        steps=steps,
        weeks=[Week(channel=channel, days=found) for channel, found in by_channel.items()],
        signs=signs,
        wrong=health_problems(here.app),
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


def _signs(session: Session, app: AppContext) -> dict[str, Any]:
    """Return how long ago (real time) the parts of the service were last heard of."""
    real = app.clock.real_now()
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
