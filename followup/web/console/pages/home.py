"""Home page: what needs action, what is due, how this week goes, service status."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.context import AppContext
from followup.domain.figures.weeks import WEEK, week_of
from followup.figures.read_figures import Chosen, WeekFigures, counted_at, read_weeks
from followup.intake.feed.drafts import draft_tally
from followup.monitoring.health import health_problems, last_sweeps
from followup.monitoring.queries import heartbeats
from followup.web.console.first_run import first_steps
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.overview import due_between, last_receipt
from followup.worklist.queries import worklist_tally

DUE_WITHIN = timedelta(hours=24)
ALIVE = timedelta(minutes=2)
"""A process that was heard of within this time (real) is at work."""

pages = Pages()


@pages.get("/", may=SIGNED_IN)
def show(here: Here) -> Response:
    now, zone = here.app.clock.now(), here.zone_of(next(iter(here.clinics), None))
    clinics = None if here.member.clinics is None else here.clinics
    with here.app.store.read() as session:
        waiting = worklist_tally(session, clinics, now=now)
        due = due_between(session, clinics, since=now, until=now + DUE_WITHIN)
        weeks, at = _weeks(session, here, week_of(now, zone))
        signs = _signs(session, here.app)
        drafts = draft_tally(session, clinics)
        steps = first_steps(session, here.app, here.member.roles)
    return here.page(
        "home.html",
        waiting=waiting,
        due=due,
        drafts=drafts,
        steps=steps,
        weeks=weeks,
        counted_at=at,
        signs=signs,
        wrong=health_problems(here.app),
        zone=zone,
    )


def _weeks(
    session: Session, here: Here, running: date
) -> tuple[list[tuple[str, WeekFigures]], datetime | None]:
    """Return the figures of this week and of the last one, and up to when they were counted."""
    wanted = Chosen(clinics=here.clinics, since=running - WEEK)
    counted = read_weeks(session, wanted)
    named = (("This week so far", running), ("Last week", running - WEEK))
    return (
        [(text, counted.get(week, WeekFigures())) for text, week in named],
        counted_at(session, here.clinics),
    )


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
