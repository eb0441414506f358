"""Columns page: what each column of an uploaded list is, beside its first rows."""

from __future__ import annotations

from itertools import islice

from starlette.responses import Response

from followup.domain.errors import Conflict, Problem
from followup.domain.intake.list_state import ListState
from followup.intake.csv_cells import clean
from followup.intake.csv_columns import NOT_USED, Layout, layout_problems
from followup.intake.csv_file import read_cells
from followup.intake.uploaded_lists import PatientList, UploadedFile, choose_columns, find_list
from followup.store.audit_log import AuditEntry
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import EMPTY_FORM, Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.lists.names import FieldNames
from followup.web.console.pages.lists.upload import PATH

SHOWN = 3
PROTOCOL = "protocol"
NO_PROCEDURE = (
    "no column says which procedure it was: choose the column that does, or upload the list again "
    "and choose the procedure"
)
MAY_CHANGE = (ListState.COLUMNS, ListState.CHECKED)
pages = Pages()


@pages.get(f"{PATH}/{{list}}/columns", may=CHANGE_PATIENTS)
def show(here: Here) -> Response:
    found = find_list(here.app, here.member.id, here.id("list"))
    if found.file is None or found.state not in MAY_CHANGE:
        return here.go(f"{PATH}/{found.id}")
    return _page(here, found, found.file, found.file.layout, EMPTY_FORM)


@pages.post(f"{PATH}/{{list}}/columns", may=CHANGE_PATIENTS)
def choose(here: Here) -> Response:
    found = find_list(here.app, here.member.id, here.id("list"))
    if found.file is None or found.state not in MAY_CHANGE:
        return here.go(f"{PATH}/{found.id}")
    layout = _chosen(here, found.file.layout)
    problems = layout_problems(layout, here.app.catalogue, named=FieldNames(here.app.catalogue))
    if _procedure_is_missing(here, found, layout):
        problems.append(NO_PROCEDURE)
    if problems:
        told = (Problem("columns", sentence(each)) for each in problems)
        return _page(here, found, found.file, layout, here.form.refused(*told), everything=True)
    try:
        choose_columns(here.app, found, layout)
    except Conflict:
        # Sent twice: the first time has it checked.
        return here.go(f"{PATH}/{found.id}")
    return here.go(f"{PATH}/{found.id}")


def _procedure_is_missing(here: Here, found: PatientList, layout: Layout) -> bool:
    """Say whether neither the list nor whoever uploaded it says which procedure it was."""
    said = found.defaults.protocol is not None or PROTOCOL in layout.fields
    return not said and len(here.app.catalogue.protocols) > 1


def _chosen(here: Here, layout: Layout) -> Layout:
    """Return the layout as the form has it; what it does not ask about stays as it is."""
    known = {NOT_USED, *FieldNames(here.app.catalogue).names}
    fields = []
    for place, field in enumerate(layout.fields):
        given = here.form.text(f"column-{place}")
        kept = NOT_USED if field is None else field
        fields.append(given if given in known else kept)
    return layout.with_fields(fields)


def _page(
    here: Here,
    found: PatientList,
    file: UploadedFile,
    layout: Layout,
    form: Form,
    *,
    everything: bool = False,
) -> Response:
    here.record(AuditEntry(action="list.viewed", clinic=found.defaults.clinic))
    name = FieldNames(here.app.catalogue)
    samples = _samples(file)
    ask_all = everything or bool(here.query("change"))
    return here.page(
        "lists/columns.html",
        form=form,
        list=found,
        columns=[
            {
                "field": f"column-{place}",
                "title": title,
                "is": name(field) if field else None,
                "is_used": field != NOT_USED,
                "asks": ask_all or not field,
                "chosen": field or NOT_USED,
                "samples": [row[place] for row in samples if place < len(row)],
            }
            for place, (title, field) in enumerate(zip(layout.titles, layout.fields, strict=True))
            if title or any(place < len(row) and row[place] for row in samples)
        ],
        options=[(NOT_USED, "Do not use"), *name.names.items()],
        asks_all=ask_all,
    )


def _samples(file: UploadedFile) -> list[list[str]]:
    rows = (
        [clean(cell) for cell in row.cells]
        for row in read_cells(file.open())
        if row.line > file.layout.line and not row.is_blank and row.fault is None
    )
    return list(islice(rows, SHOWN))
