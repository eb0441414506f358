"""Page to change the answers about a procedure, as once it is known what was injected."""

from __future__ import annotations

from starlette.responses import Response

from followup.casework.answers import change_answers
from followup.domain.errors import InvalidInput
from followup.enrolment.reschedule import protocol_of
from followup.store.models.enrolments import Enrolment
from followup.web.console.framework.enrolment_form import attribute_field, fields_of_check
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.patient import find_enrolment

PATH = "/enrolments/{enrolment}/answers"
YES_OR_NO = {"yes": True, "no": False}
pages = Pages()


@pages.get(PATH, may=CHANGE_PATIENTS)
def ask(here: Here) -> Response:
    enrolment = find_enrolment(here)
    held = {
        attribute_field(key): "yes" if answer else "no"
        for key, answer in enrolment.attributes.items()
    }
    return _page(here, enrolment, Form.of(**held))


@pages.post(PATH, may=CHANGE_PATIENTS)
def change(here: Here) -> Response:
    enrolment, form = find_enrolment(here), here.form
    given = {
        attribute.key: YES_OR_NO.get(form.text(attribute_field(attribute.key)))
        for attribute in protocol_of(here.app, enrolment).needed_attributes()
    }
    try:
        changed = change_answers(here.app, enrolment.id, given, actor=here.member.actor)
    except InvalidInput as error:
        problems = map(fields_of_check, error.problems)
        return _page(here, enrolment, form.refused(*problems))
    done = "answers" if changed else "same-answers"
    return here.go(f"/patients/{enrolment.patient_id}?done={done}")


def _page(here: Here, enrolment: Enrolment, form: Form) -> Response:
    return here.page(
        "patients/answers.html",
        enrolment=enrolment,
        form=form,
        questions=[
            (attribute_field(each.key), each.question)
            for each in protocol_of(here.app, enrolment).needed_attributes()
        ],
    )
