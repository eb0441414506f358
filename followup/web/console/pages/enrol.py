"""Enrolment pages: step by step or on one page, then the dated timeline, then yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from starlette.responses import Response

from followup.content.languages import staff_name
from followup.domain.contact import parse_mobile, parse_nhs_number
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.errors import (
    AlreadyEnrolled,
    Conflict,
    EnrolmentClash,
    InvalidInput,
    NotFound,
    Problem,
)
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.enrol import (
    CheckedEnrolment,
    EnrolmentRequest,
    Foreseen,
    check_request,
    dry_run,
)
from followup.enrolment.enrol_or_update import enrol_or_update
from followup.enrolment.language_note import language_note
from followup.enrolment.preview import preview_enrolment
from followup.intake.feed.drafts import complete_draft
from followup.patients import records as patients
from followup.patients.search import SearchTerms, search_patients
from followup.store.models.enrolments import Enrolment
from followup.web.console.framework.drafts import (
    Draft,
    begin_draft,
    close_draft,
    find_draft,
    keep_answers,
)
from followup.web.console.framework.enrolment_form import (
    DATE_FIELD,
    FORM_STEPS,
    Reading,
    answers_on,
    attribute_field,
    fields_of_check,
    problems_on,
    sentence,
    step_of,
)
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.number_verification import before_test, by_text, send, wants_test
from followup.web.console.pages.patient import record_look
from followup.wording.enrolments import clash_term
from followup.wording.objections import objection_text

DRAFT_KIND = "enrolment"
FEED_DRAFT = "feed_draft"
"""Among the answers: the draft of a feed that the form completes."""
STEP_ORDER = tuple(FORM_STEPS)
AFTER_REACH = STEP_ORDER[STEP_ORDER.index("reach") + 1]
TITLES = {
    "who": "Who is the patient?",
    "name": "What is the patient’s name?",
    "reach": "How can the patient be reached?",
    "procedure": "What was done, and when?",
    "about": "About the patient and the procedure",
    "preferences": "How should we contact the patient?",
}
pages = Pages()


@pages.get("/enrol", may=CHANGE_PATIENTS)
def start(here: Here) -> Response:
    return _step_page(here, "who", action="/enrol", form=here.form, back="/")


@pages.post("/enrol", may=CHANGE_PATIENTS)
def begin(here: Here) -> Response:
    if problems := tuple(problems_on("who", _problems(here, here.form))):
        form = here.form.refused(*problems)
        return _step_page(here, "who", action="/enrol", form=form, back="/")
    draft_id = begin_draft(
        here.app, here.member.id, kind=DRAFT_KIND, answers=answers_on("who", here.form)
    )
    return here.go(f"/enrol/{draft_id}/name")


@pages.get("/enrol/quick", may=CHANGE_PATIENTS)
def quick(here: Here) -> Response:
    return _quick_page(here, _with_today(here, here.form))


@pages.post("/enrol/quick", may=CHANGE_PATIENTS)
def quick_check(here: Here) -> Response:
    form, tested = _with_protocol(here, here.form), wants_test(here.form)
    problems = _problems(here, form)
    if tested:
        problems = before_test(form, problems)
    if problems:
        return _quick_page(here, form.refused(*problems))
    answers = {name: value for step in STEP_ORDER for name, value in answers_on(step, form).items()}
    draft_id = begin_draft(here.app, here.member.id, kind=DRAFT_KIND, answers=answers)
    if not tested:
        return here.go(f"/enrol/{draft_id}/check")
    if problems := send(here, draft_id, form.text("mobile"), clinic=clinic_of(here, form)):
        return _quick_page(here, form.refused(*problems))
    return here.go(f"/enrol/{draft_id}/code?then=check")


@pages.get("/enrol/{draft}/check", may=CHANGE_PATIENTS)
def show_check(here: Here) -> Response:
    draft = _draft(here)
    if draft.enrolment_id is not None:
        return _done(here, draft.enrolment_id)
    return _check_page(here, draft)


@pages.post("/enrol/{draft}/check", may=CHANGE_PATIENTS)
def confirm(here: Here) -> Response:
    """Enrol; sent twice, it leads to the one enrolment that the first time made."""
    draft = _draft(here)
    if draft.enrolment_id is not None:
        return _done(here, draft.enrolment_id)
    request = _reading(here, Form(values=draft.answers), draft).request()
    if request is None:
        return here.go(f"/enrol/{draft.id}/check")
    asked = here.form.text("on_conflict")
    wanted = OnConflict(asked) if asked in set(OnConflict) else OnConflict.REFUSE
    try:
        made = _enrol(here, draft, request, on_conflict=wanted)
    except AlreadyEnrolled as error:
        made = error.enrolment_id
    except InvalidInput as error:
        problems = tuple(map(fields_of_check, error.problems))
        return _check_page(here, draft, problems=problems)
    except Conflict as error:
        return _check_page(here, draft, problems=_told_of(error, "preferences"))
    close_draft(here.app, draft, enrolment_id=made)
    return _done(here, made)


@pages.get("/enrol/{draft}/{step}", may=CHANGE_PATIENTS)
def show_step(here: Here) -> Response:
    draft, step = _draft(here), _step(here)
    form = Form(values=draft.answers)
    if step == "procedure":
        form = _with_today(here, form)
    if here.query("look"):
        form = form.refused(*problems_on(step, _problems(here, form, draft)))
    known = _known(here, draft) if step == "name" else None
    if known is not None and not form.text("name"):
        form = _with_person(form, known["person"])
    return _draft_page(here, draft, step, form=form, known=known)


@pages.post("/enrol/{draft}/{step}", may=CHANGE_PATIENTS)
def keep_step(here: Here) -> Response:
    draft, step = _draft(here), _step(here)
    if step == "reach" and wants_test(here.form):
        return _test(here, draft)
    answers = answers_on(step, here.form)
    whole = Form(values={**draft.answers, **answers})
    if problems := tuple(problems_on(step, _problems(here, whole, draft))):
        form = whole.refused(*problems)
        known = _known(here, draft) if step == "name" else None
        return _draft_page(here, draft, step, form=form, known=known)
    keep_answers(here.app, draft, answers)
    following = STEP_ORDER.index(step) + 1
    if here.form.text("then") == "check" or following == len(STEP_ORDER):
        return here.go(f"/enrol/{draft.id}/check")
    return here.go(f"/enrol/{draft.id}/{STEP_ORDER[following]}")


def _test(here: Here, draft: Draft) -> Response:
    """Keep the addresses, and send a text to the number instead of having it retyped."""
    answers = {**answers_on("reach", here.form), "mobile_again": ()}
    whole = Form(values={**draft.answers, **answers, "then": here.form.all("then")})
    problems = before_test(whole, [*problems_on("reach", _problems(here, whole, draft))])
    if not problems:
        draft = keep_answers(here.app, draft, answers)
        problems = send(here, draft.id, whole.text("mobile"), clinic=clinic_of(here, whole))
    if problems:
        return _draft_page(here, draft, "reach", form=whole.refused(*problems))
    then = "?then=check" if whole.text("then") == "check" else ""
    return here.go(f"/enrol/{draft.id}/code{then}")


def clinic_of(here: Here, form: Form) -> str:
    """Return the clinic that somebody is enrolled at: the one that was chosen, or the only one."""
    chosen = form.text("clinic")
    if chosen not in here.clinics and len(here.clinics) != 1:
        raise NotFound("choose the clinic first")
    return chosen if chosen in here.clinics else here.clinics[0]


def _reading(here: Here, form: Form, draft: Draft | None) -> Reading:
    if draft is None:
        return Reading(here.app, form, here.clinics)
    return Reading(here.app, form, here.clinics, by_text=by_text(here, draft))


def _check_page(here: Here, draft: Draft, *, problems: Sequence[Problem] = ()) -> Response:
    form = Form(values=draft.answers)
    reading = _reading(here, form, draft)
    request = reading.request()
    if request is None:
        step = step_of(reading.problems[0].field)
        return here.go(f"/enrol/{draft.id}/{step}?then=check&look=1")
    checked, found = _checked(here, request)
    if checked is None:
        form = form.refused(*found)
        return _draft_page(here, draft, step_of(found[0].field), form=form)
    forecast = _foreseen(here, checked)
    objection = forecast.objection
    told = [problem.message for problem in (*problems, *forecast.problems)]
    linked = tuple(Problem("answers", each) for each in dict.fromkeys(told))
    return here.page(
        "enrol/check.html",
        form=form.refused(*linked),
        draft=draft,
        checked=checked,
        person=request.person,
        number=request.number,
        clash=forecast.there,
        differs=forecast.differs,
        differs_words=clash_term(forecast.differs) if forecast.differs else None,
        objection=objection_text(objection, checked.clinic.zone) if objection else None,
        notes=forecast.notes,
        views=preview_enrolment(here.app, checked),
        language=staff_name(request.person.language),
        language_note=language_note(
            here.app,
            language=request.person.language,
            clinic=checked.clinic,
            protocol=checked.protocol,
        ),
        protocol=checked.protocol,
        channels=[channel.value for channel in request.channels],
        now=here.app.clock.now(),
    )


def _checked(
    here: Here, request: EnrolmentRequest
) -> tuple[CheckedEnrolment | None, list[Problem]]:
    try:
        return check_request(here.app, request), []
    except InvalidInput as error:
        return None, [fields_of_check(problem) for problem in error.problems]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Forecast:
    """What would come of enrolling: who is `there` already, as it was entered, or `differs`."""

    there: Enrolment | None = None
    differs: EnrolmentClash | None = None
    objection: EnrolmentObjection | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def _foreseen(here: Here, checked: CheckedEnrolment) -> _Forecast:
    try:
        with here.app.store.read() as session:
            foreseen = dry_run(session, here.app, checked)
    except AlreadyEnrolled as error:
        foreseen = Foreseen(enrolment_id=error.enrolment_id, objection=error.objection)
    except EnrolmentClash as error:
        with here.app.store.read() as session:
            there = session.get(Enrolment, error.enrolment_id)
        return _Forecast(there=there, differs=error, problems=_told_of(error, "answers"))
    except Conflict as error:
        return _Forecast(problems=_told_of(error, "answers"))
    if foreseen.enrolment_id is None:
        return _Forecast(objection=foreseen.objection, notes=foreseen.notes)
    with here.app.store.read() as session:
        there = session.get(Enrolment, foreseen.enrolment_id)
    return _Forecast(there=there, objection=foreseen.objection)


def _told_of(error: Conflict, field: str) -> tuple[Problem, ...]:
    """Return a conflict as a problem, unless the page offers to apply what was entered."""
    if isinstance(error, EnrolmentClash) and clash_term(error):
        return ()
    return (Problem(field, sentence(str(error))),)


def _enrol(here: Here, draft: Draft, request: EnrolmentRequest, *, on_conflict: OnConflict) -> UUID:
    """Enrol, and end the draft of a feed that the form completes; return the enrolment."""
    app, actor = here.app, here.member.actor
    begun = draft.answers.get(FEED_DRAFT)
    if begun:
        return complete_draft(app, UUID(begun[-1]), request, on_conflict=on_conflict, actor=actor)
    return enrol_or_update(app, request, actor=actor, on_conflict=on_conflict).enrolment_id


def _done(here: Here, enrolment_id: object) -> Response:
    with here.app.store.read() as session:
        patient_id = session.get_one(Enrolment, enrolment_id).patient_id
    return here.go(f"/patients/{patient_id}?done=enrolled&enrolment={enrolment_id}")


def _known(here: Here, draft: Draft) -> dict[str, Any] | None:
    """Return who has this NHS number here already, with their enrolments; looking is recorded."""
    given = Form(values=draft.answers).text("nhs_number")
    if not given:
        return None
    index = here.app.keyring.indexes.of("nhs number", parse_nhs_number(given))
    with here.app.store.read() as session:
        rows = search_patients(
            session, SearchTerms(clinics=here.clinics, nhs_number=index), limit=10
        )
    if not rows:
        return None
    patient = rows[0].Patient
    record_look(here, patient, "patient.viewed")
    return {
        "patient": patient,
        "person": here.person(patient),
        "enrolments": [row.Enrolment for row in rows],
    }


def _with_person(form: Form, person: patients.Person | None) -> Form:
    if person is None:
        return form
    values = {**form.values, "name": (person.name or "",)}
    born = person.date_of_birth
    if born is not None:
        values |= {
            "born": (str(born.day),),
            "born-month": (str(born.month),),
            "born-year": (str(born.year),),
        }
    return replace(form, values=values)


def _with_today(here: Here, form: Form) -> Form:
    """Return the form with today's date where none was given: most are enrolled on the day."""
    if form.values.get(DATE_FIELD) or not here.clinics:
        return form
    zone = here.app.catalogue.clinics[here.clinics[0]].zone
    today = here.app.clock.now().astimezone(zone)
    values = {
        **form.values,
        DATE_FIELD: (str(today.day),),
        f"{DATE_FIELD}-month": (str(today.month),),
        f"{DATE_FIELD}-year": (str(today.year),),
    }
    return replace(form, values=values)


def _problems(here: Here, form: Form, draft: Draft | None = None) -> list[Problem]:
    reading = _reading(here, form, draft)
    reading.request()
    return reading.problems


def _draft(here: Here) -> Draft:
    return find_draft(here.app, here.member.id, here.id("draft"), kind=DRAFT_KIND)


def _step(here: Here) -> str:
    step = str(here.request.path_params["step"])
    if step not in FORM_STEPS:
        raise NotFound("there is no such page")
    return step


def _draft_page(
    here: Here, draft: Draft, step: str, *, form: Form, known: dict[str, Any] | None = None
) -> Response:
    to_check = here.query("then") == "check" or form.text("then") == "check"
    place = STEP_ORDER.index(step)
    before = f"/enrol/{draft.id}/{STEP_ORDER[place - 1]}" if place else "/"
    return _step_page(
        here,
        step,
        action=f"/enrol/{draft.id}/{step}",
        form=form,
        back=f"/enrol/{draft.id}/check" if to_check else before,
        then="check" if to_check else "",
        known=known,
        confirmed=step == "reach" and _is_confirmed(here, draft, form),
    )


def _is_confirmed(here: Here, draft: Draft, form: Form) -> bool:
    """Say whether a test text has confirmed the number that stands on the page."""
    try:
        mobile = parse_mobile(form.text("mobile"), field="mobile")
    except InvalidInput:
        return False
    return by_text(here, draft)(mobile) is not None


def _step_page(
    here: Here,
    step: str,
    *,
    action: str,
    form: Form,
    **facts: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    return here.page(
        "enrol/step.html", step=step, title=TITLES[step], action=action, form=form,
        **_choices(here, form), **facts,
    )  # fmt: skip


def _quick_page(here: Here, form: Form) -> Response:
    """Return the form with everything on one page, for the protocol that the address names."""
    form = _with_protocol(here, form)
    chosen = form.text("protocol")
    return here.page("enrol/quick.html", form=form, chosen=chosen, **_choices(here, form))


def _with_protocol(here: Here, form: Form) -> Form:
    """Return the form for the protocol that it or the address names, else for the usual one."""
    wanted = form.text("protocol") or here.query("protocol")
    chosen = wanted if wanted in here.app.catalogue.protocols else _usual(here)
    return replace(form, values={**form.values, "protocol": (chosen,)})


def _usual(here: Here) -> str:
    """Return the protocol to begin with: the one last enrolled on here, else the fullest."""
    with here.app.store.read() as session:
        rows = search_patients(session, SearchTerms(clinics=here.clinics), limit=1)
    last = str(rows[0].Enrolment.protocol) if rows else ""
    protocols = here.app.catalogue.protocols
    # An example, which says so in a note, is never the one that nobody chose.
    return (
        last
        if last in protocols
        else max(
            protocols,
            key=lambda key: (protocols[key].source.note is None, len(protocols[key].steps)),
        )
    )


def _choices(here: Here, form: Form) -> dict[str, Any]:
    """Return what the fields offer to choose from."""
    if not here.clinics:
        raise NotFound("none of your clinics is set up here")
    clinics, protocols = here.app.catalogue.clinics, here.app.catalogue.protocols
    shown = form.text("clinic") or here.clinics[0]
    protocol = protocols.get(form.text("protocol"))
    return {
        "clinics": [(key, clinics[key].name) for key in here.clinics],
        "protocols": [(key, protocols[key].name) for key in sorted(protocols)],
        "questions": [
            (attribute_field(each.key), each.question)
            for each in (protocol.needed_attributes() if protocol else ())
        ],
        "languages": [
            (code, staff_name(code))
            for code in (clinics[shown].languages if shown in clinics else ())
        ],
    }
