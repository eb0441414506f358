"""Reply to a patient by text: one of the approved phrases, planned like any other message.

Nothing is written freely. A phrase goes within sending hours and is checked as every message is; a
person is asked to ring where it can't go in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from followup.consent.cancel_unsent import find_enrolment_for_change, must_go_on_by_itself
from followup.content.library import Form
from followup.content.phrases import names_time, phrases_among
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.eligibility import Stop
from followup.domain.errors import Conflict, InvalidInput, TemplateError
from followup.messages.one_off_texts import one_off_advice, plan_beside_timeline
from followup.sending.eligibility import check_eligibility, load_for_sending
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.wording.reasons import reason_text

USEFUL_FOR = timedelta(days=1)
"""Of a phrase that names no time."""
FURTHEST = timedelta(days=7)
"""Patients forget what is said for later."""
NOT_TWICE_WITHIN = timedelta(minutes=5)
"""A second tap, or a second nurse, sends the same words once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A phrase as staff choose it: what it is called, and its words in the patient's language."""

    template: str
    title: str
    text: str
    language: str
    names_time: bool


def phrases_for(
    app: AppContext, enrolment: Enrolment, *, language: str, time_shown: str
) -> list[Phrase]:
    """Return the phrases that may be sent on an enrolment, with `time_shown` where a time goes."""
    clinic = app.catalogue.clinics.get(enrolment.clinic)
    if clinic is None:
        return []
    content, found = app.content.of(enrolment.clinic, enrolment.protocol), []
    for template in phrases_among(content.cards):
        spoken = content.language_for(
            template, wanted=language, channel=ChannelKind.SMS, clinic=clinic
        )
        try:
            words = content.render(
                template,
                language=spoken,
                channel=ChannelKind.SMS,
                clinic=clinic,
                form=Form(ring_at=time_shown),
            )
        except TemplateError:
            continue
        found.append(
            Phrase(
                template=template,
                title=content.cards[template].title,
                text=words.text,
                language=spoken,
                names_time=names_time(words.version),
            )
        )
    return found


def send_phrase(
    app: AppContext,
    enrolment_id: UUID,
    *,
    template: str,
    phrases: Sequence[Phrase],
    ring_at: datetime | None,
    item_id: UUID | None = None,
    actor: str,
) -> UUID:
    """Plan one of `phrases` as a text; return the message.

    `ring_at` is the time that it names. Raises `InvalidInput`, and `Conflict` with the reason
    where it may not be sent.
    """
    phrase = next((one for one in phrases if one.template == template), None)
    if phrase is None:
        raise InvalidInput.of("phrase", "choose a text to send")

    def work(unit: UnitOfWork) -> UUID:
        enrolment = find_enrolment_for_change(unit.session, enrolment_id, lock=True)
        must_go_on_by_itself(enrolment)
        if ChannelKind.SMS.value not in enrolment.channels:
            raise Conflict("The patient did not agree to texts: ring them instead.")
        until = _until(phrase, ring_at, now=unit.by.at)
        message = one_off_advice(
            unit.by,
            enrolment,
            template=phrase.template,
            channel=ChannelKind.SMS,
            may_fall_back=False,
            not_after=until,
            occurrence=_number(unit, enrolment, phrase),
        )
        plan_beside_timeline(unit, enrolment, message)
        _must_be_allowed(unit, message)
        detail = {"phrase": phrase.template, **({"item": str(item_id)} if item_id else {})}
        record_event(
            unit.session,
            unit.by,
            AuditEntry(
                action="message.phrase",
                clinic=enrolment.clinic,
                patient_id=enrolment.patient_id,
                enrolment_id=enrolment.id,
                message_id=message.id,
                detail=detail,
            ),
        )
        return message.id

    return app.transact(actor, work)


def _until(phrase: Phrase, ring_at: datetime | None, *, now: datetime) -> datetime:
    if not phrase.names_time:
        return now + USEFUL_FOR
    if ring_at is None:
        raise InvalidInput.of("ring_at", "enter when you will phone, like 15:30 or 3:30pm")
    if not now < ring_at <= now + FURTHEST:
        raise InvalidInput.of("ring_at", "choose a time within the next 7 days")
    return ring_at


def _number(unit: UnitOfWork, enrolment: Enrolment, phrase: Phrase) -> int:
    """Return which one of its kind it is; raise `Conflict` where the same went just now."""
    before = unit.session.scalars(
        select(Message)
        .where(Message.enrolment_id == enrolment.id, Message.template == phrase.template)
        .order_by(Message.occurrence.desc())
        .limit(1)
    ).first()
    if before is not None and unit.by.at - before.created_at < NOT_TWICE_WITHIN:
        raise Conflict("This text was sent a few minutes ago: see it on the patient’s page.")
    return 1 if before is None else before.occurrence + 1


def _must_be_allowed(unit: UnitOfWork, message: Message) -> None:
    rows = load_for_sending(unit.session, [message.id])
    verdict = check_eligibility(unit.session, unit.app, rows, now=unit.by.at)[message.id]
    if isinstance(verdict, Stop):
        raise Conflict(f"It may not be sent: {reason_text(verdict.reason)}.")
