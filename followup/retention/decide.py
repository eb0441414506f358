"""Decisions on what may end: one person decides, another confirms that it is destroyed.

First a patient's record goes to the hospital's: exported, and acknowledged by its digest. What was
destroyed, and by whom it was decided and confirmed, stands in the trail for good.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.retention.classes import KeepGround, RecordClass, RetentionDecision
from followup.erasure.erase import erase_patient
from followup.erasure.shred_list import keep_shred_list
from followup.retention.due import destroy_batch, empty_staff, is_due
from followup.retention.propose import entry_of
from followup.store.audit_log import record_event
from followup.store.models.retention import RetentionReview
from followup.subject_access.record import Draw, RecordForm, export_record

EXPORTED, ACKNOWLEDGED = "retention.exported", "retention.acknowledged"
DECIDED, TAKEN_BACK = "retention.decided", "retention.taken-back"
LIFTED, DESTROYED = "retention.hold-lifted", "retention.destroyed"
"""The last one is the certificate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What somebody decided. Keeping and holding need a ground, keeping a day as well."""

    what: RetentionDecision
    ground: KeepGround | None = None
    until: date | None = None


def reviews(
    session: Session, *, clinics: Collection[str] | None = None, ended: bool = False
) -> Sequence[RetentionReview]:
    """Return reviews, the oldest first: of some clinics, and those that ended only if asked for."""
    query = select(RetentionReview).order_by(RetentionReview.proposed_at, RetentionReview.id)
    if clinics is not None:
        query = query.where(RetentionReview.clinic.in_(list(clinics)))
    if not ended:
        query = query.where(RetentionReview.ended_at.is_(None))
    return session.scalars(query).all()


def export_to_record(
    app: AppContext, review_id: UUID, *, form: RecordForm, draw: Draw, actor: str
) -> bytes:
    """Return a patient's whole record for the hospital's, and note its digest.

    Raises `Conflict` for a review that is about no one patient: there is nothing to hand over; and
    where restricted data is asked for as FHIR.
    """
    with app.store.read() as session:
        patient_id = _open(session, review_id).patient_id
    if patient_id is None:
        raise Conflict("this is about no one patient: there is nothing to export")
    content = export_record(app, patient_id, form=form, draw=draw, actor=actor)

    def note(unit: UnitOfWork) -> None:
        review = _open(unit.session, review_id, lock=True)
        review.export_digest = sha256(content).hexdigest()
        review.exported_at, review.exported_by = unit.by.at, unit.by.actor
        review.acknowledged_at = review.acknowledged_by = None
        told = {"form": form.value, "digest": review.export_digest}
        record_event(unit.session, unit.by, entry_of(review, EXPORTED, **told))

    app.transact(actor, note)
    return content


def acknowledge(app: AppContext, review_id: UUID, *, digest: str, actor: str) -> None:
    """Note that the hospital's record took what was exported, by the SHA-256 of what it took.

    Raises `Conflict` where nothing was exported, `InvalidInput` for another digest.
    """

    def work(unit: UnitOfWork) -> None:
        review = _open(unit.session, review_id, lock=True)
        if review.export_digest is None:
            raise Conflict("export it first")
        if digest.strip().lower() != review.export_digest:
            raise InvalidInput.of("digest", "this is not the SHA-256 of what was exported last")
        review.acknowledged_at, review.acknowledged_by = unit.by.at, unit.by.actor
        record_event(unit.session, unit.by, entry_of(review, ACKNOWLEDGED, digest=digest))

    app.transact(actor, work)


def decide(app: AppContext, review_id: UUID, decision: Decision, *, actor: str) -> None:
    """Decide on a proposal. Nothing is destroyed yet: a second person confirms that.

    Raises `Conflict` where it was decided, or a patient's record is not acknowledged;
    `InvalidInput` for a decision to keep without ground or day.
    """

    def work(unit: UnitOfWork) -> None:
        review = _open(unit.session, review_id, lock=True)
        if review.decision is not None:
            raise Conflict(f"this was decided already: {review.decision}")
        until = _checked(review, decision, now=unit.by.at)
        review.decision = decision.what.value
        review.ground = decision.ground.value if decision.ground else None
        review.keep_until = until
        review.decided_at, review.decided_by = unit.by.at, unit.by.actor
        told = {"decision": review.decision, "ground": review.ground}
        day = {"until": decision.until.isoformat()} if decision.until else {}
        record_event(unit.session, unit.by, entry_of(review, DECIDED, **told, **day))

    app.transact(actor, work)


def _checked(review: RetentionReview, decision: Decision, *, now: datetime) -> datetime | None:
    """Return until when it is kept, if until a day; raise what is wrong with a decision."""
    if decision.what is RetentionDecision.DESTROY:
        if review.record_class == RecordClass.AUDIT:
            raise Conflict(
                "the audit trail can't be shortened, as each event proves the others: keep it or "
                "hold it; it ends with the service, when its database and its keys are destroyed"
            )
        if review.record_class == RecordClass.FOLLOW_UP and review.acknowledged_at is None:
            raise Conflict(
                "first the hospital's record has to have it: export it, and acknowledge its digest"
            )
        return None
    if decision.ground is None:
        raise InvalidInput.of("ground", "say why it is kept longer")
    if decision.what is RetentionDecision.HOLD:
        return None
    if decision.until is None:
        raise InvalidInput.of("until", "say until which day it is kept")
    until = datetime(*decision.until.timetuple()[:3], tzinfo=ZoneInfo("UTC"))
    if until <= now:
        raise InvalidInput.of("until", "give a day to come")
    return until


def confirm(app: AppContext, review_id: UUID, *, actor: str) -> int:
    """Destroy what somebody else decided to destroy; return how many records that was.

    Raises `Conflict` where nobody decided so, or the actor did; and where a patient was seen again
    meanwhile, whose review ends with that.
    """
    destroyed = app.transact(actor, lambda unit: _confirm(unit, review_id))
    if destroyed is None:
        raise Conflict("the patient was seen again since: nothing is destroyed, the review ended")
    keep_shred_list(app)
    app.store.rewrite_file()
    return destroyed


def _confirm(unit: UnitOfWork, review_id: UUID) -> int | None:
    review = _open(unit.session, review_id, lock=True)
    if review.decision != RetentionDecision.DESTROY:
        raise Conflict("nobody decided to destroy this")
    if review.decided_by == unit.by.actor:
        raise Conflict("whoever decided can't confirm: ask somebody else")
    review.ended_at = unit.by.at
    if review.patient_id and not is_due(unit.session, review.patient_id, before=review.upto):
        record_event(unit.session, unit.by, entry_of(review, TAKEN_BACK))
        return None
    review.confirmed_at, review.confirmed_by = unit.by.at, unit.by.actor
    unit.session.flush()
    review.destroyed = _destroy(unit, review)
    told = {"destroyed": review.destroyed, "upto": review.upto.isoformat()}
    record_event(
        unit.session, unit.by, entry_of(review, DESTROYED, digest=review.export_digest, **told)
    )
    return review.destroyed


def _destroy(unit: UnitOfWork, review: RetentionReview) -> int:
    kind = RecordClass(review.record_class)
    if review.patient_id is not None:
        return int(erase_patient(unit, review.patient_id, request_id=review.id))
    if kind is RecordClass.STAFF:
        return empty_staff(unit.session, UUID(review.subject))
    return destroy_batch(unit.session, kind, review.subject, before=review.upto)


def take_back(app: AppContext, review_id: UUID, *, actor: str) -> None:
    """End a hold, or take back a decision that nobody confirmed: it is proposed again."""

    def work(unit: UnitOfWork) -> None:
        review = _open(unit.session, review_id, lock=True)
        if review.decision is None:
            raise Conflict("nobody decided on this yet")
        held = review.decision == RetentionDecision.HOLD
        review.ended_at = unit.by.at
        record_event(unit.session, unit.by, entry_of(review, LIFTED if held else TAKEN_BACK))

    app.transact(actor, work)


def _open(session: Session, review_id: UUID, *, lock: bool = False) -> RetentionReview:
    review = session.get(RetentionReview, review_id, with_for_update=lock or None)
    if review is None:
        raise NotFound(f"there is no review {review_id}; list them with: followup retention list")
    if review.ended_at is not None:
        raise Conflict("this review has ended")
    return review
