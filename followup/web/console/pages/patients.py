"""Patient search page: nothing of the search stands in the address."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from starlette.responses import Response

from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_email, parse_mobile, parse_nhs_number
from followup.domain.errors import InvalidInput, Problem
from followup.domain.protocols.timing import instant_at
from followup.patients.records import address_index, surname_of
from followup.patients.search import SearchTerms, search_patients
from followup.store.audit_log import AuditEntry
from followup.store.encryption.sealing import BlindIndexes
from followup.store.engine.types import AnyRow
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.drafts import begin_draft, find_draft
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, Pages
from followup.wording.enrolments import ENROLMENT_STATES

DRAFT_KIND = "patient search"
SEARCH_FIELDS = (
    "wanted", "state", "since", "since-month", "since-year", "until", "until-month", "until-year",
)  # fmt: skip
PAGE_SIZE = 50
pages = Pages()


@pages.get("/patients", may=SEE_PATIENTS)
def latest(here: Here) -> Response:
    return _page(here, here.form, path="/patients")


@pages.post("/patients", may=SEE_PATIENTS)
def seek(here: Here) -> Response:
    form = here.form
    if problems := _date_problems(form):
        return here.page("patients/list.html", form=form.refused(*problems), rows=None)
    answers = {name: form.values.get(name, ()) for name in SEARCH_FIELDS}
    draft_id = begin_draft(here.app, here.member.id, kind=DRAFT_KIND, answers=answers)
    return here.go(f"/patients/found/{draft_id}")


@pages.get("/patients/found/{draft}", may=SEE_PATIENTS)
def found(here: Here) -> Response:
    draft = find_draft(here.app, here.member.id, here.id("draft"), kind=DRAFT_KIND)
    form = Form(values=draft.answers)
    return _page(here, form, path=f"/patients/found/{draft.id}")


def _page(here: Here, form: Form, *, path: str) -> Response:
    rows: list[AnyRow] = []
    sought = replace(_filters(here, form), before=_cursor(here.query("before")))
    with here.app.store.read() as session:
        for way in search_ways(here.app.keyring.indexes, sought, form.text("wanted")):
            rows = list(search_patients(session, way, limit=PAGE_SIZE + 1))
            if rows:
                break
    shown = rows[:PAGE_SIZE]
    _record(here, len(shown))
    last = shown[-1].Enrolment if len(rows) > PAGE_SIZE else None
    return here.page(
        "patients/list.html",
        form=form,
        searched=path != "/patients",
        rows=[(row.Enrolment, row.Patient, here.person(row.Patient)) for row in shown],
        next=f"{path}?before={last.procedure_at:%Y%m%dT%H%M%S%f}_{last.id}" if last else None,
        states=[("", "Any"), *((key.value, term.label) for key, term in ENROLMENT_STATES.items())],
    )


def _record(here: Here, count: int) -> None:
    here.record(AuditEntry(action="patients.listed", detail={"shown": count}))


def search_ways(indexes: BlindIndexes, sought: SearchTerms, wanted: str) -> list[SearchTerms]:
    """Return how to look for what was typed: the first way that finds something counts."""
    if not wanted:
        return [sought]
    sms, email = ChannelKind.SMS, ChannelKind.EMAIL
    with suppress(InvalidInput):
        return [replace(sought, nhs_number=indexes.of("nhs number", parse_nhs_number(wanted)))]
    with suppress(InvalidInput):
        return [replace(sought, mobile=address_index(indexes, sms, parse_mobile(wanted)))]
    with suppress(InvalidInput):
        return [replace(sought, email=address_index(indexes, email, parse_email(wanted)))]
    surname = indexes.of("surname", surname_of(wanted))
    return [replace(sought, reference=wanted), replace(sought, surname=surname)]


def _filters(here: Here, form: Form) -> SearchTerms:
    zone = here.zone_of(here.clinics[0] if here.clinics else None)
    since, until = _day(form, "since"), _day(form, "until")
    state = form.text("state")
    return SearchTerms(
        clinics=here.clinics,
        states=(state,) if state in set(ENROLMENT_STATES) else (),
        since=instant_at(since, time.min, zone=zone) if since else None,
        until=instant_at(until + timedelta(days=1), time.min, zone=zone) if until else None,
    )


def _date_problems(form: Form) -> list[Problem]:
    problems = []
    for name in ("since", "until"):
        try:
            _day(form, name)
        except ValueError:
            problems.append(Problem(name, "Enter a real date"))
    return problems


def _day(form: Form, name: str) -> date | None:
    parts = [form.text(part) for part in (f"{name}-year", f"{name}-month", name)]
    if not any(parts):
        return None
    year, month, day = parts
    return real_day(year, month, day)


def _cursor(text: str) -> tuple[datetime, UUID] | None:
    """Return where the page before ended; anything else begins at the start."""
    at, _, last = text.partition("_")
    try:
        return datetime.strptime(at, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC), UUID(last)
    except ValueError:
        return None
