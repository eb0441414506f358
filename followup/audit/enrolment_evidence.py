"""Evidence of one enrolment: what the patient was told, when, in which words, and if it arrived."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from followup.audit import message_evidence as evidence
from followup.audit.damaged_rows import tells_damage
from followup.audit.queries import events_of_enrolment
from followup.context import AppContext
from followup.domain.contact import mask_email, mask_mobile, mask_name, mask_nhs_number
from followup.enrolment.queries import messages_of, patient_of
from followup.enrolment.withdraw import withdrawal_reason
from followup.messages.view import MessageView, message_views, utc_text
from followup.patients import records as patients
from followup.releases.queries import ReleaseFacts, facts_of
from followup.store.encryption.sealing import Sealer
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Attempt, ContentVersion, Message, Receipt
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.wording.approvals import approval_text, release_text


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceAttempt:
    """One call of a provider: where it went (masked), what it carried, and what came of it.

    `text` is None where the patient's data was erased.
    """

    attempt: Attempt
    to: str | None
    text: str | None
    subject: str | None
    version: ContentVersion | None
    receipts: tuple[Receipt, ...]
    release: ReleaseFacts | None = None

    @property
    def approval(self) -> str:
        """Who approved the words: two people by a release, or else what the version says."""
        if (release := self.release) is None:
            return approval_text(self.version.approval if self.version else None)
        return release_text(
            digest=release.digest,
            author=release.author,
            approver=release.approver,
            approved_on=release.approved_at.date(),
            source=release.source,
            review_due=release.review_due,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceMessage:
    """One message, and every attempt to send it."""

    view: MessageView
    row: Message
    tries: tuple[EvidenceAttempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentEvidence:
    """All that is known of one enrolment. `who` names the patient in masked form only.

    `actions` are the audit events that are no step of a message: what staff, the patient and the
    product decided. `events` are all.
    """

    enrolment: Enrolment
    who: dict[str, str]
    why_ended: str | None
    told: tuple[EvidenceMessage, ...]
    items: Sequence[WorklistItem]
    events: Sequence[AuditEvent]

    @property
    def actions(self) -> list[AuditEvent]:
        """The events that are no step of a message on its way."""
        return [event for event in self.events if not event.action.startswith("message.")]


@tells_damage
def compile_enrolment_evidence(
    session: Session, app: AppContext, enrolment: Enrolment
) -> EnrolmentEvidence:
    """Return all that is known of an enrolment."""
    patient = patient_of(session, enrolment)
    rows = messages_of(session, enrolment)
    return EnrolmentEvidence(
        enrolment=enrolment,
        who=_masked(app, patient),
        why_ended=withdrawal_reason(app, enrolment, patient),
        told=evidence_of_message(session, app, patient, rows),
        items=evidence.items_of(session, enrolment.id),
        events=events_of_enrolment(session, enrolment_id=enrolment.id, patient_id=patient.id),
    )


def _masked(app: AppContext, patient: Patient) -> dict[str, str]:
    person = patients.read_patient(patient, app.keyring)
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


def evidence_of_message(
    session: Session, app: AppContext, patient: Patient, rows: Sequence[Message]
) -> tuple[EvidenceMessage, ...]:
    """Return messages with every attempt and receipt: five queries, however many there are."""
    attempts = evidence.attempts_of(session, [row.id for row in rows])
    flat = [attempt for each in attempts.values() for attempt in each]
    receipts = evidence.receipts_of(session, [attempt.id for attempt in flat])
    versions = evidence.versions_of(session, {attempt.content_version for attempt in flat})
    releases = facts_of(session, {each.release_id for each in flat if each.release_id})
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    return tuple(
        EvidenceMessage(
            view=view,
            row=row,
            tries=tuple(
                _try(
                    attempt,
                    sealer,
                    version=versions.get(attempt.content_version),
                    receipts=tuple(receipts.get(attempt.id, ())),
                    release=releases.get(attempt.release_id) if attempt.release_id else None,
                )
                for attempt in attempts.get(row.id, ())
            ),
        )
        for row, view in zip(rows, message_views(session, app, rows), strict=True)
    )


def _try(
    attempt: Attempt,
    sealer: Sealer | None,
    *,
    version: ContentVersion | None,
    receipts: tuple[Receipt, ...],
    release: ReleaseFacts | None,
) -> EvidenceAttempt:
    def opened(name: str) -> str | None:
        sealed: bytes | None = getattr(attempt, f"{name}_sealed")
        if sealer is None:
            return None
        return sealer.open_if(sealed, column=f"attempts.{name}", row=attempt.id)

    to = opened("address")
    return EvidenceAttempt(
        attempt=attempt,
        to=None if to is None else mask_email(to) if "@" in to else mask_mobile(to),
        text=opened("body"),
        subject=opened("subject"),
        version=version,
        receipts=receipts,
        release=release,
    )


def evidence_json(dossier: EnrolmentEvidence) -> dict[str, Any]:
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


def _try_json(each: EvidenceAttempt) -> dict[str, Any]:
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
        "release": _release_json(each.release),
        "receipts": [
            {
                "status": receipt.status,
                "code": receipt.code or None,
                "received_at": utc_text(receipt.received_at),
            }
            for receipt in each.receipts
        ],
    }


def _release_json(release: ReleaseFacts | None) -> dict[str, Any] | None:
    if release is None:
        return None
    return {
        "digest": release.digest,
        "signed_by": release.author,
        "signed_at": utc_text(release.signed_at),
        "approved_by": release.approver,
        "approved_at": utc_text(release.approved_at),
        "source": release.source,
        "review_due": release.review_due.isoformat(),
        "withdrawn_at": utc_text(release.withdrawn_at) if release.withdrawn_at else None,
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
