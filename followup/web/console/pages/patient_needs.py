"""Reading needs of a patient, and the link to their own page."""

from __future__ import annotations

from starlette.responses import Response

from followup.content.languages import staff_name
from followup.context import UnitOfWork
from followup.domain.errors import NotFound
from followup.domain.needs import ReadingNeed
from followup.enrolment.page_tokens import replace_page_token, revoke_page_token
from followup.enrolment.reading_needs import change_needs
from followup.patient_page import change_language
from followup.patients.history import enrolments_of
from followup.store.models.patients import Patient
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.patient import find, find_enrolment

pages = Pages()


@pages.get("/patients/{patient}/needs", may=CHANGE_PATIENTS)
def ask_needs(here: Here) -> Response:
    patient = find(here)
    person = here.person(patient)
    if person is None:
        raise NotFound("this patient's data was erased")
    values = {"needs": tuple(sorted(person.needs)), "language": (person.language,)}
    return here.page(
        "patients/needs.html",
        patient=patient,
        form=Form(values=values),
        languages=[(code, staff_name(code)) for code in _languages(here, patient)],
    )


@pages.post("/patients/{patient}/needs", may=CHANGE_PATIENTS)
def keep_needs(here: Here) -> Response:
    patient = find(here)
    chosen = frozenset(need for need in ReadingNeed if need.value in here.form.all("needs"))
    language = here.form.text("language")

    def work(unit: UnitOfWork) -> None:
        row = unit.session.get_one(Patient, patient.id, with_for_update=True)
        enrolments = enrolments_of(unit.session, row.id)
        of = enrolments[0].id if enrolments else None
        change_needs(unit, row, chosen, enrolment_id=of)
        if language in _languages(here, patient):
            change_language(unit.session, unit.by, row, language)

    here.app.transact(here.member.actor, work)
    return here.go(f"/patients/{patient.id}?done=needs")


@pages.post("/enrolments/{enrolment}/page/new", may=CHANGE_PATIENTS)
def new_link(here: Here) -> Response:
    enrolment = find_enrolment(here)
    replace_page_token(here.app, enrolment.id, actor=here.member.actor)
    return here.go(f"/patients/{enrolment.patient_id}?done=page-new")


@pages.post("/enrolments/{enrolment}/page/off", may=CHANGE_PATIENTS)
def link_off(here: Here) -> Response:
    enrolment = find_enrolment(here)
    revoke_page_token(here.app, enrolment.id, actor=here.member.actor)
    return here.go(f"/patients/{enrolment.patient_id}?done=page-off")


def _languages(here: Here, patient: Patient) -> tuple[str, ...]:
    clinic = here.app.catalogue.clinics.get(patient.clinic)
    return clinic.languages if clinic else ()
