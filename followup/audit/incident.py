"""Incident record: everything about one enrolment or message, with the verifier's answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.audit.damaged_rows import tells_damage
from followup.audit.enrolment_evidence import (
    EnrolmentEvidence,
    compile_enrolment_evidence,
    evidence_json,
)
from followup.audit.evidence_pack import evidence_pack
from followup.audit.tree import trail_signer
from followup.audit.verify import TrailVerdict, verify_trail
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import NotFound, TrailDamaged
from followup.enrolment.queries import find_enrolment, patient_of
from followup.messages.history import find_message
from followup.messages.view import utc_text
from followup.patients import history
from followup.store.audit_log import AuditEntry, record_event
from followup.store.encryption.columns import CALL_NOTE_COLUMN
from followup.store.models.enrolments import Enrolment, ProtocolVersion
from followup.store.models.messages import ContentVersion, InboundMessage
from followup.store.models.patients import Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReply:
    """A text of the patient's own: how it was sorted, and its words unless these were erased."""

    at: datetime
    classes: Sequence[str]
    sorted_by: str
    text: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCall:
    """A call that staff noted."""

    at: datetime
    outcome: str
    made_by: str
    note: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """All that is kept about an event. `message` is the one that it is about, if it is about one.

    The patient is named in masked form only, and no other patient at all: a text from a number that
    several share belongs to none of them, and is left out. `pack` proves the events by themselves;
    it is None where one of them is not as it was signed.
    """

    evidence: EnrolmentEvidence
    message: UUID | None
    made_at: datetime
    replies: Sequence[IncidentReply]
    calls: Sequence[IncidentCall]
    protocol: Mapping[str, Any]
    words: Mapping[str, Mapping[str, Any]]
    verdict: TrailVerdict
    public_key: str
    pack: bytes | None


def compile_incident(
    app: AppContext, *, actor: str, enrolment: str | None = None, message: UUID | None = None
) -> Incident:
    """Return all about an enrolment, by id or reference, or about that of a message.

    Raises `NotFound` where there is none. That it was exported, and by whom, is kept in the trail.
    """
    verdict = verify_trail(app)
    return app.transact(
        actor, lambda unit: _compile(unit, verdict, enrolment=enrolment, message=message)
    )


@tells_damage
def _compile(
    unit: UnitOfWork, verdict: TrailVerdict, *, enrolment: str | None, message: UUID | None
) -> Incident:
    session, app = unit.session, unit.app
    found = _enrolment_of(session, message) if message else find_enrolment(session, enrolment or "")
    patient = patient_of(session, found)
    evidence = compile_enrolment_evidence(session, app, found)
    protocol = session.get(ProtocolVersion, found.protocol_version)
    incident = Incident(
        evidence=evidence,
        message=message,
        made_at=app.clock.now(),
        replies=tuple(_replies(session, app, patient)),
        calls=tuple(_calls(session, app, patient)),
        protocol=protocol.definition if protocol else {},
        words=_words(session, evidence),
        verdict=verdict,
        public_key=str(trail_signer(app).key),
        pack=_pack(session, app, evidence),
    )
    record_event(
        session,
        unit.by,
        AuditEntry(
            action="patient.incident-exported",
            clinic=found.clinic,
            patient_id=patient.id,
            enrolment_id=found.id,
            message_id=message,
        ),
    )
    return incident


def _pack(session: Session, app: AppContext, evidence: EnrolmentEvidence) -> bytes | None:
    try:
        return evidence_pack(session, app, evidence.events, report={}, named=True)
    except TrailDamaged:
        return None


def _enrolment_of(session: Session, message: UUID) -> Enrolment:
    row = find_message(session, message)
    if row is None:
        raise NotFound(f"there is no message {message}: give its whole id")
    if row.enrolment_id is None:
        raise NotFound(f"message {message} belongs to no enrolment: give the enrolment it is about")
    return session.get_one(Enrolment, row.enrolment_id)


def _replies(session: Session, app: AppContext, patient: Patient) -> list[IncidentReply]:
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    own = select(InboundMessage).where(InboundMessage.patient_id == patient.id)
    return [
        IncidentReply(
            at=text.received_at,
            classes=text.classes,
            sorted_by=text.sorted_by,
            text=sealer.open_if(text.body_sealed, column="inbound_messages.body", row=text.id)
            if sealer is not None
            else None,
        )
        for text in session.scalars(own.order_by(InboundMessage.received_at, InboundMessage.id))
    ]


def _calls(session: Session, app: AppContext, patient: Patient) -> list[IncidentCall]:
    sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    return [
        IncidentCall(
            at=call.at,
            outcome=call.outcome,
            made_by=call.made_by,
            note=sealer.open_if(call.note_sealed, column=CALL_NOTE_COLUMN) if sealer else None,
        )
        for call in history.calls_of(session, patient.id)
    ]


def _words(session: Session, evidence: EnrolmentEvidence) -> dict[str, dict[str, Any]]:
    """Return the template of every text that was sent, exactly as it stood then."""
    used = {each.attempt.content_version for told in evidence.told for each in told.tries}
    versions = session.scalars(select(ContentVersion).where(ContentVersion.id.in_(used)))
    return {
        version.id: {
            "template": version.template,
            "language": version.language,
            "channel": version.channel,
            "approval": version.approval,
            "sources": version.sources,
        }
        for version in versions
    }


def incident_json(incident: Incident) -> dict[str, Any]:
    """Return an incident as JSON values, but for the enrolment's own fields and the words."""
    return {
        "made_at": utc_text(incident.made_at),
        "about_message": str(incident.message) if incident.message else None,
        **evidence_json(incident.evidence),
        "replies": [
            {
                "at": utc_text(reply.at),
                "classes": list(reply.classes),
                "sorted_by": reply.sorted_by,
                "text": reply.text,
            }
            for reply in incident.replies
        ],
        "calls": [
            {
                "at": utc_text(call.at),
                "outcome": call.outcome,
                "made_by": call.made_by,
                "note": call.note,
            }
            for call in incident.calls
        ],
    }
