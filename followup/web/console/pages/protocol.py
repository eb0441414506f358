"""Protocol page: its timetable, and a sample timeline on any date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.responses import Response

from followup.catalogue.load import Catalogue
from followup.clock import SteppingClock
from followup.content.handbook import ContentContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.protocols.protocol import Protocol
from followup.enrolment.enrol import CheckedEnrolment, EnrolmentRequest, check_request
from followup.enrolment.preview import preview_enrolment
from followup.messages.view import MessageView
from followup.patients.records import Person
from followup.web.console.framework.enrolment_form import (
    DATE_FIELD,
    Reading,
    attribute_field,
    fields_of_check,
)
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.wording.protocols.changes import audience
from followup.wording.protocols.timing import send_between, when

ANYBODY = Person(
    name=None, nhs_number=None, date_of_birth=None,
    mobile="+447700900000", email="patient@example.com", language="en",
)  # fmt: skip
"""Somebody who can be reached: whom a sample is for does not matter."""
DATE = (DATE_FIELD, f"{DATE_FIELD}-month", f"{DATE_FIELD}-year")
pages = Pages()


@pages.get("/protocols/{protocol}", may=SIGNED_IN)
def show(here: Here) -> Response:
    protocol = _find(here)
    form, at, problems = asked_sample(here, protocol, here.query)
    checked: CheckedEnrolment | None = None
    views: list[MessageView] = []
    if not problems and at is not None:
        try:
            checked, views = sample_timeline(here, here.app.catalogue, protocol, form, at)
        except InvalidInput as error:
            problems = list(map(fields_of_check, error.problems))
    return here.page(
        "content/protocol.html",
        form=form.refused(*problems),
        protocol=protocol,
        rows=[
            (
                step,
                here.title_of(step.template, protocol.key),
                audience(protocol, step),
                when(step),
                send_between(step),
            )
            for step in protocol.steps
        ],
        questions=[
            (attribute_field(one.key), one.question) for one in protocol.needed_attributes()
        ],
        clinics=[(key, one.name) for key, one in here.app.catalogue.clinics.items()],
        pages=[
            (key, one.name, language)
            for key, one in here.app.catalogue.clinics.items()
            if here.member.may_see(key)
            for language in one.languages
        ],
        checked=checked,
        views=views,
        titles=here.titles(protocol),
        before=before_all(protocol, at) if at else None,
        today=here.app.clock.now().date(),
    )


def before_all(protocol: Protocol, at: datetime) -> datetime:
    """Return a time at which nothing of a sample has been sent."""
    ahead = LONGEST_AHEAD if protocol.begins_before else timedelta()
    return at - ahead - timedelta(minutes=1)


def _find(here: Here) -> Protocol:
    found = here.app.catalogue.protocols.get(str(here.request.path_params["protocol"]))
    if found is None:
        raise NotFound("there is no such protocol")
    return found


def asked_sample(
    here: Here, protocol: Protocol, asked: Callable[[str], str]
) -> tuple[Form, datetime | None, list[Problem]]:
    """Return the sample that is asked for, by field; without one it is in the afternoon, today."""
    clinics = here.app.catalogue.clinics
    questions = [attribute_field(one.key) for one in protocol.needed_attributes()]
    given = {name: asked(name) for name in (*DATE, "at", "clinic", *questions)}
    clinic = given["clinic"] if given["clinic"] in clinics else next(iter(clinics))
    now = here.app.clock.now().astimezone(clinics[clinic].zone)
    if not any(given[name] for name in DATE):
        parts = (now.day, now.month, now.year)
        given |= dict(zip(DATE, map(str, parts), strict=True))
    given |= {name: given[name] if given[name] in {"yes", "no"} else "yes" for name in questions}
    form = Form.of(**{**given, "clinic": clinic, "at": given["at"] or "14:30"})
    reading = Reading(here.app, form, tuple(clinics))
    reading.request()
    wrong = [
        told
        for told in reading.problems
        if told.field in {DATE_FIELD, "at"} and "days" not in told.message
    ]
    return form, reading.procedure_at, wrong


def sample_timeline(
    here: Here, catalogue: Catalogue, protocol: Protocol, form: Form, at: datetime
) -> tuple[CheckedEnrolment, list[MessageView]]:
    """Return the timeline of somebody who is enrolled at the time of the procedure.

    Where something is sent before it, of somebody who is enrolled as early as can be.
    """
    app = here.app
    enrolled_at = at - LONGEST_AHEAD if protocol.begins_before else at
    books = ContentContext(
        clock=SteppingClock(enrolled_at), catalogue=catalogue, content=app.content
    )
    request = EnrolmentRequest(
        clinic=form.text("clinic"),
        protocol=protocol.key,
        reference=None,
        procedure_at=at,
        attributes={
            one.key: form.text(attribute_field(one.key)) == "yes"
            for one in protocol.needed_attributes()
        },
        person=ANYBODY,
        channels=tuple(ChannelKind),
    )
    checked = check_request(books, request)
    return checked, preview_enrolment(books, checked)
