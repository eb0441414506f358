"""Unsubscribe page behind the link in every e-mail (RFC 8058).

GET changes nothing, because mail scanners open every link. POST is either the button of the page,
or a mail program's one-click (RFC 8058), which wants no redirect. No name is shown: whoever has the
mail may have been sent it on.
"""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.consent import ObjectionSource, permitted
from followup.domain.errors import NotFound
from followup.messages.opt_out import stop_messages
from followup.patients.records import open_objections
from followup.store.models.patients import Patient
from followup.web.pages import page
from followup.web.site import Here

ONE_CLICK = b"One-Click"

router = APIRouter(include_in_schema=False)


@router.api_route("/u/{token}", methods=["GET", "HEAD"])
def show(site: Here, token: str) -> Response:
    """Show the button, or that there is nothing left to stop."""
    try:
        patient_id = site.app.links.patient_of_stop_token(token)
        clinic, stopped = _standing(site.app, patient_id)
    except NotFound:
        return page("public/unknown-link.html", status=404)
    return page("public/stopped.html" if stopped else "public/stop.html", clinic=clinic)


@router.post("/u/{token}")
async def stop(request: Request, site: Here, token: str) -> Response:
    """Lodge the objection to e-mails; again and again it is the same one."""
    one_click = ONE_CLICK in await request.body()
    try:
        clinic = await run_in_threadpool(_stop, site.app, token)
    except NotFound:
        return page("public/unknown-link.html", status=404)
    if one_click:
        return page("public/stopped.html", clinic=clinic)
    return RedirectResponse(request.url.path, status_code=303)


def _standing(app: AppContext, patient_id: UUID) -> tuple[Clinic | None, bool]:
    """Return the patient's clinic, if it is still configured, and whether e-mails are stopped."""
    with app.store.read() as session:
        patient = session.get(Patient, patient_id)
        if patient is None:
            raise NotFound("there is no such patient")
        indexes = [patient.email_index] if patient.email_index else []
        in_force = open_objections(session, patient_ids=[patient.id], contact_indexes=indexes)
        return _clinic(app, patient), not permitted(in_force, ChannelKind.EMAIL)


def _stop(app: AppContext, token: str) -> Clinic | None:
    patient_id = app.links.patient_of_stop_token(token)

    def work(unit: UnitOfWork) -> Clinic | None:
        # Locked, so that two clicks at once find each other's objection.
        patient = unit.session.get(Patient, patient_id, with_for_update=True)
        if patient is None:
            raise NotFound("there is no such patient")
        stop_messages(unit, patient, channel=ChannelKind.EMAIL, source=ObjectionSource.LINK)
        return _clinic(app, patient)

    return app.transact(actors.PATIENT, work)


def _clinic(app: AppContext, patient: Patient) -> Clinic | None:
    return app.catalogue.clinics.get(patient.clinic)
