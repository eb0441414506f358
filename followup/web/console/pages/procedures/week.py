"""Procedures by day: today's, or a week's, with what is unanswered for each; fit to be printed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby

from starlette.responses import Response

from followup.patients.search_limit import LISTED_EVENT
from followup.store.audit_log import AuditEntry
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, Pages
from followup.web.console.pages.feeds.drafts import missing_texts
from followup.web.console.procedures import ProcedureEntry, procedures_between

PATH = "/procedures"
DAY, WEEK = "day", "week"
DAYS = {DAY: 1, WEEK: 7}
pages = Pages()


@pages.get(PATH, may=SEE_PATIENTS)
def show(here: Here) -> Response:
    zone = here.zone_of(next(iter(here.clinics), None))
    today = here.app.clock.now().astimezone(zone).date()
    view = WEEK if here.query("view") == WEEK else DAY
    first = _first(_date(here.query("on")) or today, view)
    last = first + timedelta(days=DAYS[view] - 1)
    with here.app.store.read() as session:
        entries, more = procedures_between(
            session, here.app, here.clinics, (first, last), zone=zone, person=here.person
        )
    here.record(AuditEntry(action=LISTED_EVENT, detail={"shown": len(entries), "by": view}))
    by_day = groupby(entries, key=lambda entry: entry.at.date())
    return here.page(
        "procedures.html",
        days=[(each, [(one, _unanswered(here, one)) for one in found]) for each, found in by_day],
        more=more,
        today=today,
        first=first,
        last=last,
        is_week=view == WEEK,
        views=_views(today, first, view),
        previous=_address(first - timedelta(days=DAYS[view]), view),
        next=_address(last + timedelta(days=1), view),
        zone=zone,
        several=len(here.clinics) > 1,
    )


def _unanswered(here: Here, entry: ProcedureEntry) -> list[str]:
    """Return what is still to be answered, as it is shown beside a procedure."""
    told = []
    if entry.draft is not None:
        told.append(f"Complete the enrolment: {'; '.join(missing_texts(here, entry.draft))}")
    if entry.items:
        told.append(f"{entry.items} {'item needs' if entry.items == 1 else 'items need'} action")
    if entry.patient is not None and entry.patient.mobile_unusable:
        told.append("Number not working")
    elif entry.is_unconfirmed:
        told.append("Number not confirmed")
    return told


def _views(today: date, first: date, view: str) -> list[dict[str, object]]:
    monday = _first(today, WEEK)
    return [
        {"text": "Today", "href": PATH, "current": view == DAY and first == today},
        {
            "text": "This week",
            "href": f"{PATH}?view={WEEK}",
            "current": view == WEEK and first == monday,
        },
    ]


def _first(day: date, view: str) -> date:
    return day - timedelta(days=day.weekday()) if view == WEEK else day


def _address(on: date, view: str) -> str:
    return f"{PATH}?view={view}&on={on.isoformat()}"


def _date(text: str) -> date | None:
    """Return a day of the address; one that is none, or far from any year of ours, is today."""
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if abs(found.year - 2100) < 200 else None  # noqa: PLR2004 - what zones know
