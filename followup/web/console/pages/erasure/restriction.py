"""Restriction of a patient's data: placed and lifted on one page, by those who may see it."""

from __future__ import annotations

from starlette.responses import Response

from followup.domain.erasure.restriction import LiftGround, RestrictionGround
from followup.domain.errors import Conflict, Problem
from followup.erasure.restriction import lift_restriction, restrict
from followup.store.models.patients import Patient
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import EMPTY_FORM
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, Pages
from followup.web.console.pages.patient import find
from followup.wording.records.erasure import LIFT_GROUNDS, RESTRICTION_GROUNDS

pages = Pages()


@pages.get("/audit/patients/{patient}/restrict", may=AUDIT)
def ask(here: Here) -> Response:
    return _form(here, find(here))


@pages.post("/audit/patients/{patient}/restrict", may=AUDIT)
def change(here: Here) -> Response:
    patient, ground = find(here), here.form.text("ground")
    lifts = patient.restricted_at is not None
    if ground not in set(LiftGround if lifts else RestrictionGround):
        return _form(here, patient, Problem("ground", "Choose why"))
    actor = here.member.actor
    try:
        if lifts:
            lift_restriction(here.app, patient.id, ground=LiftGround(ground), actor=actor)
        else:
            restrict(here.app, patient.id, ground=RestrictionGround(ground), actor=actor)
    except Conflict as error:
        return _form(here, patient, Problem("ground", sentence(str(error))))
    done = "restriction-lifted" if lifts else "restricted"
    return here.go(f"/patients/{patient.id}?done={done}")


def _form(here: Here, patient: Patient, *problems: Problem) -> Response:
    grounds = LIFT_GROUNDS if patient.restricted_at else RESTRICTION_GROUNDS
    return here.page(
        "erasure/restrict.html",
        patient=patient,
        grounds=[(ground.value, text) for ground, text in grounds.items()],
        form=here.form.refused(*problems) if problems else EMPTY_FORM,
    )
