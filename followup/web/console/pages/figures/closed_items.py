"""Closed items of Needs attention as a list, with filters; and as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import partial
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.context import AppContext
from followup.domain.errors import Problem
from followup.domain.protocols.timing import instant_at
from followup.store.audit_log import AuditEntry
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, Pages
from followup.web.console.framework.table_export import (
    csv_answer,
    file_name,
    local_time,
    noted,
    utc_time,
    written,
)
from followup.web.console.pages.figures.choice import choices
from followup.web.console.words.copies import copy_text
from followup.web.paging import parse_cursor, write_cursor
from followup.wording.formats import span
from followup.wording.worklist import ITEM_OUTCOMES, URGENCIES, item_term, outcome_text
from followup.worklist.queries import PAGE_SIZE, ClosedFilter, WaitingItems, closed_items

PATH = "/attention/closed"
SHOWN_DAYS = 28
"""So far back the list goes unless another date is asked for."""
EXPORT_BATCH = 500
DATE_PARTS = ("", "-month", "-year")
DATES = tuple(f"{name}{part}" for name in ("since", "until") for part in DATE_PARTS)
EXPORT_COLUMNS = (
    "Closed", "Clinic", "What it was", "Respond", "Came up", "First look", "Open for", "Outcome",
    "By a member of staff",
)  # fmt: skip
CODE_COLUMNS = (
    "item", "patient", "enrolment", "message", "clinic", "kind", "urgency", "outcome", "opened_at",
    "looked_at", "closed_at",
)  # fmt: skip
"""Ids, codes and times in UTC, for programs: they follow where they are asked for."""
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What was asked for, as it stands in the address; `wanted` is None for dates that are none."""

    form: Form
    given: Mapping[str, str]
    wanted: ClosedFilter | None
    zone: ZoneInfo

    def address(self, path: str, **more: str) -> str:
        """Return an address with the same choice."""
        query = urlencode({name: value for name, value in {**self.given, **more}.items() if value})
        return f"{path}?{query}" if query else path


@pages.get(PATH, may=SEE_PATIENTS)
def show(here: Here) -> Response:
    asked = _read(here)
    found, people, copy = _NOTHING, {}, None
    if asked.wanted is not None:
        wanted = replace(asked.wanted, before=parse_cursor(here.query("before") or None))
        found, read_from = here.app.from_replica(partial(_closed, wanted=wanted))
        copy = copy_text(read_from)
        people = {id_: here.person(one) for id_, one in found.patients.items()}
        here.record(
            AuditEntry(action="worklist.listed", detail={"shown": len(found.items), "of": "closed"})
        )
    last = found.items[-1] if found.more else None
    return here.page(
        "attention/closed.html",
        form=asked.form,
        choices=_choices(here),
        items=found.items,
        people=people,
        copy=copy,
        next=_page_after(asked, last) if last else None,
        csv=asked.address(f"{PATH}.csv"),
        csv_with_ids=asked.address(f"{PATH}.csv", **{"with": "ids"}),
    )


@pages.get(f"{PATH}.csv", may=SEE_PATIENTS)
def download(here: Here) -> Response:
    """Answer with the same choice as a table; it names no patient and no member of staff."""
    asked = _read(here)
    if asked.wanted is None:
        return here.go(asked.address(PATH))
    detail = noted(asked.given, _choices(here))
    here.record(AuditEntry(action="worklist.exported", detail=detail))
    lines = _lines(here, asked.wanted, with_ids=here.query("with") == "ids")
    return csv_answer(lines, name=file_name(here, "closed-items", asked.given.get("clinic")))


_NOTHING = WaitingItems(items=(), more=False, patients={}, messages={}, texts={}, gathered={})


def _closed(app: AppContext, *, wanted: ClosedFilter, limit: int = PAGE_SIZE) -> WaitingItems:
    with app.store.read() as session:
        return closed_items(session, wanted, limit=limit)


def _read(here: Here) -> Filter:
    offered = _choices(here)
    asked = {name: here.query(name) for name in (*offered, *DATES) if here.query(name)}
    given = {
        name: value
        for name, value in asked.items()
        if name in DATES or value in dict(offered[name])
    }
    clinics = (given["clinic"],) if "clinic" in given else here.clinics
    zone = here.zone_of(next(iter(clinics), None))
    today = here.app.clock.now().astimezone(zone).date()
    form, problems = Form.of(**given), []
    days = {"since": today - timedelta(days=SHOWN_DAYS), "until": today}
    for name, day in [*days.items()]:
        try:
            days[name] = _day(form, name) or day
        except ValueError:
            problems.append(Problem(name, "Enter a real date"))
    if not problems and days["until"] < days["since"]:
        problems.append(Problem("until", "This is before the first day: turn the two round"))
    if problems:
        return Filter(form=form.refused(*problems), given=given, wanted=None, zone=zone)
    urgency, outcome = given.get("urgency"), given.get("outcome")
    wanted = ClosedFilter(
        clinics=clinics,
        since=instant_at(days["since"], time.min, zone=zone),
        until=instant_at(days["until"] + timedelta(days=1), time.min, zone=zone),
        urgency=int(urgency) if urgency else None,
        outcome=outcome,
    )
    return Filter(form=form, given=given, wanted=wanted, zone=zone)


def _day(form: Form, name: str) -> date | None:
    parts = [form.text(f"{name}{part}") for part in reversed(DATE_PARTS)]
    if not any(parts):
        return None
    year, month, day = parts
    return real_day(year, month, day)


def _choices(here: Here) -> dict[str, list[tuple[str, str]]]:
    return {
        "clinic": choices(here)["clinic"],
        "urgency": [("", "Any"), *((str(key), term.label) for key, term in URGENCIES.items())],
        "outcome": [("", "Any"), *((key.value, text) for key, text in ITEM_OUTCOMES.items())],
    }


def _page_after(asked: Filter, last: WorklistItem) -> str:
    assert last.closed_at is not None  # noqa: S101 - it is closed
    return asked.address(PATH, before=write_cursor((last.closed_at, last.id)))


def _lines(here: Here, wanted: ClosedFilter, *, with_ids: bool) -> Iterator[str]:
    yield written([EXPORT_COLUMNS + CODE_COLUMNS if with_ids else EXPORT_COLUMNS])
    more = True
    while more:
        page = partial(_closed, wanted=wanted, limit=EXPORT_BATCH)
        found, _ = here.app.from_replica(page)
        yield written(
            [_cells(here, item) + (_codes(item) if with_ids else []) for item in found.items]
        )
        if more := found.more:
            last = found.items[-1]
            assert last.closed_at is not None  # noqa: S101 - it is closed
            wanted = replace(wanted, before=(last.closed_at, last.id))


def _cells(here: Here, item: WorklistItem) -> list[str]:
    zone, clinic = here.zone_of(item.clinic), here.app.catalogue.clinics.get(item.clinic)
    by_staff = (item.closed_by or "").startswith(("web:", "cli:", "api:"))
    took = span(item.closed_at - item.opened_at) if item.closed_at else ""
    return [
        local_time(item.closed_at, zone), clinic.name if clinic else item.clinic,
        item_term(item.kind, item.detail.get("channel")).label, URGENCIES[item.urgency].label,
        local_time(item.opened_at, zone), local_time(item.looked_at, zone), took,
        outcome_text(item.outcome), "yes" if by_staff else "no",
    ]  # fmt: skip


def _codes(item: WorklistItem) -> list[str]:
    ids: tuple[UUID | None, ...] = (
        item.id, item.patient_id, item.enrolment_id, item.message_id,
    )  # fmt: skip
    times = (item.opened_at, item.looked_at, item.closed_at)
    return [
        *(str(it or "") for it in ids), item.clinic, item.kind, str(item.urgency),
        item.outcome or "", *(utc_time(at) for at in times),
    ]  # fmt: skip
