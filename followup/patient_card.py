"""Card to hand over: which messages will come and when, and the way to the patient's own page.

It names nobody: initials and the time of the procedure tell staff whose it is, and whoever finds it
learns no more than from the page that its link opens (decision 0024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content.advice import Advice
from followup.content.library import Content
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import Conflict, NotFound
from followup.domain.identity import fold_name
from followup.domain.lifecycle import ONGOING_STATES, UNSENT_STATES
from followup.domain.message_kind import MessageKind
from followup.enrolment.page_tokens import token_of
from followup.messages.outlook import outlooks
from followup.messages.rendering import occurrences_of
from followup.patients.records import read_patient
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient

ENGLISH = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardMessage:
    """A message to come. `at` is local; `channel` is None where only the page will say it."""

    at: datetime
    heading: str
    language: str
    channel: ChannelKind | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientCard:
    """What a card says, apart from words that are the same for everybody. Times are local.

    `page_url` is the link that messages carry; None where they carry none. `wanted_language` is
    the patient's, and `language` that of the card.
    """

    clinic: Clinic
    protocol: str
    procedure_at: datetime
    is_before: bool
    initials: str
    language: str
    wanted_language: str
    messages: Sequence[CardMessage]
    page_url: str | None


def card_languages(app: AppContext, clinic: Clinic, protocol: str) -> list[str]:
    """Return the languages of a clinic whose words may be handed to a patient."""
    words = app.content.page(clinic.key, protocol)
    return [each for each in clinic.languages if each == ENGLISH or words.shows(each)] or [ENGLISH]


def read_card(
    session: Session, app: AppContext, enrolment: Enrolment, *, language: str | None = None
) -> PatientCard:
    """Return the card of an enrolment, in `language` or the patient's; in English at worst.

    Raises `Conflict` where nothing more will be sent, also while the patient's data is restricted.
    """
    patient = session.get_one(Patient, enrolment.patient_id)
    person = read_patient(patient, app.keyring)
    clinic = app.catalogue.clinics.get(enrolment.clinic)
    if clinic is None:
        raise NotFound(f"the clinic {enrolment.clinic} is no longer configured")
    if person is None or patient.deceased_at or enrolment.state not in ONGOING_STATES:
        raise Conflict("this follow-up has ended: there is no card to hand over")
    if patient.restricted_at:
        raise Conflict("this patient’s data is restricted: no card is made until that is lifted")
    allowed = card_languages(app, clinic, enrolment.protocol)
    wanted = language or person.language
    chosen = wanted if wanted in allowed else ENGLISH
    token = token_of(app, enrolment, patient)
    local = enrolment.procedure_at.astimezone(clinic.zone)
    return PatientCard(
        clinic=clinic,
        protocol=enrolment.protocol,
        procedure_at=local,
        is_before=app.clock.now() < enrolment.procedure_at,
        initials=" ".join(word[0].upper() for word in fold_name(person.name or "").split()),
        language=chosen,
        wanted_language=person.language,
        messages=list(_to_come(session, app, enrolment, patient, clinic=clinic, language=chosen)),
        page_url=app.links.page_url(token) if token and app.public_url is not None else None,
    )


def _to_come(
    session: Session,
    app: AppContext,
    enrolment: Enrolment,
    patient: Patient,
    *,
    clinic: Clinic,
    language: str,
) -> Iterator[CardMessage]:
    rows = session.scalars(
        select(Message)
        .where(
            Message.enrolment_id == enrolment.id,
            Message.kind == MessageKind.ADVICE.value,
            Message.fallback_of.is_(None),
            Message.state.in_([state.value for state in UNSENT_STATES]),
        )
        .order_by(Message.due_at, Message.id)
    ).all()
    foreseen = outlooks(session, rows, {patient.id: patient})
    for row in rows:
        piece = _advice(app.content).piece(
            row.template,
            wanted=language,
            clinic=clinic,
            protocol=enrolment.protocol,
            which=(row.occurrence, occurrences_of(app, row)),
        )
        outlook = foreseen.get(row.id)
        if piece is not None:
            yield CardMessage(
                at=row.due_at.astimezone(clinic.zone),
                heading=piece.heading,
                language=piece.language,
                channel=outlook.instead_by if outlook else ChannelKind(row.channel),
            )


@lru_cache(maxsize=4)
def _advice(content: Content) -> Advice:
    return Advice(content)
