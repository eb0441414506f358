"""Patient search page: nothing of the search stands in the address."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from starlette.responses import Response

from followup.domain.errors import InvalidInput, Problem
from followup.domain.protocols.timing import instant_at
from followup.patients.find import Found, find_patients
from followup.patients.search import SearchedBy, SearchTerms
from followup.patients.search_limit import LISTED_EVENT, MOST_FOUND, require_search_allowed
from followup.patients.typed_search import search_ways
from followup.store.audit_log import AuditEntry
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.drafts import begin_draft, find_draft
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, Pages
from followup.wording.enrolments import ENROLMENT_STATES

DRAFT_KIND = "patient search"
SEARCH_FIELDS = (
    "wanted", "state", "since", "since-month", "since-year", "until", "until-month", "until-year",
)  # fmt: skip
pages = Pages()


@pages.get("/patients", may=SEE_PATIENTS)
def latest(here: Here) -> Response:
    return _page(here, here.form, path="/patients")


@pages.post("/patients", may=SEE_PATIENTS)
def seek(here: Here) -> Response:
    form = here.form
    if problems := _date_problems(form) or _problems(here, form):
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
    sought = replace(_filters(here, form), before=_cursor(here.query("before")))
    found = find_people(here, sought, form.text("wanted"))
    # Whoever is looked for by name is among the first, or more of the name is known.
    last = found.rows[-1].Enrolment if found.more and found.by is SearchedBy.LIST else None
    return here.page(
        "patients/list.html",
        form=form,
        searched=path != "/patients",
        by=found.by.value,
        cut=found.more and last is None,
        most=MOST_FOUND,
        rows=[(row.Enrolment, row.Patient, here.person(row.Patient)) for row in found.rows],
        next=f"{path}?before={last.procedure_at:%Y%m%dT%H%M%S%f}_{last.id}" if last else None,
        states=[("", "Any"), *((key.value, term.label) for key, term in ENROLMENT_STATES.items())],
    )


def find_people(here: Here, sought: SearchTerms, wanted: str) -> Found:
    """Return who was found by what was typed; it is recorded.

    Raises `InvalidInput` for a date that is none, and for whoever searches too often.
    """
    with here.app.store.read() as session:
        if wanted:
            now = here.app.clock.now()
            require_search_allowed(session, actor=here.member.actor, now=now)
        found = find_patients(session, here.app.keyring, sought, wanted, limit=MOST_FOUND)
    detail = {"shown": len(found.rows), "by": found.by.value}
    here.record(AuditEntry(action=LISTED_EVENT, detail=detail))
    return found


def _problems(here: Here, form: Form) -> list[Problem]:
    """Return what keeps a search from being made."""
    try:
        with here.app.store.read() as session:
            now = here.app.clock.now()
            require_search_allowed(session, actor=here.member.actor, now=now)
        search_ways(here.app.keyring.indexes, _filters(here, form), form.text("wanted"))
    except InvalidInput as error:
        return [Problem(each.field, sentence(each.message)) for each in error.problems]
    return []


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
