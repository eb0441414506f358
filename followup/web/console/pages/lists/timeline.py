"""Timeline page of one row of an uploaded list: what its patient would get."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.responses import Response

from followup.content.languages import staff_name
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, NotFound, Problem
from followup.enrolment.enrol import EnrolmentRequest, check_request, dry_run
from followup.enrolment.language_note import language_note
from followup.enrolment.preview import preview_enrolment
from followup.intake.csv_document import Defaults
from followup.intake.csv_rows import Row, in_columns, read_rows
from followup.intake.uploaded_lists import PatientList, UploadedFile, find_list
from followup.store.audit_log import AuditEntry
from followup.store.models.enrolments import Enrolment
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.lists.names import FieldNames
from followup.web.console.pages.lists.upload import PATH
from followup.wording.formats import capital
from followup.wording.objections import objection_text

pages = Pages()


@pages.get(f"{PATH}/{{list}}/rows/{{line}}", may=CHANGE_PATIENTS)
def timeline(here: Here) -> Response:
    found = find_list(here.app, here.member.id, here.id("list"))
    if found.file is None:
        raise NotFound("the list was used already: look for the patient instead")
    row = next(read_lines(here, found, found.file, [_line(here)]), None)
    if row is None:
        raise NotFound("the list has no such row")
    here.record(AuditEntry(action="list.viewed", clinic=found.defaults.clinic))
    if row.request is None:
        return _no_timeline(here, found, row.line, row.problems)
    try:
        checked = check_request(here.app, row.request)
    except InvalidInput as error:
        return _no_timeline(here, found, row.line, in_columns(error.problems))
    clash, objection, told = _foreseen(here, row.request)
    person = row.request.person
    return here.page(
        "lists/row.html",
        list=found,
        line=row.line,
        checked=checked,
        person=person,
        protocol=checked.protocol,
        channels=[channel.value for channel in row.request.channels],
        language=staff_name(person.language),
        language_note=language_note(
            here.app,
            language=person.language,
            clinic=checked.clinic,
            protocol=checked.protocol,
        ),
        clash=clash,
        objection=objection_text(objection, checked.clinic.zone) if objection else None,
        problem=told,
        views=preview_enrolment(here.app, checked),
        now=here.app.clock.now(),
    )


def read_lines(
    here: Here, found: PatientList, file: UploadedFile, lines: Sequence[int]
) -> Iterator[Row]:
    """Yield the rows that begin on these lines, as a member of staff may see them."""
    defaults = Defaults(
        found.defaults.clinic, found.defaults.protocol, clinics=frozenset(here.clinics)
    )
    return read_rows(
        here.app, file.open(), defaults=defaults, layout=file.layout, lines=frozenset(lines)
    )


def _line(here: Here) -> int:
    text = str(here.request.path_params["line"])
    if not (text.isascii() and text.isdigit()):
        raise NotFound("there is no such row")
    return int(text[:9])


def _foreseen(
    here: Here, request: EnrolmentRequest
) -> tuple[Enrolment | None, EnrolmentObjection | None, str | None]:
    """Return the enrolment that is there already, the objection in force, and what forbids it."""
    try:
        with here.app.store.read() as session:
            foreseen = dry_run(session, here.app, check_request(here.app, request))
            there, objection = foreseen.enrolment_id, foreseen.objection
    except AlreadyEnrolled as error:
        there, objection = error.enrolment_id, error.objection
    except Conflict as error:
        return None, None, sentence(str(error))
    if there is None:
        return None, objection, None
    with here.app.store.read() as session:
        return session.get(Enrolment, there), objection, None


def _no_timeline(
    here: Here, found: PatientList, line: int, problems: Sequence[Problem]
) -> Response:
    name = FieldNames(here.app.catalogue)
    return here.page(
        "lists/row.html",
        list=found,
        line=line,
        wrong=[(name(problem.field), capital(problem.message)) for problem in problems],
        views=None,
    )
