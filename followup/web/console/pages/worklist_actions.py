"""Actions on a worklist item: assign, record a call, correct, e-mail, close."""

from __future__ import annotations

from starlette.responses import Response

from followup.casework import resolve as attending
from followup.casework.resend import check_resend
from followup.domain.call_outcome import CallOutcome
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.number_confirmation import TYPED_TWICE
from followup.enrolment.same_person import say_same_person, say_two_people
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.number_verification import before_test, send_for_patient, wants_test
from followup.web.console.pages.patient_actions import read_contacts
from followup.web.console.pages.worklist_items import Matter, find, with_patient
from followup.wording.worklist import CLOSING_CHOICES
from followup.worklist import items as worklist

pages = Pages()


@pages.post("/attention/{item}/take", may=CHANGE_PATIENTS)
def take(here: Here) -> Response:
    item = find(here).item
    before = here.form.text("instead_of") or None
    worklist.take_over_item(here.app, item.id, actor=here.member.actor, instead_of=before)
    return here.go(f"/attention/{item.id}?done=taken")


@pages.get("/attention/{item}/call", may=CHANGE_PATIENTS)
def ask_call(here: Here) -> Response:
    matter = with_patient(here)
    return here.page("attention/call.html", matter=matter, others=_others(here, matter))


@pages.post("/attention/{item}/call", may=CHANGE_PATIENTS)
def call(here: Here) -> Response:
    matter, form = with_patient(here), here.form
    outcome, done = form.text("outcome"), form.text("done")
    problems = []
    if outcome not in set(CallOutcome):
        problems.append(Problem("outcome", "Choose how the call ended"))
    if done not in {"yes", "no", "all"}:
        problems.append(Problem("done", "Choose whether to close this"))
    try:
        if not problems:
            attending.log_call(
                here.app,
                matter.item.id,
                outcome=CallOutcome(outcome),
                note=form.text("note"),
                done=done in {"yes", "all"},
                others=done == "all",
                actor=here.member.actor,
            )
            return here.go(_after(matter.item, "rang", closed=done != "no"))
    except InvalidInput as error:
        problems += error.problems
    return here.page(
        "attention/call.html",
        matter=matter,
        others=_others(here, matter),
        form=form.refused(*problems),
    )


@pages.get("/attention/{item}/contacts", may=CHANGE_PATIENTS)
def ask_contacts(here: Here) -> Response:
    return here.page("attention/contacts.html", matter=with_patient(here))


@pages.post("/attention/{item}/contacts", may=CHANGE_PATIENTS)
def correct(here: Here) -> Response:
    matter, form = with_patient(here), here.form
    mobile, email, problems = read_contacts(form)
    if wants_test(form) and matter.patient is not None:
        problems = before_test(form, problems)
        if not problems:
            draft_id, problems = send_for_patient(here, matter.patient, form)
            if not problems:
                return here.go(f"/attention/{matter.item.id}/contacts/{draft_id}")
    if problems:
        refused = form.refused(*problems)
        return here.page("attention/contacts.html", matter=matter, form=refused)
    became = attending.correct_contact(
        here.app,
        matter.item.id,
        mobile=mobile,
        email=email,
        number=TYPED_TWICE if mobile else None,
        actor=here.member.actor,
    )
    return corrected_page(here, matter, became)


def corrected_page(here: Here, matter: Matter, became: attending.CorrectedContact) -> Response:
    """Continue after a correction: to the list where it settled the item."""
    done = "unchanged" if not became.changed else "corrected" if became.settled else "late"
    return here.go(_after(matter.item, done, closed=became.settled))


@pages.get("/attention/{item}/mail", may=CHANGE_PATIENTS)
def ask_mail(here: Here) -> Response:
    matter = with_patient(here)
    if matter.message is None:
        raise NotFound("this is not about a message")
    with here.app.store.read() as session:
        again = check_resend(session, here.app, matter.message.id, channel=ChannelKind.EMAIL)
    return here.page(
        "attention/mail.html", matter=matter, again=again, zone=here.zone_of(matter.item.clinic)
    )


@pages.post("/attention/{item}/mail", may=CHANGE_PATIENTS)
def mail(here: Here) -> Response:
    item = find(here).item
    attending.resend_by_email(here.app, item.id, actor=here.member.actor)
    return here.go(_after(item, "mailed", closed=True))


@pages.post("/attention/{item}/same", may=CHANGE_PATIENTS)
def same(here: Here) -> Response:
    item = find(here).item
    say_same_person(here.app, item.id, actor=here.member.actor)
    return here.go(_after(item, "same", closed=True))


@pages.post("/attention/{item}/two", may=CHANGE_PATIENTS)
def two(here: Here) -> Response:
    item = find(here).item
    say_two_people(here.app, item.id, actor=here.member.actor)
    return here.go(_after(item, "two", closed=True))


@pages.get("/attention/{item}/done", may=CHANGE_PATIENTS)
def ask_done(here: Here) -> Response:
    matter = find(here)
    return here.page("attention/done.html", matter=matter, others=_others(here, matter))


@pages.post("/attention/{item}/done", may=CHANGE_PATIENTS)
def close(here: Here) -> Response:
    matter, form = find(here), here.form
    outcome = form.text("outcome")
    problems: list[Problem] = []
    if outcome not in CLOSING_CHOICES:
        problems.append(Problem("outcome", "Choose the outcome"))
    try:
        if not problems:
            attending.settle_item(
                here.app,
                matter.item.id,
                outcome=outcome,
                note=form.text("note"),
                others=form.text("others") == "all",
                actor=here.member.actor,
            )
            return here.go(_after(matter.item, "closed", closed=True))
    except InvalidInput as error:
        problems += error.problems
    return here.page(
        "attention/done.html",
        matter=matter,
        others=_others(here, matter),
        form=form.refused(*problems),
    )


def _others(here: Here, matter: Matter) -> int:
    """Return how many more of the same kind wait about the same patient."""
    with here.app.store.read() as session:
        return len(attending.others_like(session, matter.item))


def _after(item: WorklistItem, done: str, *, closed: bool) -> str:
    """Return where to go on: to the list once nothing is left to do here."""
    return f"/attention?done={done}" if closed else f"/attention/{item.id}?done={done}"
