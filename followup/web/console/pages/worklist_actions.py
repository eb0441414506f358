"""Actions on a worklist item: assign, record a call, correct, e-mail, close."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from starlette.responses import Response

from followup.casework import resolve as attending
from followup.casework.hand_over import hand_over_item, reopen_item
from followup.casework.resend import check_resend
from followup.domain.call_outcome import CallOutcome
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.item_outcome import ADVISED, ItemOutcome
from followup.domain.number_confirmation import TYPED_TWICE
from followup.domain.protocols.timing import instant_at
from followup.enrolment.same_person import find_alike, say_two_people
from followup.merging.same_person import say_same_person
from followup.staff.members import Member, all_members, member_of
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.enrolment_form import wall_time
from followup.web.console.framework.forms import Form
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
    outcome, done, advised = form.text("outcome"), form.text("done"), form.text("advised")
    again_at, problems = _again_at(here, matter.item)
    if outcome not in set(CallOutcome):
        problems.append(Problem("outcome", "Choose how the call ended"))
    if done not in {"yes", "no", "all"}:
        problems.append(Problem("done", "Choose whether to close this"))
    if outcome == CallOutcome.SPOKE and done in {"yes", "all"} and advised not in ADVISED:
        problems.append(Problem("advised", "Choose what the patient was told"))
    try:
        if not problems:
            attending.log_call(
                here.app,
                matter.item.id,
                outcome=CallOutcome(outcome),
                note=form.text("note"),
                done=done in {"yes", "all"},
                advised=ItemOutcome(advised) if advised in ADVISED else None,
                again_at=again_at,
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


def _again_at(here: Here, item: WorklistItem) -> tuple[datetime | None, list[Problem]]:
    """Return when the patient is to be rung again: today, or tomorrow if that time has passed."""
    written = here.form.text("again_at")
    if not written or here.form.text("done") != "no":
        return None, []
    wall = wall_time(written)
    if wall is None:
        return None, [Problem("again_at", "Enter a time, like 15:30 or 3:30pm")]
    zone, now = here.zone_of(item.clinic), here.app.clock.now()
    today = now.astimezone(zone).date()
    at = instant_at(today, time.fromisoformat(wall), zone=zone)
    tomorrow = today + timedelta(days=1)
    return (at if at > now else instant_at(tomorrow, time.fromisoformat(wall), zone=zone)), []


@pages.get("/attention/{item}/hand-over", may=CHANGE_PATIENTS)
def ask_hand_over(here: Here) -> Response:
    return _hand_over_page(here, find(here), here.form)


@pages.post("/attention/{item}/hand-over", may=CHANGE_PATIENTS)
def hand_over(here: Here) -> Response:
    matter, form = find(here), here.form
    to = {str(one.id): one for one in _colleagues(here, matter)}.get(form.text("to"))
    if to is None:
        form = form.refused(Problem("to", "Choose who takes this over"))
        return _hand_over_page(here, matter, form)
    try:
        hand_over_item(
            here.app,
            matter.item.id,
            to=to.actor,
            staff_id=to.id,
            note=form.text("note"),
            actor=here.member.actor,
        )
    except InvalidInput as error:
        return _hand_over_page(here, matter, form.refused_by(error))
    return here.go(_after(matter.item, "handed-over", closed=True))


@pages.post("/attention/{item}/undo", may=CHANGE_PATIENTS)
def undo(here: Here) -> Response:
    item = find(here).item
    reopen_item(here.app, item.id, actor=here.member.actor)
    return here.go(f"/attention/{item.id}?done=reopened")


def _colleagues(here: Here, matter: Matter) -> list[Member]:
    """Return who may work on this item, by name, without whoever hands it over."""
    with here.app.store.read() as session:
        team = [member_of(one) for one in all_members(session) if one.disabled_at is None]
    return [
        one
        for one in team
        if one.may(CHANGE_PATIENTS) and one.may_see(matter.item.clinic) and one.id != here.member.id
    ]


def _hand_over_page(here: Here, matter: Matter, form: Form) -> Response:
    return here.page(
        "attention/hand-over.html",
        matter=matter,
        form=form,
        colleagues=[(str(one.id), one.name) for one in _colleagues(here, matter)],
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
    try:
        say_same_person(here.app, item.id, actor=here.member.actor)
    except InvalidInput:
        # The two contradict each other: whoever compares them says which is right.
        with here.app.store.read() as session:
            alike = find_alike(session, item)
        survivor = alike.id if alike else item.patient_id
        return here.go(f"/patients/{survivor}/merge/{item.patient_id}?item={item.id}")
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
    if closed:
        return f"/attention?done={done}&item={item.id}"
    return f"/attention/{item.id}?done={done}"
