"""Number verification: sending a test text and checking its code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from starlette.responses import Response

from followup.domain.channel import ChannelKind
from followup.domain.contact import parse_mobile
from followup.domain.errors import InvalidInput, Problem
from followup.domain.number_confirmation import NumberConfirmation
from followup.enrolment.number_verification import (
    CODE_LIFETIME,
    VerificationResult,
    confirmed_by_text,
    enter_code,
    send_test_text,
    verification_status,
)
from followup.messages.view import message_views
from followup.store.models.patients import Patient
from followup.web.console.framework.drafts import Draft, begin_draft
from followup.web.console.framework.forms import EMPTY_FORM, Form
from followup.web.console.framework.request import Here

CONTACTS_DRAFT = "contacts"
"""The kind of a draft that holds what a patient's addresses are to become."""

TOLD = {
    VerificationResult.WRONG: (
        "This is not the code of the last text: ask the patient to read it out again"
    ),
    VerificationResult.SPENT: "Too many wrong codes: send another text, or type the number again",
    VerificationResult.EXPIRED: (
        "The code is no longer good: send another text, or type the number again"
    ),
    VerificationResult.NONE: "No text was sent yet: send one, or type the number again",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A number that is to be confirmed: the draft that holds it, and whose it is to become.

    `path` is the page that asks for the code, `back` where the number can be typed again, and
    `done` does what a right code leads to. `patient` is None while nobody is enrolled yet.
    """

    draft: Draft
    clinic: str
    patient: Patient | None
    path: str
    back: str
    done: Callable[[], Response]
    then: str = ""

    @property
    def mobile(self) -> str:
        """The number, as it was typed."""
        return Form(values=self.draft.answers).text("mobile")


def wants_test(form: Form) -> bool:
    """Say whether the button was pressed that sends a test text."""
    return form.text("do") == "test"


def before_test(form: Form, problems: Sequence[Problem]) -> list[Problem]:
    """Return what keeps a test text from going: the number need not be retyped, but be there."""
    found = [told for told in problems if told.field != "mobile_again"]
    if not form.text("mobile") and not any(told.field == "mobile" for told in found):
        found.append(Problem("mobile", "Enter the mobile number that the text is to go to"))
    return found


def send(
    here: Here, draft_id: UUID, mobile: str, *, clinic: str, patient: Patient | None = None
) -> list[Problem]:
    """Send a test text to the number as it was typed; return what is in the way."""
    try:
        send_test_text(
            here.app,
            draft_id,
            clinic=here.app.catalogue.clinics[clinic],
            mobile=parse_mobile(mobile, field="mobile"),
            patient=patient,
            actor=here.member.actor,
        )
    except InvalidInput as error:
        return list(error.problems)
    return []


def send_for_patient(here: Here, patient: Patient, form: Form) -> tuple[UUID, list[Problem]]:
    """Send a test text to a number that is to become a patient's.

    Return the draft that holds it, and what is in the way.
    """
    answers = {name: form.values.get(name, ()) for name in ("mobile", "email")}
    draft_id = begin_draft(here.app, here.member.id, kind=CONTACTS_DRAFT, answers=answers)
    mobile = form.text("mobile")
    return draft_id, send(here, draft_id, mobile, clinic=patient.clinic, patient=patient)


def by_text(here: Here, draft: Draft) -> Callable[[str], NumberConfirmation | None]:
    """Return what says of a number whether a test text of this draft has confirmed it."""
    return lambda mobile: confirmed_by_text(here.app, draft.id, mobile)


def code_page(here: Here, asking: Asking, form: Form = EMPTY_FORM) -> Response:
    """Return the page that asks for the code, with where the text stands.

    In practice mode it shows the text: there is no phone on which to read it.
    """
    with here.app.store.read() as session:
        standing = verification_status(session, asking.draft.id)
        (text,) = message_views(session, here.app, [standing.message]) if standing else (None,)
    clinic = here.app.catalogue.clinics[asking.clinic]
    return here.page(
        "patients/number-code.html",
        asking=asking,
        standing=standing,
        text=text,
        clinic=clinic,
        practice=here.app.channels[ChannelKind.SMS].provider == "sandbox",
        minutes=int(CODE_LIFETIME.total_seconds() // 60),
        form=form,
    )


def enter(here: Here, asking: Asking) -> Response:
    """Try the code that was entered, and go on where it is right."""
    form = here.form
    if not form.text("code"):
        return code_page(here, asking, form.refused(Problem("code", "Enter the code of the text")))
    verdict = enter_code(here.app, asking.draft.id, form.text("code"), actor=here.member.actor)
    if verdict is VerificationResult.RIGHT:
        return asking.done()
    return code_page(here, asking, form.without("code").refused(Problem("code", TOLD[verdict])))


def again(here: Here, asking: Asking) -> Response:
    """Send another text: its code is the one that counts."""
    problems = send(
        here, asking.draft.id, asking.mobile, clinic=asking.clinic, patient=asking.patient
    )
    if problems:
        told = [Problem("code", each.message) for each in problems]
        return code_page(here, asking, EMPTY_FORM.refused(*told))
    return here.go(f"{asking.path}{asking.then}")
