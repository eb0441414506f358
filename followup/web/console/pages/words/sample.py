"""Sample patient of a draft: their own page, and the card that they would be handed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from followup.clock import SteppingClock
from followup.content.advice import Advice, Piece
from followup.content.handbook import ContentContext
from followup.content.library import EXAMPLE_ADDRESSES, Content
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.protocols.timeline import PlannedMessage
from followup.enrolment.enrol import CheckedEnrolment, EnrolmentRequest, check_request
from followup.enrolment.message_rows import channel_for
from followup.patient_card import CardMessage, PatientCard
from followup.patient_page import ChannelStatus, DatedAdvice, PatientPage
from followup.patients.records import Person
from followup.web.patient_page.card import CardSheet, card_sheet
from followup.web.patient_page.view import Shown, page_html

Pair = tuple[str, str]
HOUR = 14
"""When the procedure of a sample is, on the day before, by the clinic's clocks."""


def sample_page(app: AppContext, content: Content, pair: Pair, language: str) -> str:
    """Return the page in HTML of somebody who answered yes to everything, the day after."""
    checked = _sample(app, pair, language)
    now, advice = app.clock.now(), _advice(content)
    dated = [
        DatedAdvice(planned.due_at, piece)
        for planned in checked.timeline
        if (piece := _piece(advice, checked, planned, language)) is not None
    ]
    past = [one for one in dated if one.at <= now]
    found = PatientPage(
        clinic=checked.clinic,
        protocol=checked.protocol.key,
        wanted_language=language,
        ended=False,
        is_before=False,
        today=past[-1:],
        is_today=True,
        earlier=past[:-1],
        coming=[one for one in dated if one.at > now],
        standing=[ChannelStatus(channel=each, stopped_by=None) for each in ChannelKind],
        needs=frozenset(),
        index=b"",
    )
    facts = Shown(language=language, draft=False)
    return page_html(replace(app, content=content), found, facts)


def sample_card(app: AppContext, content: Content, pair: Pair, language: str) -> CardSheet:
    """Return the card of the same patient, as it is handed over after the procedure."""
    checked = _sample(app, pair, language)
    advice = _advice(content)
    card = PatientCard(
        clinic=checked.clinic,
        protocol=checked.protocol.key,
        procedure_at=checked.procedure.at.astimezone(checked.clinic.zone),
        is_before=False,
        initials="A B",
        language=language,
        wanted_language=language,
        messages=[
            CardMessage(
                at=planned.local,
                heading=piece.heading,
                language=piece.language,
                channel=channel_for(planned.step, tuple(ChannelKind)),
            )
            for planned in checked.timeline
            if (piece := _piece(advice, checked, planned, language)) is not None
        ],
        page_url=EXAMPLE_ADDRESSES["page_url"],
    )
    return card_sheet(replace(app, content=content), card)


def _sample(app: AppContext, pair: Pair, language: str) -> CheckedEnrolment:
    clinic = app.catalogue.clinics[pair[0]]
    day = (app.clock.now().astimezone(clinic.zone) - timedelta(days=1)).date()
    at = datetime(day.year, day.month, day.day, HOUR, tzinfo=clinic.zone)
    books = ContentContext(clock=SteppingClock(at), catalogue=app.catalogue, content=app.content)
    person = Person(
        name=None, nhs_number=None, date_of_birth=None,
        mobile="+447700900000", email="patient@example.com", language=language,
    )  # fmt: skip
    attributes = app.catalogue.protocols[pair[1]].needed_attributes()
    return check_request(
        books,
        EnrolmentRequest(
            clinic=pair[0],
            protocol=pair[1],
            reference=None,
            procedure_at=at,
            attributes={one.key: True for one in attributes},
            person=person,
            channels=tuple(ChannelKind),
        ),
    )


def _piece(
    advice: Advice, checked: CheckedEnrolment, planned: PlannedMessage, language: str
) -> Piece | None:
    step = planned.step
    return advice.piece(
        step.template,
        wanted=language,
        clinic=checked.clinic,
        protocol=checked.protocol.key,
        which=(planned.occurrence, len(step.occurrences)),
        drafts=True,
    )


@lru_cache(maxsize=4)
def _advice(content: Content) -> Advice:
    return Advice(content)
