"""Code entry of a test text, at enrolment and at correction."""

from __future__ import annotations

from typing import TypedDict

from starlette.responses import Response

from followup.casework import resolve as attending
from followup.domain.errors import NotFound
from followup.domain.number_confirmation import NumberConfirmation
from followup.enrolment.contact_details import correct_contacts
from followup.web.console.framework.drafts import Draft, find_draft
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages import enrol
from followup.web.console.pages.number_verification import (
    CONTACTS_DRAFT,
    Asking,
    again,
    by_text,
    code_page,
    enter,
)
from followup.web.console.pages.patient import find
from followup.web.console.pages.patient_actions import read_contacts
from followup.web.console.pages.worklist_actions import corrected_page
from followup.web.console.pages.worklist_items import with_patient

pages = Pages()


class _Contacts(TypedDict):
    """What a correction writes: the addresses, and how the number was made sure of."""

    mobile: str | None
    email: str | None
    number: NumberConfirmation | None


@pages.get("/enrol/{draft}/code", may=CHANGE_PATIENTS)
def ask_enrolling(here: Here) -> Response:
    return code_page(here, _enrolling(here))


@pages.post("/enrol/{draft}/code", may=CHANGE_PATIENTS)
def enter_enrolling(here: Here) -> Response:
    return enter(here, _enrolling(here))


@pages.post("/enrol/{draft}/code/again", may=CHANGE_PATIENTS)
def again_enrolling(here: Here) -> Response:
    return again(here, _enrolling(here))


@pages.get("/patients/{patient}/contacts/{draft}", may=CHANGE_PATIENTS)
def ask_correcting(here: Here) -> Response:
    return code_page(here, _correcting(here))


@pages.post("/patients/{patient}/contacts/{draft}", may=CHANGE_PATIENTS)
def enter_correcting(here: Here) -> Response:
    return enter(here, _correcting(here))


@pages.post("/patients/{patient}/contacts/{draft}/again", may=CHANGE_PATIENTS)
def again_correcting(here: Here) -> Response:
    return again(here, _correcting(here))


@pages.get("/attention/{item}/contacts/{draft}", may=CHANGE_PATIENTS)
def ask_attending(here: Here) -> Response:
    return code_page(here, _attending(here))


@pages.post("/attention/{item}/contacts/{draft}", may=CHANGE_PATIENTS)
def enter_attending(here: Here) -> Response:
    return enter(here, _attending(here))


@pages.post("/attention/{item}/contacts/{draft}/again", may=CHANGE_PATIENTS)
def again_attending(here: Here) -> Response:
    return again(here, _attending(here))


def _enrolling(here: Here) -> Asking:
    draft = _draft(here, enrol.DRAFT_KIND)
    to_check = "check" in {here.query("then"), here.form.text("then")}
    then = "?then=check" if to_check else ""
    base = f"/enrol/{draft.id}"
    return Asking(
        draft=draft,
        clinic=enrol.clinic_of(here, Form(values=draft.answers)),
        patient=None,
        path=f"{base}/code",
        back=f"{base}/reach{then}",
        then=then,
        done=lambda: here.go(f"{base}/{'check' if to_check else enrol.AFTER_REACH}"),
    )


def _correcting(here: Here) -> Asking:
    patient, draft = find(here), _draft(here, CONTACTS_DRAFT)
    base = f"/patients/{patient.id}"

    def done() -> Response:
        changed = correct_contacts(
            here.app,
            patient.id,
            **_contacts(here, draft),
            actor=here.member.actor,
        )
        return here.go(f"{base}?done={'corrected' if changed else 'unchanged'}")

    return Asking(
        draft=draft,
        clinic=patient.clinic,
        patient=patient,
        path=f"{base}/contacts/{draft.id}",
        back=f"{base}/contacts",
        done=done,
    )


def _attending(here: Here) -> Asking:
    matter, draft = with_patient(here), _draft(here, CONTACTS_DRAFT)
    base = f"/attention/{matter.item.id}/contacts"

    def done() -> Response:
        became = attending.correct_contact(
            here.app,
            matter.item.id,
            **_contacts(here, draft),
            actor=here.member.actor,
        )
        return corrected_page(here, matter, became)

    return Asking(
        draft=draft,
        clinic=matter.item.clinic,
        patient=matter.patient,
        path=f"{base}/{draft.id}",
        back=base,
        done=done,
    )


def _draft(here: Here, kind: str) -> Draft:
    draft = find_draft(here.app, here.member.id, here.id("draft"), kind=kind)
    if not Form(values=draft.answers).text("mobile"):
        raise NotFound("there is no number to confirm here")
    return draft


def _contacts(here: Here, draft: Draft) -> _Contacts:
    confirmed = by_text(here, draft)
    mobile, email, _ = read_contacts(Form(values=draft.answers), confirmed)
    return {"mobile": mobile, "email": email, "number": confirmed(mobile) if mobile else None}
