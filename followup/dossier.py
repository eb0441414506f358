"""The answer to an auditor: what one patient was told, when, in which words; did it arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from followup.audit import events_of_enrolment
from followup.domain.contact import mask_email, mask_mobile, mask_name, mask_nhs_number
from followup.kit import Kit
from followup.message_view import MessageView, utc_text, views
from followup.store import evidence, patients
from followup.store.enrolments import messages_of, patient_of
from followup.store.models import (
    Attempt,
    AuditEvent,
    ContentVersion,
    Enrolment,
    Message,
    Patient,
    Receipt,
    WorklistItem,
)
from followup.store.sealing import Sealer
from followup.withdrawing import reason_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One call of a provider: where it went (masked), what it carried, and what came of it.

    `text` is None where the patient's data was erased.
    """

    attempt: Attempt
    to: str | None
    text: str | None
    subject: str | None
    version: ContentVersion | None
    receipts: tuple[Receipt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One message, and every attempt to send it."""

    view: MessageView
    row: Message
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """All that is known of one enrolment. `who` names the patient in masked form only.

    `deeds` are the audit events that are no step of a message: what staff, the patient and the
    product decided. `events` are all.
    """

    enrolment: Enrolment
    who: dict[str, str]
    why_ended: str | None
    told: tuple[Told, ...]
    items: Sequence[WorklistItem]
    events: Sequence[AuditEvent]

    @property
    def deeds(self) -> list[AuditEvent]:
        """The events that are no step of a message on its way."""
        return [event for event in self.events if not event.action.startswith("message.")]


def compile_dossier(session: Session, kit: Kit, enrolment: Enrolment) -> Dossier:
    """Return all that is known of an enrolment."""
    patient = patient_of(session, enrolment)
    rows = messages_of(session, enrolment)
    return Dossier(
        enrolment=enrolment,
        who=_masked(kit, patient),
        why_ended=reason_of(kit, enrolment, patient),
        told=told_of(session, kit, patient, rows),
        items=evidence.items_of(session, enrolment.id),
        events=events_of_enrolment(session, enrolment_id=enrolment.id, patient_id=patient.id),
    )


def _masked(kit: Kit, patient: Patient) -> dict[str, str]:
    person = patients.read(patient, kit.keyring)
    if person is None:
        return {}
    masks: dict[str, Callable[[str], str]] = {
        "name": mask_name,
        "nhs_number": mask_nhs_number,
        "mobile": mask_mobile,
        "email": mask_email,
    }
    values = ((name, getattr(person, name), mask) for name, mask in masks.items())
    return {name: mask(value) for name, value, mask in values if value}


def told_of(
    session: Session, kit: Kit, patient: Patient, rows: Sequence[Message]
) -> tuple[Told, ...]:
    """Return messages with every attempt and receipt: five queries, however many there are."""
    attempts = evidence.attempts_of(session, [row.id for row in rows])
    flat = [attempt for each in attempts.values() for attempt in each]
    receipts = evidence.receipts_of(session, [attempt.id for attempt in flat])
    versions = evidence.versions_of(session, {attempt.content_version for attempt in flat})
    sealer = kit.keyring.patient(patient.data_key, patient.master_key_id)
    return tuple(
        Told(
            view=view,
            row=row,
            tries=tuple(
                _try(
                    attempt,
                    sealer,
                    version=versions.get(attempt.content_version),
                    receipts=tuple(receipts.get(attempt.id, ())),
                )
                for attempt in attempts.get(row.id, ())
            ),
        )
        for row, view in zip(rows, views(session, kit, rows), strict=True)
    )


def _try(
    attempt: Attempt,
    sealer: Sealer | None,
    *,
    version: ContentVersion | None,
    receipts: tuple[Receipt, ...],
) -> Try:
    def opened(name: str) -> str | None:
        sealed: bytes | None = getattr(attempt, f"{name}_sealed")
        if sealer is None:
            return None
        return sealer.open_if(sealed, column=f"attempts.{name}", row=attempt.id)

    to = opened("address")
    return Try(
        attempt=attempt,
        to=None if to is None else mask_email(to) if "@" in to else mask_mobile(to),
        text=opened("body"),
        subject=opened("subject"),
        version=version,
        receipts=receipts,
    )


def dossier_json(dossier: Dossier) -> dict[str, Any]:
    """Return a dossier as JSON values, the enrolment's own fields left to the caller."""
    return {
        "patient": dossier.who,
        "why_ended": dossier.why_ended,
        "messages": [
            {
                **told.view.as_json(),
                "generation": told.row.generation,
                "template": told.row.template,
                "tries": [_try_json(each) for each in told.tries],
            }
            for told in dossier.told
        ],
        "worklist": [_item_json(item) for item in dossier.items],
        "events": [_event_json(event) for event in dossier.events],
    }


def _try_json(each: Try) -> dict[str, Any]:
    attempt, version = each.attempt, each.version
    return {
        "attempt_id": str(attempt.id),
        "number": attempt.number,
        "provider": attempt.provider,
        "account": attempt.account or None,
        "provider_id": attempt.provider_id,
        "sender": attempt.sender,
        "to": each.to,
        "started_at": utc_text(attempt.started_at),
        "finished_at": utc_text(attempt.finished_at) if attempt.finished_at else None,
        "outcome": attempt.outcome,
        "code": attempt.code,
        "explanation": attempt.reason,
        "subject": each.subject,
        "text": each.text,
        "content_version": attempt.content_version,
        "approval": version.approval if version else None,
        "receipts": [
            {
                "status": receipt.status,
                "code": receipt.code or None,
                "received_at": utc_text(receipt.received_at),
            }
            for receipt in each.receipts
        ],
    }


def _item_json(item: WorklistItem) -> dict[str, Any]:
    return {
        "id": str(item.id),
        "kind": item.kind,
        "cause": item.detail.get("cause"),
        "message_id": str(item.message_id) if item.message_id else None,
        "opened_at": utc_text(item.opened_at),
        "state": item.state,
        "closed_at": utc_text(item.closed_at) if item.closed_at else None,
        "closed_by": item.closed_by,
        "outcome": item.outcome,
    }


def _event_json(event: AuditEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": utc_text(event.at),
        "actor": event.actor,
        "action": event.action,
        "message_id": str(event.message_id) if event.message_id else None,
        "detail": event.detail,
    }
