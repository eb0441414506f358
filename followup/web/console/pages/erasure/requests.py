"""Erasure of a patient's data: asked for on one page, decided by somebody else on another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.erasure.grounds import ErasureDecision, ErasureGround, RefusalGround
from followup.domain.errors import Conflict, NotFound, Problem
from followup.erasure.requests import (
    decide_erasure,
    erasure_requests,
    propose_erasure,
    require_decidable,
)
from followup.store.models.patients import ErasureRequest, Patient
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import EMPTY_FORM
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, SEE_PATIENTS, Pages
from followup.web.console.pages.patient import find
from followup.wording.records.erasure import ERASURE_GROUNDS, REFUSAL_GROUNDS

ERASE = "erase"
DONE_NOTICES = {
    "erased": "Erased. What is left tells of nobody.",
    "refused": "The data is kept, and so is the reason.",
}

pages = Pages()


@dataclass(frozen=True, slots=True)
class Shown:
    """A request with the name of whom it is about, None once they are erased.

    `own` says whether the member who looks at it proposed it.
    """

    request: ErasureRequest
    name: str | None
    own: bool
    zone: ZoneInfo


@pages.get("/patients/{patient}/erase", may=SEE_PATIENTS)
def ask(here: Here) -> Response:
    return _form(here, find(here))


@pages.post("/patients/{patient}/erase", may=SEE_PATIENTS)
def propose(here: Here) -> Response:
    patient, ground = find(here), here.form.text("ground")
    if ground not in set(ErasureGround):
        return _form(here, patient, Problem("ground", "Choose why it should be erased"))
    try:
        propose_erasure(here.app, patient.id, ground=ErasureGround(ground), actor=here.member.actor)
    except Conflict as error:
        return _form(here, patient, Problem("ground", sentence(str(error))))
    return here.go(f"/patients/{patient.id}?done=erasure-proposed")


@pages.get("/erasures", may=AUDIT)
def show(here: Here) -> Response:
    return _list(here)


@pages.get("/erasures/{request}", may=AUDIT)
def ask_decision(here: Here) -> Response:
    return _request_page(here, _find(here))


@pages.post("/erasures/{request}", may=AUDIT)
def decide(here: Here) -> Response:
    request, chosen = _find(here), here.form.text("decision")
    require_decidable(request, here.member.actor)
    if chosen != ERASE and chosen not in set(RefusalGround):
        return _request_page(
            here, request, Problem("decision", "Choose whether to erase or to keep the data")
        )
    decision = decide_erasure(
        here.app,
        request.id,
        actor=here.member.actor,
        refusal=None if chosen == ERASE else RefusalGround(chosen),
    )
    done = "erased" if decision is ErasureDecision.ERASED else "refused"
    return here.go(f"/erasures?done={done}")


def _find(here: Here) -> ErasureRequest:
    with here.app.store.read() as session:
        request = session.get(ErasureRequest, here.id("request"))
    if request is None:
        raise NotFound("there is no such request")
    here.require_clinic(request.clinic)
    return request


def _form(here: Here, patient: Patient, *problems: Problem) -> Response:
    return here.page(
        "erasure/propose.html",
        patient=patient,
        grounds=[(ground.value, text) for ground, text in ERASURE_GROUNDS.items()],
        form=here.form.refused(*problems) if problems else EMPTY_FORM,
    )


def _list(here: Here) -> Response:
    with here.app.store.read() as session:
        shown = _shown(session, here, erasure_requests(session, clinics=here.clinics))
    return here.page(
        "erasure/list.html",
        waiting=[one for one in shown if one.request.decided_at is None],
        decided=[one for one in reversed(shown) if one.request.decided_at is not None],
        done=DONE_NOTICES.get(here.query("done") or ""),
    )


def _request_page(here: Here, request: ErasureRequest, *problems: Problem) -> Response:
    with here.app.store.read() as session:
        (shown,) = _shown(session, here, [request])
    return here.page(
        "erasure/decide.html",
        shown=shown,
        choices=[
            (ERASE, "Erase: this can’t be undone"),
            *((ground.value, f"Keep. {text}") for ground, text in REFUSAL_GROUNDS.items()),
        ],
        form=here.form.refused(*problems) if problems else EMPTY_FORM,
    )


def _shown(session: Session, here: Here, found: Sequence[ErasureRequest]) -> list[Shown]:
    patients = {
        patient.id: patient
        for patient in session.query(Patient).where(
            Patient.id.in_([request.patient_id for request in found])
        )
    }
    shown: list[Shown] = []
    for request in found:
        person = here.person(patients[request.patient_id])
        own = request.proposed_by == here.member.actor
        shown.append(
            Shown(request, person.name if person else None, own, here.zone_of(request.clinic))
        )
    return shown
