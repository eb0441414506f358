"""Requests for erasure: proposed by one person, erased or refused by another, with a ground."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.erasure.grounds import ErasureDecision, ErasureGround, RefusalGround
from followup.domain.errors import Conflict, NotFound
from followup.erasure.erase import erase_patient
from followup.erasure.shred_list import keep_shred_list
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.models.patients import ErasureRequest, Patient
from followup.store.models.retention import RetentionReview

PROPOSED_EVENT, REFUSED_EVENT = "erasure.proposed", "erasure.refused"
ALREADY_ASKED = "a request to erase this patient waits already: decide that one"


def propose_erasure(
    app: AppContext, patient_id: UUID, *, ground: ErasureGround, actor: str
) -> UUID:
    """Ask for a patient's data to be erased, and return the request. Nothing is erased yet.

    Raises `NotFound` where there is no such patient, `Conflict` where they are erased or a request
    waits already.
    """
    try:
        return app.transact(actor, lambda unit: _propose(unit, patient_id, ground))
    except IntegrityError:
        raise Conflict(ALREADY_ASKED) from None


def _propose(unit: UnitOfWork, patient_id: UUID, ground: ErasureGround) -> UUID:
    patient = unit.session.get(Patient, patient_id, with_for_update={"key_share": True})
    if patient is None:
        raise NotFound(f"there is no patient {patient_id}")
    if patient.erased_at is not None:
        raise Conflict("this patient's data was erased already")
    if patient.merged_into is not None:
        raise Conflict(
            f"this record was merged into patient {patient.merged_into}: erase that one, and this "
            "one goes with it"
        )
    if waiting_request(unit.session, patient_id) is not None:
        raise Conflict(ALREADY_ASKED)
    request = ErasureRequest(
        id=new_id(unit.by.at),
        patient_id=patient.id,
        clinic=patient.clinic,
        ground=ground.value,
        proposed_at=unit.by.at,
        proposed_by=unit.by.actor,
    )
    unit.session.add(request)
    _note(unit, request, PROPOSED_EVENT, ground=ground.value)
    return request.id


def decide_erasure(
    app: AppContext,
    request_id: UUID,
    *,
    actor: str,
    refusal: RefusalGround | None = None,
) -> ErasureDecision:
    """Erase, or refuse with a ground. Whoever proposed it can't decide it.

    Raises `NotFound` where there is no such request, `Conflict` where it is decided or the actor
    proposed it.
    """
    decision = app.transact(actor, lambda unit: _decide(unit, request_id, refusal))
    if decision is ErasureDecision.ERASED:
        keep_shred_list(app)
        app.store.rewrite_file()
    return decision


def require_decidable(request: ErasureRequest, actor: str) -> None:
    """Require that a request waits, and that somebody else proposed it; raise `Conflict` if not."""
    if request.decided_at is not None:
        raise Conflict(f"this request was decided already: {request.decision}")
    if request.proposed_by == actor:
        raise Conflict("whoever proposed an erasure can't decide it: ask somebody else")


def _decide(unit: UnitOfWork, request_id: UUID, refusal: RefusalGround | None) -> ErasureDecision:
    request = unit.session.get(ErasureRequest, request_id, with_for_update=True)
    if request is None:
        raise NotFound(f"there is no request {request_id}; list them with: followup erasure list")
    require_decidable(request, unit.by.actor)
    if refusal is None and _is_held(unit.session, request.patient_id):
        raise Conflict(
            "this patient's record is on hold, and may not be destroyed: refuse, or have the hold "
            "lifted first (followup retention list)"
        )
    decision = ErasureDecision.REFUSED if refusal else ErasureDecision.ERASED
    request.decided_at, request.decided_by = unit.by.at, unit.by.actor
    request.decision, request.refusal = decision.value, refusal.value if refusal else None
    unit.session.flush()
    if refusal is not None:
        _note(unit, request, REFUSED_EVENT, ground=refusal.value)
    else:
        erase_patient(unit, request.patient_id, request_id=request.id)
    return decision


def erasure_requests(
    session: Session, *, clinics: Collection[str] | None = None, waiting: bool = False
) -> Sequence[ErasureRequest]:
    """Return requests, the oldest first: those of some clinics, those that wait for a decision."""
    query = select(ErasureRequest).order_by(ErasureRequest.proposed_at, ErasureRequest.id)
    if clinics is not None:
        query = query.where(ErasureRequest.clinic.in_(list(clinics)))
    if waiting:
        query = query.where(ErasureRequest.decided_at.is_(None))
    return session.scalars(query).all()


def waiting_request(session: Session, patient_id: UUID) -> ErasureRequest | None:
    """Return the request to erase a patient that nobody has decided yet."""
    return session.scalar(
        select(ErasureRequest).where(
            ErasureRequest.patient_id == patient_id, ErasureRequest.decided_at.is_(None)
        )
    )


def _is_held(session: Session, patient_id: UUID) -> bool:
    held = RetentionReview.patient_id == patient_id, RetentionReview.decision == "hold"
    query = select(RetentionReview.id).where(*held, RetentionReview.ended_at.is_(None))
    return session.scalar(query.limit(1)) is not None


def _note(unit: UnitOfWork, request: ErasureRequest, action: str, *, ground: str) -> None:
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action=action,
            clinic=request.clinic,
            patient_id=request.patient_id,
            detail={"request": str(request.id), "ground": ground},
        ),
    )
