"""A text to a patient in approved words, from an item or from the patient's page."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

from starlette.responses import Response

from followup.casework.briefing import read_briefing
from followup.casework.send_phrase import Phrase, phrases_for, send_phrase
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.protocols.timing import instant_at
from followup.patients.records import Person, read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.enrolment_form import sentence, wall_time
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import CHANGE_PATIENTS, Pages
from followup.web.console.pages.patient import find_enrolment
from followup.web.console.pages.worklist_items import with_patient
from followup.wording.formats import day as day_text

TIME_SHOWN = "[the time that you choose]"
DAYS_AHEAD = 7
pages = Pages()


@pages.get("/attention/{item}/text", may=CHANGE_PATIENTS)
def ask_from_item(here: Here) -> Response:
    item = with_patient(here).item
    return _ask(here, _enrolment_of(here, item), f"/attention/{item.id}", here.form)


@pages.post("/attention/{item}/text", may=CHANGE_PATIENTS)
def send_from_item(here: Here) -> Response:
    item = with_patient(here).item
    return _send(here, _enrolment_of(here, item), f"/attention/{item.id}", item)


@pages.get("/enrolments/{enrolment}/text", may=CHANGE_PATIENTS)
def ask_from_patient(here: Here) -> Response:
    enrolment = find_enrolment(here)
    return _ask(here, enrolment, f"/patients/{enrolment.patient_id}", here.form)


@pages.post("/enrolments/{enrolment}/text", may=CHANGE_PATIENTS)
def send_from_patient(here: Here) -> Response:
    enrolment = find_enrolment(here)
    return _send(here, enrolment, f"/patients/{enrolment.patient_id}", None)


def _enrolment_of(here: Here, item: WorklistItem) -> Enrolment:
    with here.app.store.read() as session:
        found = read_briefing(session, item, now=here.app.clock.now()).enrolment
    if found is None:
        raise NotFound("this patient has no follow-up")
    return found


def _person(here: Here, enrolment: Enrolment) -> Person:
    with here.app.store.read() as session:
        person = read_patient(session.get_one(Patient, enrolment.patient_id), here.app.keyring)
    if person is None:
        raise NotFound("this patient’s data was erased")
    return person


def _phrases(here: Here, enrolment: Enrolment, person: Person) -> list[Phrase]:
    return phrases_for(here.app, enrolment, language=person.language or "", time_shown=TIME_SHOWN)


def _ask(here: Here, enrolment: Enrolment, back: str, form: Form) -> Response:
    person = _person(here, enrolment)
    phrases = _phrases(here, enrolment, person)
    return here.page(
        "attention/text.html",
        form=form,
        person=person,
        phrases=phrases,
        timed=any(one.names_time for one in phrases),
        days=_days(here, enrolment),
        back_to=back,
    )


def _send(here: Here, enrolment: Enrolment, back: str, item: WorklistItem | None) -> Response:
    form = here.form
    phrases = _phrases(here, enrolment, _person(here, enrolment))
    template = form.text("phrase")
    chosen = next((one for one in phrases if one.template == template), None)
    ring_at, problems = _ring_at(here, enrolment, form) if _is_timed(chosen) else (None, [])
    if chosen is None:
        problems = [Problem("phrase", "Choose a text to send")]
    try:
        if not problems:
            send_phrase(
                here.app,
                enrolment.id,
                template=template,
                phrases=phrases,
                ring_at=ring_at,
                item_id=item.id if item else None,
                actor=here.member.actor,
            )
            return here.go(f"{back}?done=texted")
    except InvalidInput as error:
        problems = [Problem(each.field, sentence(each.message)) for each in error.problems]
    except Conflict as error:
        problems = [Problem("phrase", str(error))]
    return _ask(here, enrolment, back, form.refused(*problems))


def _is_timed(phrase: Phrase | None) -> bool:
    return phrase is not None and phrase.names_time


def _ring_at(here: Here, enrolment: Enrolment, form: Form) -> tuple[datetime | None, list[Problem]]:
    wall = wall_time(form.text("ring_at"))
    offered = {value for value, _ in _days(here, enrolment)}
    problems = []
    if form.text("ring_on") not in offered:
        problems.append(Problem("ring_on", "Choose the day on which you will phone"))
    if wall is None:
        problems.append(Problem("ring_at", "Enter a time, like 15:30 or 3:30pm"))
    if problems or wall is None:
        return None, problems
    day = date.fromisoformat(form.text("ring_on"))
    zone = here.zone_of(enrolment.clinic)
    return instant_at(day, time.fromisoformat(wall), zone=zone), []


def _days(here: Here, enrolment: Enrolment) -> list[tuple[str, str]]:
    """Return the days on which a call may be promised, each with its name."""
    today = here.app.clock.now().astimezone(here.zone_of(enrolment.clinic)).date()
    days = [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD)]
    names = ["Today", "Tomorrow", *map(day_text, days[2:])]
    return [(day.isoformat(), name) for day, name in zip(days, names, strict=True)]
