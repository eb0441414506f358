"""Rows page: what was found in an uploaded list, each row's timeline, and the enrolment of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from starlette.responses import HTMLResponse, Response

from followup.domain.errors import Conflict, NotFound
from followup.domain.intake.list_state import ListState
from followup.enrolment.enrol import EnrolmentRequest
from followup.intake.uploaded_lists import (
    DifferingRow,
    Findings,
    PatientList,
    RefusedRow,
    choose_updates,
    enrol_list,
    find_list,
)
from followup.store.audit_log import AuditEntry
from followup.store.engine.bulk import is_among
from followup.store.models.enrolments import Enrolment
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.framework.table_export import csv_answer, file_name, written
from followup.web.console.framework.templates import environment
from followup.web.console.pages.lists.names import FieldNames
from followup.web.console.pages.lists.timeline import read_lines
from followup.web.console.pages.lists.upload import PATH
from followup.wording.formats import capital

PAGE = 50
UNDER_WAY = (ListState.CHECKING, ListState.ENROLLING)
WAITED_LONG = timedelta(seconds=20)
TO_CORRECT = "What to correct"
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A cell that is to be corrected: its column, what it says, and what is wrong with it."""

    column: str
    cell: str
    told: str


@pages.get(f"{PATH}/{{list}}", may=CHANGE_PATIENTS)
def show(here: Here) -> Response:
    found = _find(here)
    if found.state is ListState.COLUMNS:
        return here.go(f"{PATH}/{found.id}/columns")
    if found.state in UNDER_WAY:
        return here.page("lists/under-way.html", list=found, **_progress(here, found))
    here.record(AuditEntry(action="list.viewed", clinic=found.defaults.clinic))
    return _rows_page(here, found)


@pages.get(f"{PATH}/{{list}}/progress", may=CHANGE_PATIENTS, quiet=True)
def progress(here: Here) -> Response:
    """Answer with how far it is, for a page that stands open; send it on when that is done."""
    found = _find(here)
    html = (
        environment()
        .get_template("pages/lists/progress.html")
        .render(list=found, **_progress(here, found))
    )
    done = {} if found.state in UNDER_WAY else {"HX-Redirect": f"{PATH}/{found.id}"}
    return HTMLResponse(html, headers=done)


@pages.post(f"{PATH}/{{list}}/enrol", may=CHANGE_PATIENTS)
def enrol(here: Here) -> Response:
    """Have the rows enrolled; sent twice, it is done once."""
    found = _find(here)
    findings = found.findings
    if found.state is ListState.CHECKED and findings and (findings.new or findings.to_update):
        try:
            enrol_list(here.app, found)
        except Conflict:
            return here.go(f"{PATH}/{found.id}")
    return here.go(f"{PATH}/{found.id}")


@pages.post(f"{PATH}/{{list}}/updates", may=CHANGE_PATIENTS)
def updates(here: Here) -> Response:
    """Say whether what the list says is applied where it differs: of a line, or of all of them."""
    found, line = _find(here), here.form.text("line")
    if line and not (line.isascii() and line.isdigit()):
        raise NotFound("there is no such row")
    try:
        choose_updates(
            here.app,
            found,
            line=int(line[:9]) if line else None,
            apply=here.form.text("apply") == "yes",
        )
    except Conflict:
        # Confirmed meanwhile: the page says how it stands.
        return here.go(f"{PATH}/{found.id}")
    page = here.form.text("page")
    place = f"?page={page}" if page.isascii() and page.isdigit() else ""
    return here.go(f"{PATH}/{found.id}{place}{f'#line-{line}' if line else ''}")


@pages.get(f"{PATH}/{{list}}/to-correct.csv", may=CHANGE_PATIENTS)
def to_correct(here: Here) -> Response:
    """Answer with the rows that were refused, to be corrected and uploaded as they are."""
    found = _find(here)
    findings = found.findings
    if findings is None:
        return here.go(f"{PATH}/{found.id}")
    here.record(AuditEntry(action="list.exported", clinic=found.defaults.clinic))
    width = len(findings.layout.titles)
    rows = [
        [
            *row.cells[:width],
            *[""] * (width - len(row.cells)),
            ". ".join(f"{wrong.column}: {wrong.told}" for wrong in _wrong(here, findings, row)),
        ]
        for row in findings.refused
    ]
    name = file_name(here, "rows-to-correct", found.defaults.clinic)
    return csv_answer([written([[*findings.layout.titles, TO_CORRECT], *rows])], name=name)


def _find(here: Here) -> PatientList:
    return find_list(here.app, here.member.id, here.id("list"))


def _progress(here: Here, found: PatientList) -> dict[str, Any]:
    waited = here.app.clock.real_now() - found.uploaded_at
    return {
        "is_stuck": found.tries == 0 and waited > WAITED_LONG,
        "title": "Checking the list" if found.state is ListState.CHECKING else "Enrolling patients",
    }


def _rows_page(here: Here, found: PatientList) -> Response:
    findings = found.findings
    assert findings is not None  # noqa: S101 - there are some once a list was worked on
    page = here.page_number
    lines = sorted((*findings.new, *findings.already)) if found.file else []
    shown = lines[PAGE * (page - 1) : PAGE * page]
    refused = findings.refused[PAGE * (page - 1) : PAGE * page]
    differing = findings.differing[PAGE * (page - 1) : PAGE * page]
    longest = max(len(lines), len(findings.refused), len(findings.differing))
    return here.page(
        "lists/rows.html",
        list=found,
        findings=findings,
        clinic=here.app.catalogue.clinics.get(found.defaults.clinic or ""),
        protocol=here.protocol_name(found.defaults.protocol),
        rows=_shown(here, found, shown),
        refused=[(row, _who(findings, row), _wrong(here, findings, row)) for row in refused],
        differing=_differing(here, findings, differing),
        previous=f"{PATH}/{found.id}?page={page - 1}" if page > 1 else None,
        next=f"{PATH}/{found.id}?page={page + 1}" if longest > PAGE * page else None,
        page_number=page,
    )


def _shown(here: Here, found: PatientList, lines: Sequence[int]) -> list[dict[str, Any]]:
    if found.file is None or found.findings is None:
        return []
    new = set(found.findings.new)
    return [
        {
            "line": row.line,
            "name": row.request.person.name or f"NHS number {row.request.person.nhs_number}",
            "at": row.request.procedure_at,
            "zone": _zone(here, row.request),
            "protocol": here.protocol_name(row.request.protocol),
            "is_new": row.line in new,
            "objection": found.findings.objections.get(row.line),
        }
        for row in read_lines(here, found, found.file, lines)
        if row.request is not None
    ]


def _zone(here: Here, request: EnrolmentRequest) -> ZoneInfo:
    return here.zone_of(request.clinic)


def _wrong(here: Here, findings: Findings, row: RefusedRow) -> list[Wrong]:
    """Return what is wrong with a row, each beside its cell."""
    name = FieldNames(here.app.catalogue)
    told = []
    for field, message in row.problems:
        places = [at for at in findings.layout.columns_of(field) if at < len(row.cells)]
        told.append(
            Wrong(
                column=" and ".join(findings.layout.titles[at] for at in places)
                or ("Whole row" if field == "row" else name(field)),
                cell=" ".join(row.cells[at] for at in places),
                told=capital(message),
            )
        )
    return told


def _differing(
    here: Here, findings: Findings, shown: Sequence[DifferingRow]
) -> list[dict[str, Any]]:
    """Return the rows that differ from an enrolment: whose it is, and what the list says."""
    name = FieldNames(here.app.catalogue)
    with here.app.store.read() as session:
        ids = [row.enrolment_id for row in shown]
        found = session.execute(
            select(Enrolment.id, Enrolment.patient_id).where(is_among(Enrolment.id, ids))
        )
        patients = {row.id: row.patient_id for row in found}
    return [
        {
            "line": row.line,
            "who": _who(findings, row),
            "patient": patients.get(row.enrolment_id),
            "apply": row.apply,
            "fields": [
                (name(field), _cell(findings, row, field))
                for field in (path.rpartition(".")[2] for path in row.fields)
            ],
        }
        for row in shown
    ]


def _cell(findings: Findings, row: DifferingRow, field: str) -> str:
    places = findings.layout.columns_of(field)
    return " ".join(filter(None, (row.cells[at] for at in places if at < len(row.cells))))


def _who(findings: Findings, row: RefusedRow | DifferingRow) -> str:
    """Return whose row it is, as far as the list says."""
    for field in ("name", "nhs_number"):
        cells = [row.cells[at] for at in findings.layout.columns_of(field) if at < len(row.cells)]
        if said := " ".join(filter(None, cells)):
            return said
    return ""
