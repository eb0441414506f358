"""Message read model: the same fields in the command line, the API and the preview."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import TemplateError
from followup.domain.lifecycle import State
from followup.domain.outlook import Outlook
from followup.messages.outlook import outlooks
from followup.messages.rendering import render_message
from followup.messages.verification_code import veiled
from followup.store.encryption.sealing import Sealer
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from followup.wording.outlooks import outlook_text

YET_TO_GO = frozenset({State.PLANNED, State.HELD, State.CLAIMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageView:
    """One message. Times are aware and UTC, except `local`, which is the due time in its zone.

    `text` is what was sent, word for word; what would be sent now, where it is yet to go; and None
    for a message that will never go. `attempts` counts the provider calls, `reason` is a code.
    `outlook` is what will become of one that is yet to go, where that is not what it says.
    """

    id: UUID | None
    enrolment_id: UUID | None
    step: str
    occurrence: int
    channel: str
    state: str
    reason: str | None
    due_at: datetime
    not_before: datetime
    not_after: datetime
    local: datetime
    moved_because: list[str] | None
    segments: int | None
    encoding: str | None
    text: str | None
    attempts: int
    provider_id: str | None
    subject: str | None = None
    outlook: Outlook | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values; a message that is no row yet has no ids.

        Nor has it an outlook, which comes of what its patient has said since.
        """
        planned = self.id is None
        ids = {"id": str(self.id), "enrolment_id": _text(self.enrolment_id)}
        outlook = {"outlook": _outlook_json(self.outlook, self.channel)}
        return {
            **({} if planned else ids),
            "step": self.step,
            "occurrence": self.occurrence,
            "channel": self.channel,
            "state": self.state,
            "reason": self.reason,
            "due_at": utc_text(self.due_at),
            "not_before": utc_text(self.not_before),
            "not_after": utc_text(self.not_after),
            "local": self.local.isoformat(timespec="seconds"),
            "moved_because": self.moved_because,
            "segments": self.segments,
            "encoding": self.encoding,
            "text": self.text,
            "attempts": self.attempts,
            "provider_id": self.provider_id,
            **({} if planned else outlook),
        }


def utc_text(at: datetime) -> str:
    """Return a time as the machine interface writes it: UTC, to the second, ending in Z."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _outlook_json(outlook: Outlook | None, channel: str) -> dict[str, Any] | None:
    if outlook is None:
        return None
    return {
        "reason": outlook.reason,
        "instead_by": outlook.instead_by,
        "message": outlook_text(outlook, channel),
    }


def message_views(
    session: Session, app: AppContext, messages: Sequence[Message]
) -> list[MessageView]:
    """Return message rows as views, in the same order: a few queries, however many there are."""
    patients = {
        patient.id: patient
        for patient in session.scalars(
            select(Patient).where(Patient.id.in_({message.patient_id for message in messages}))
        )
    }
    attempts = latest_attempts(session, [message.id for message in messages])
    foreseen = outlooks(session, messages, patients)
    return [
        replace(
            _view(
                app,
                message,
                patients.get(message.patient_id or UUID(int=0)),
                attempts.get(message.id),
            ),
            outlook=foreseen.get(message.id),
        )
        for message in messages
    ]


def latest_attempts(session: Session, message_ids: Iterable[UUID]) -> dict[UUID, Attempt]:
    """Return the attempt that counts for each of these messages: the last taken, else the last."""
    found = session.scalars(
        select(Attempt)
        .where(Attempt.message_id.in_(list(message_ids)))
        .order_by(Attempt.provider_id.is_not(None), Attempt.number)
    )
    return {attempt.message_id: attempt for attempt in found}


def text_of(app: AppContext, patient: Patient | None, attempt: Attempt) -> str | None:
    """Return the exact words of an attempt, or None if the patient was erased."""
    sealer = _sealer(app, patient)
    return (
        sealer.open_if(attempt.body_sealed, column="attempts.body", row=attempt.id)
        if sealer
        else None
    )


def _subject_of(app: AppContext, patient: Patient | None, attempt: Attempt) -> str | None:
    sealer = _sealer(app, patient)
    return (
        sealer.open_if(attempt.subject_sealed, column="attempts.subject", row=attempt.id)
        if sealer
        else None
    )


def _sealer(app: AppContext, patient: Patient | None) -> Sealer | None:
    if patient is None:
        return app.keyring.system
    return app.keyring.patient(patient.data_key, patient.master_key_id)


def _view(
    app: AppContext, message: Message, patient: Patient | None, attempt: Attempt | None
) -> MessageView:
    text, segments, encoding, subject = None, None, None, None
    state = State(message.state)
    if attempt is not None and state is not State.PLANNED:
        text, subject = text_of(app, patient, attempt), _subject_of(app, patient, attempt)
        text = text and veiled(app, message, text)
        segments, encoding = attempt.segments, attempt.encoding
    elif state in YET_TO_GO:
        text, segments, encoding, subject = _words(
            app, message, language=patient.language if patient else None
        )
    return MessageView(
        id=message.id,
        enrolment_id=message.enrolment_id,
        step=message.step,
        occurrence=message.occurrence,
        channel=message.channel,
        state=message.state,
        reason=message.reason,
        due_at=message.due_at,
        not_before=message.not_before,
        not_after=message.not_after,
        local=message.due_at.astimezone(ZoneInfo(message.zone)),
        moved_because=message.moved_because,
        segments=segments,
        encoding=encoding,
        text=text,
        attempts=message.attempt_count,
        provider_id=attempt.provider_id if attempt else None,
        subject=subject,
    )


def _words(
    app: AppContext, message: Message, *, language: str | None
) -> tuple[str | None, int | None, str | None, str | None]:
    try:
        words = render_message(app, message, language=language)
    except TemplateError:
        # `followup check` says what is wrong; a listing must not fail over one template.
        return None, None, None, None
    size = words.size
    return (
        veiled(app, message, words.text),
        size.segments if size else None,
        size.encoding if size else None,
        words.subject,
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)
