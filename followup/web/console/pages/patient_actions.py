"""Patient actions: pause, move, end, correct, stop, start, call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.casework.phone_calls import record_call
from followup.consent.objections import lift_objection
from followup.content.check import PROCEDURE_MOVED
from followup.context import UnitOfWork
from followup.domain.call_outcome import CallOutcome
from followup.domain.channel import ChannelKind
from followup.domain.consent import ObjectionSource
from followup.domain.contact import mask_email, parse_email, parse_mobile
from followup.domain.errors import InvalidInput, Problem
from followup.domain.number_confirmation import TYPED_TWICE, NumberConfirmation
from followup.domain.protocols.repetition import RepetitionChoice, key_text, parse_keys
from followup.domain.protocols.timeline import Fate, PlannedMessage
from followup.enrolment import reschedule as changes
from followup.enrolment.agreed_channels import agree_to_email
from followup.enrolment.contact_details import correct_contacts
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.queries import messages_of
from followup.enrolment.withdraw import withdraw_enrolment
from followup.messages.opt_out import StopForeseen, foresee_stop, stop_messages
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.web.console.framework.enrolment_form import (
    DATE_FIELD,
    Reading,
    fields_of_check,
    nothing_confirmed,
    retyped_wrong,
    sentence,
)
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.number_verification import before_test, send_for_patient, wants_test
from followup.web.console.pages.patient import find, find_enrolment
from followup.wording.enrolments import WITHDRAWAL_REASONS
from followup.wording.outlooks import repetition_text

pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedLine:
    """A message before and after a move; `given` says what becomes of one that went out before."""

    title: str
    before: Message | None
    after: PlannedMessage | None
    given: str | None


@pages.post("/enrolments/{enrolment}/pause", may=CHANGE_PATIENTS)
def pause(here: Here) -> Response:
    enrolment = find_enrolment(here)
    pause_enrolment(here.app, enrolment.id, actor=here.member.actor)
    return _back(here, enrolment, "paused")


@pages.post("/enrolments/{enrolment}/resume", may=CHANGE_PATIENTS)
def resume(here: Here) -> Response:
    enrolment = find_enrolment(here)
    resume_enrolment(here.app, enrolment.id, actor=here.member.actor)
    return _back(here, enrolment, "resumed")


@pages.get("/enrolments/{enrolment}/end", may=CHANGE_PATIENTS)
def ask_end(here: Here) -> Response:
    return here.page("patients/end.html", enrolment=find_enrolment(here))


@pages.post("/enrolments/{enrolment}/end", may=CHANGE_PATIENTS)
def end(here: Here) -> Response:
    enrolment, form = find_enrolment(here), here.form
    why = form.text("why")
    problems = (
        [] if why in WITHDRAWAL_REASONS else [Problem("why", "Choose why the follow-up ends")]
    )
    try:
        if not problems:
            told = form.text("reason") or WITHDRAWAL_REASONS[why]
            withdraw_enrolment(
                here.app,
                enrolment.id,
                reason=told,
                actor=here.member.actor,
                deceased=why == "died",
            )
            return _back(here, enrolment, "ended")
    except InvalidInput as error:
        problems = [Problem(each.field, sentence(each.message)) for each in error.problems]
    return here.page("patients/end.html", enrolment=enrolment, form=form.refused(*problems))


@pages.get("/enrolments/{enrolment}/time", may=CHANGE_PATIENTS)
def ask_time(here: Here) -> Response:
    enrolment = find_enrolment(here)
    local = enrolment.procedure_at.astimezone(ZoneInfo(enrolment.zone))
    form = Form.of(at=f"{local:%H:%M}")
    given = {
        DATE_FIELD: (str(local.day),),
        f"{DATE_FIELD}-month": (str(local.month),),
        f"{DATE_FIELD}-year": (str(local.year),),
    }
    return _time_page(here, enrolment, replace(form, values={**form.values, **given}))


@pages.post("/enrolments/{enrolment}/time", may=CHANGE_PATIENTS)
def change_time(here: Here) -> Response:
    """Show the timeline before and after, and change it once that is confirmed."""
    enrolment, form = find_enrolment(here), here.form
    form = replace(form, values={**form.values, "clinic": (enrolment.clinic,)})
    reading = Reading(here.app, form, here.clinics)
    reading.request()
    problems = [told for told in reading.problems if told.field in {DATE_FIELD, "at"}]
    at = reading.procedure_at
    if problems or at is None:
        return _time_page(here, enrolment, form.refused(*problems))
    try:
        planned = changes.preview_reschedule(here.app, enrolment.id, at)
        if form.text("confirmed") == "yes":
            choice = _repetition_choice(form, planned)
            changes.reschedule(here.app, enrolment.id, at, actor=here.member.actor, choice=choice)
            return _back(here, enrolment, "moved")
    except InvalidInput as error:
        return _time_page(here, enrolment, form.refused(*map(fields_of_check, error.problems)))
    return _difference_page(here, enrolment, form, at=at, planned=planned)


@pages.get("/patients/{patient}/contacts", may=CHANGE_PATIENTS)
def ask_contacts(here: Here) -> Response:
    return here.page("patients/contacts.html", patient=find(here))


@pages.post("/patients/{patient}/contacts", may=CHANGE_PATIENTS)
def correct(here: Here) -> Response:
    patient, form = find(here), here.form
    mobile, email, problems = read_contacts(form)
    if wants_test(form):
        problems = before_test(form, problems)
        if not problems:
            draft_id, problems = send_for_patient(here, patient, form)
            if not problems:
                return here.go(f"/patients/{patient.id}/contacts/{draft_id}")
    if problems:
        return here.page("patients/contacts.html", patient=patient, form=form.refused(*problems))
    changed = correct_contacts(
        here.app,
        patient.id,
        mobile=mobile,
        email=email,
        number=TYPED_TWICE if mobile else None,
        actor=here.member.actor,
    )
    return here.go(f"/patients/{patient.id}?done={'corrected' if changed else 'unchanged'}")


@pages.get("/patients/{patient}/stop", may=CHANGE_PATIENTS)
def ask_stop(here: Here) -> Response:
    return here.page("patients/stop-messages.html", patient=find(here))


@pages.post("/patients/{patient}/stop", may=CHANGE_PATIENTS)
def stop(here: Here) -> Response:
    patient, form = find(here), here.form
    wanted = form.text("channel")
    if wanted not in {"all", *ChannelKind}:
        form = form.refused(Problem("channel", "Choose what the patient does not want"))
        return here.page("patients/stop-messages.html", patient=patient, form=form)
    channel = None if wanted == "all" else ChannelKind(wanted)
    with here.app.store.read() as session:
        foreseen = foresee_stop(session, patient, channel=channel)
    if form.text("confirmed") != "yes":
        return _stop_page(here, patient, form, foreseen)
    email = form.text("email")
    if foreseen.may_offer_email and email not in {"yes", "no"}:
        told = "Ask the patient whether they want these by e-mail, and choose yes or no"
        return _stop_page(here, patient, form.refused(Problem("email", told)), foreseen)

    def work(unit: UnitOfWork) -> None:
        locked = unit.session.get_one(Patient, patient.id, with_for_update=True)
        if email == "yes" and channel is ChannelKind.SMS:
            agree_to_email(unit, locked)
        stop_messages(unit, locked, channel=channel, source=ObjectionSource.STAFF)

    here.app.transact(here.member.actor, work)
    return here.go(f"/patients/{patient.id}?done=stopped")


def _stop_page(here: Here, patient: Patient, form: Form, foreseen: StopForeseen) -> Response:
    """Show what will no longer arrive, before anything is stopped."""
    person = here.person(patient)
    address = person.email if person else None
    return here.page(
        "patients/stop-check.html",
        patient=patient,
        form=form,
        foreseen=foreseen,
        email=mask_email(address) if address else None,
        zone=here.zone_of(patient.clinic),
    )


@pages.post("/patients/{patient}/start", may=CHANGE_PATIENTS)
def start(here: Here) -> Response:
    """Lift every objection of the patient, at their own word, and plan what it had cancelled."""
    patient = find(here)

    def work(unit: UnitOfWork) -> None:
        locked = unit.session.get_one(Patient, patient.id, with_for_update=True)
        lift_objection(unit.session, unit.by, patient=locked, source=ObjectionSource.STAFF)
        changes.plan_again(unit, patient_id=patient.id)

    here.app.transact(here.member.actor, work)
    return here.go(f"/patients/{patient.id}?done=started")


@pages.get("/patients/{patient}/call", may=CHANGE_PATIENTS)
def ask_call(here: Here) -> Response:
    return here.page("patients/call.html", patient=find(here))


@pages.post("/patients/{patient}/call", may=CHANGE_PATIENTS)
def call(here: Here) -> Response:
    patient, form = find(here), here.form
    outcome = form.text("outcome")
    if outcome not in set(CallOutcome):
        form = form.refused(Problem("outcome", "Choose how the call ended"))
        return here.page("patients/call.html", patient=patient, form=form)
    try:
        record_call(
            here.app,
            patient.id,
            outcome=CallOutcome(outcome),
            note=form.text("note"),
            actor=here.member.actor,
        )
    except InvalidInput as error:
        return here.page("patients/call.html", patient=patient, form=form.refused_by(error))
    return here.go(f"/patients/{patient.id}?done=called")


def _back(here: Here, enrolment: Enrolment, done: str) -> Response:
    return here.go(f"/patients/{enrolment.patient_id}?done={done}")


def _time_page(here: Here, enrolment: Enrolment, form: Form) -> Response:
    return here.page("patients/change-time.html", enrolment=enrolment, form=form)


def _difference_page(
    here: Here,
    enrolment: Enrolment,
    form: Form,
    *,
    at: datetime,
    planned: changes.Rescheduled,
) -> Response:
    with here.app.store.read() as session:
        rows = messages_of(session, enrolment)
    before = {
        (row.step, row.occurrence): row
        for row in rows
        if row.generation == enrolment.generation and row.fallback_of is None
    }
    after = {(each.step.key, each.occurrence): each for each in planned.timeline}
    dates = {key: each.message.at for key, each in planned.given.items()}
    dates |= {key: row.due_at for key, row in (before | after).items()}
    keys = sorted(dates, key=dates.__getitem__)
    zone = here.zone_of(enrolment.clinic)
    title_of = here.titles(here.app.catalogue.protocols[enrolment.protocol])
    # What has no time left by the new timeline can't be sent, whatever a person decides.
    choosable = {
        key for key in planned.given if key not in after or after[key].fate is Fate.PLANNED
    } - set(planned.too_late)
    return here.page(
        "patients/change-time-check.html",
        enrolment=enrolment,
        form=form,
        at=at,
        reopens=planned.to_come > 0,
        zone=zone,
        rows=[
            MovedLine(
                title=_numbered(title_of(key[0]), key[1]),
                before=before.get(key),
                after=after.get(key),
                given=repetition_text(planned.given[key], zone) if key in planned.given else None,
            )
            for key in keys
        ],
        correction=_correction(here, enrolment) if planned.correction else None,
        again=[
            (key_text(key), _numbered(title_of(key[0]), key[1])) for key in keys if key in choosable
        ],
        ticked=Form.of(
            correction="yes",
            again=[key_text(key) for key in choosable if planned.given[key].again],
        ),
        wrong=[_numbered(title_of(step), number) for step, number in planned.wrong],
    )


def _numbered(title: str, occurrence: int) -> str:
    return f"{title} ({occurrence})" if occurrence > 1 else title


def _repetition_choice(form: Form, planned: changes.Rescheduled) -> RepetitionChoice:
    """Return what was ticked: all that went out before stands on the page, ticked by the rule."""
    offered = parse_keys(form.all("offered"), option="again") & planned.given.keys()
    ticked = parse_keys(form.all("again"), option="again") & offered
    corrects = not form.text("may_correct") or form.text("correction") == "yes"
    return RepetitionChoice(again=ticked, not_again=offered - ticked, correction=corrects)


def _correction(here: Here, enrolment: Enrolment) -> str:
    """Return the words by which a patient is told that what they have is not for now."""
    clinic = here.app.catalogue.clinics[enrolment.clinic]
    channel = ChannelKind.SMS if ChannelKind.SMS in enrolment.channels else ChannelKind.EMAIL
    with here.app.store.read() as session:
        wanted = session.get_one(Patient, enrolment.patient_id).language
    language = here.app.content.language_for(
        PROCEDURE_MOVED,
        wanted=wanted,
        channel=channel,
        clinic=clinic,
        protocol=enrolment.protocol,
    )
    words = here.app.content.render(
        PROCEDURE_MOVED,
        language=language,
        channel=channel,
        clinic=clinic,
        protocol=enrolment.protocol,
    )
    return words.text


def read_contacts(
    form: Form, by_text: Callable[[str], NumberConfirmation | None] = nothing_confirmed
) -> tuple[str | None, str | None, list[Problem]]:
    """Return the mobile number and the e-mail address of a form, and what is wrong with them.

    `by_text` says of a number whether a test text has confirmed it.
    """
    mobile: str | None = None
    email: str | None = None
    problems: list[Problem] = []
    if form.text("mobile"):
        try:
            mobile = parse_mobile(form.text("mobile"), field="mobile")
            told = retyped_wrong(mobile, form.text("mobile_again"))
            if told and by_text(mobile) is None:
                problems.append(Problem("mobile_again", told))
        except InvalidInput as error:
            problems += [Problem(each.field, sentence(each.message)) for each in error.problems]
    if form.text("email"):
        try:
            email = parse_email(form.text("email"), field="email")
        except InvalidInput as error:
            problems += [Problem(each.field, sentence(each.message)) for each in error.problems]
    if not form.text("mobile") and not form.text("email"):
        problems.append(Problem("mobile", "Enter a mobile number or an e-mail address"))
    return mobile, email, problems
