"""Upload page: a theatre list as a CSV file, and a template for one."""

from __future__ import annotations

from starlette.responses import Response

from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.intake.uploaded_lists import (
    MOST_BYTES,
    MOST_ROWS,
    find_list,
    lists_of,
    remove_list,
    upload_list,
)
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.framework.table_export import csv_answer, written
from followup.wording.intake.lists import COLUMNS

PATH = "/enrol/list"
TEMPLATE = (
    "reference", "nhs_number", "name", "date_of_birth", "procedure_date", "procedure_time",
    "mobile", "email", "channels",
)  # fmt: skip
LONGEST_NAME = 80
MEGABYTE = 1024 * 1024
DONE = {"removed": "The list is removed."}
pages = Pages()


@pages.get(PATH, may=CHANGE_PATIENTS)
def start(here: Here) -> Response:
    return _page(here, here.form)


@pages.post(PATH, may=CHANGE_PATIENTS, takes=MOST_BYTES)
def upload(here: Here) -> Response:
    form, file = here.form, here.form.files.get("file")
    clinic, protocol = _clinic(here), form.text("protocol") or None
    problems = []
    if clinic is None:
        problems.append(Problem("clinic", "Choose the clinic"))
    if protocol is not None and protocol not in here.app.catalogue.protocols:
        problems.append(Problem("protocol", "Choose the procedure"))
    if form.is_too_long or (file is not None and len(file.content) > MOST_BYTES):
        most = MOST_BYTES // MEGABYTE
        problems.append(
            Problem(
                "file",
                f"The file is larger than {most} MB: check that it is the right one, or divide it",
            )
        )
    elif file is None or not (file.name or file.content):
        problems.append(Problem("file", "Choose a file"))
    elif not file.content:
        problems.append(Problem("file", "The file is empty: choose another one"))
    if problems or clinic is None or file is None:
        return _page(here, form.refused(*problems))
    try:
        list_id = upload_list(
            here.app,
            here.member.id,
            actor=here.member.actor,
            clinic=clinic,
            protocol=protocol,
            name=file.name.rpartition("\\")[2].rpartition("/")[2][:LONGEST_NAME],
            content=file.content,
        )
    except InvalidInput as error:
        told = (Problem("file", sentence(each.message)) for each in error.problems)
        return _page(here, form.refused(*told))
    except Conflict as error:
        return _page(here, form.refused(Problem("file", sentence(str(error)))))
    return here.go(f"{PATH}/{list_id}/columns")


@pages.get(f"{PATH}/template.csv", may=CHANGE_PATIENTS)
def template(here: Here) -> Response:
    """Answer with the headings alone: a made-up patient in it would be enrolled one day."""
    protocol = here.app.catalogue.protocols.get(here.query("protocol"))
    questions = [each.question for each in protocol.needed_attributes()] if protocol else []
    headings = [*(COLUMNS[name].label for name in TEMPLATE), *questions]
    name = f"theatre-list-{protocol.key}.csv" if protocol else "theatre-list.csv"
    return csv_answer([written([headings])], name=name)


@pages.post(f"{PATH}/{{list}}/remove", may=CHANGE_PATIENTS)
def remove(here: Here) -> Response:
    remove_list(here.app, find_list(here.app, here.member.id, here.id("list")))
    return here.go(f"{PATH}?done=removed")


def _clinic(here: Here) -> str | None:
    wanted = here.form.text("clinic") or (here.clinics[0] if len(here.clinics) == 1 else "")
    return wanted if wanted in here.clinics else None


def _page(here: Here, form: Form) -> Response:
    if not here.clinics:
        raise NotFound("none of your clinics is set up here")
    clinics, protocols = here.app.catalogue.clinics, here.app.catalogue.protocols
    return here.page(
        "lists/upload.html",
        form=form,
        clinics=[(key, clinics[key].name) for key in here.clinics],
        protocols=[(key, protocols[key].name) for key in sorted(protocols)],
        questions=[
            (protocols[key].name, [each.question for each in protocols[key].needed_attributes()])
            for key in sorted(protocols)
        ],
        columns=COLUMNS.values(),
        lists=lists_of(here.app, here.member.id),
        most_rows=MOST_ROWS,
        megabytes=MOST_BYTES // MEGABYTE,
        done=DONE.get(here.query("done")),
    )
