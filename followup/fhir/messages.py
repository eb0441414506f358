"""Messages as FHIR: a CommunicationRequest for each, a Communication for each that was sent.

A text that a patient sent is a Communication as well. Messages of nobody (an answer to an unknown
number, a test text before an enrolment) are no patient's record, and are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.fhir import BASE
from followup.fhir.codes import (
    EVENT_STATUS,
    REQUEST_STATUS,
    Systems,
    medium,
    organisation,
    patient_reference,
    payload,
)
from followup.fhir.dates import instant
from followup.fhir.resources import (
    Communication,
    CommunicationRequest,
    EventStatus,
    Identifier,
    Reference,
)
from followup.messages.view import MessageView, latest_attempts, message_views
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, InboundMessage, Message
from followup.store.models.patients import Patient

BODY_COLUMN = "inbound_messages.body"
CALLED = tuple(state.value for state in EVENT_STATUS)
"""States of messages of which there is a Communication."""

Resources = dict[UUID, dict[str, Any]]


def of_a_patient() -> ColumnElement[bool]:
    """Return the condition that a message is in a patient's record."""
    return Message.patient_id.is_not(None) & (Message.kind != MessageKind.CHECK.value)


def systems_of(app: AppContext) -> Systems:
    """Return the systems of this installation."""
    return Systems(f"{app.links.public_url}{BASE}")


def communication_requests(
    session: Session, app: AppContext, messages: Sequence[Message]
) -> Resources:
    """Return these messages as planned, by id: the words that were sent, or would be now."""
    systems, references = systems_of(app), _references(session, messages)
    return {
        message.id: _request(app, systems, message, view, references).versioned(
            last_updated=instant(message.state_since)
        )
        for message, view in zip(messages, message_views(session, app, messages), strict=True)
    }


def sent_communications(
    session: Session, app: AppContext, messages: Sequence[Message]
) -> Resources:
    """Return these messages as sent, by id."""
    systems = systems_of(app)
    attempts = latest_attempts(session, [message.id for message in messages])
    answered = _answered_texts(session, messages)
    return {
        message.id: _communication(
            app,
            systems,
            message,
            view=view,
            attempt=attempts.get(message.id),
            in_answer_to=answered.get(message.id),
        ).versioned(last_updated=instant(message.state_since))
        for message, view in zip(messages, message_views(session, app, messages), strict=True)
    }


def received_communications(
    session: Session, app: AppContext, texts: Sequence[InboundMessage]
) -> Resources:
    """Return texts that patients sent, by id; one that answered a question names it."""
    systems, owners = systems_of(app), {text.patient_id for text in texts}
    patients = {
        patient.id: patient
        for patient in session.scalars(select(Patient).where(Patient.id.in_(owners)))
    }
    questions = _questions(session, owners)
    return {
        text.id: _received(
            app, systems, text, patients[text.patient_id], questions.get(str(text.id))
        ).versioned(last_updated=instant(text.received_at))
        for text in texts
        if text.patient_id is not None
    }


def _request(
    app: AppContext,
    systems: Systems,
    message: Message,
    view: MessageView,
    references: Mapping[UUID | None, tuple[str, str | None]],
) -> CommunicationRequest:
    state, subject = State(message.state), _subject(message)
    return CommunicationRequest(
        id=str(message.id),
        replaces=[Reference(reference=f"CommunicationRequest/{message.fallback_of}")]
        if message.fallback_of
        else None,
        group_identifier=_group(systems, message, references),
        status=REQUEST_STATUS[state],
        status_reason=systems.reason(message.reason, message.channel),
        category=[systems.step(message.step, _title(app, message))],
        medium=medium(message.channel),
        subject=subject,
        payload=payload(view.text),
        occurrence_date_time=instant(message.due_at),
        authored_on=instant(message.created_at),
        recipient=[subject],
        sender=organisation(app, systems, message.clinic),
    )


def _communication(
    app: AppContext,
    systems: Systems,
    message: Message,
    *,
    view: MessageView,
    attempt: Attempt | None,
    in_answer_to: UUID | None,
) -> Communication:
    subject = _subject(message)
    provider_id = attempt.provider_id if attempt else None
    return Communication(
        id=str(message.id),
        identifier=[systems.provider(attempt.provider, provider_id)]
        if attempt and provider_id
        else None,
        based_on=[Reference(reference=f"CommunicationRequest/{message.id}")],
        in_response_to=[Reference(reference=f"Communication/{in_answer_to}")]
        if in_answer_to
        else None,
        status=EVENT_STATUS[State(message.state)],
        status_reason=systems.reason(message.reason, message.channel),
        category=[systems.step(message.step, _title(app, message))],
        medium=medium(message.channel),
        subject=subject,
        sent=instant(message.sent_at) if message.sent_at else None,
        received=instant(message.delivered_at) if message.delivered_at else None,
        recipient=[subject],
        sender=organisation(app, systems, message.clinic),
        payload=payload(view.text),
    )


def _received(
    app: AppContext,
    systems: Systems,
    text: InboundMessage,
    patient: Patient,
    question: UUID | None,
) -> Communication:
    subject = patient_reference(patient.id)
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    words = sealer.open_if(text.body_sealed, column=BODY_COLUMN, row=text.id) if sealer else None
    return Communication(
        id=str(text.id),
        identifier=[systems.provider(text.provider, text.provider_id)],
        in_response_to=[Reference(reference=f"Communication/{question}")] if question else None,
        status=EventStatus.COMPLETED,
        medium=medium("sms"),
        subject=subject,
        received=instant(text.received_at),
        recipient=[organisation(app, systems, text.clinic or patient.clinic)],
        sender=subject,
        payload=payload(words),
    )


def _subject(message: Message) -> Reference:
    assert message.patient_id is not None  # noqa: S101 - the queries ask for no others
    return patient_reference(message.patient_id)


def _title(app: AppContext, message: Message) -> str:
    card = app.content.of(message.clinic, message.protocol).cards.get(message.template)
    return card.title if card is not None else message.step


def _group(
    systems: Systems,
    message: Message,
    references: Mapping[UUID | None, tuple[str, str | None]],
) -> Identifier | None:
    """Return what keeps the messages of one enrolment together: the clinic's reference, or ours."""
    if message.enrolment_id is None:
        return None
    clinic, reference = references[message.enrolment_id]
    if reference is None:
        return systems.enrolment(message.enrolment_id)
    return Identifier(system=systems.reference(clinic), value=reference)


def _references(
    session: Session, messages: Iterable[Message]
) -> dict[UUID | None, tuple[str, str | None]]:
    ids = {message.enrolment_id for message in messages}
    found = session.execute(
        select(Enrolment.id, Enrolment.clinic, Enrolment.reference).where(Enrolment.id.in_(ids))
    )
    return {row.id: (row.clinic, row.reference) for row in found}


def _answered_texts(session: Session, messages: Iterable[Message]) -> dict[UUID | None, UUID]:
    """Return the text that each automatic answer among these messages answers."""
    replies = {one.id: one.patient_id for one in messages if one.kind == MessageKind.REPLY.value}
    if not replies:
        return {}
    # By patient, which is what there is an index on.
    found = session.execute(
        select(InboundMessage.answer_id, InboundMessage.id).where(
            InboundMessage.patient_id.in_(set(replies.values())),
            InboundMessage.answer_id.in_(list(replies)),
        )
    )
    return {row.answer_id: row.id for row in found}


def _questions(session: Session, patient_ids: Iterable[UUID | None]) -> dict[str, UUID]:
    """Return the message whose question a text answered, as the audit trail keeps it."""
    found = session.execute(
        select(AuditEvent.message_id, AuditEvent.detail).where(
            AuditEvent.patient_id.in_(list(patient_ids)), AuditEvent.action == "message.answered"
        )
    )
    return {
        str(row.detail["inbound"]): row.message_id
        for row in found
        if row.detail and "inbound" in row.detail
    }
