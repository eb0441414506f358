"""Draft enrolments: what a feed does not say, a person answers before anything goes out."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import product
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session

from followup.content.handbook import ContentContext
from followup.context import AppContext, UnitOfWork
from followup.domain.clinics.clinic import Clinic
from followup.domain.errors import AlreadyEnrolled, Conflict, NotFound
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.item_kind import ItemKind
from followup.domain.item_outcome import ItemOutcome
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.timeline import Fate, plan_timeline
from followup.domain.protocols.timing import Procedure
from followup.enrolment.enrol import EnrolmentRequest, check_request
from followup.enrolment.enrol_or_update import enrol_or_update_in
from followup.patients.records import Person
from followup.store.audit_log import AuditEntry, record_event
from followup.store.encryption.sealing import Sealer
from followup.store.engine.types import new_id
from followup.store.models.feeds import EnrolmentDraft, FeedVisit
from followup.store.models.worklist import WorklistItem
from followup.worklist.items import NewItem, close_item_in, open_item

COLUMN = "enrolment_drafts.content"
IDENTITY, REACH = "patient.identity", "patient.reach"
ATTRIBUTES = "attributes."
MOST_QUESTIONS = 6
INCOMPLETE = "incomplete"


class DraftState(StrEnum):
    """What became of a draft."""

    WAITING = "waiting"
    COMPLETED = "completed"
    WITHDRAWN = "withdrawn"
    """The feed took it back, or said by itself what was missing."""
    DISMISSED = "dismissed"
    """A person decided that nobody is to be enrolled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftContent:
    """What is known of an enrolment that waits. `other_number` may not be the patient's mobile."""

    clinic: str
    protocol: str
    reference: str
    procedure_at: datetime
    person: Person
    answers: Mapping[str, bool] = field(default_factory=dict)
    other_number: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingDraft:
    """A draft that waits for a person."""

    id: UUID
    content: DraftContent
    missing: Sequence[str]
    deadline: datetime
    item_id: UUID | None


def missing_from(protocol: Protocol, content: DraftContent) -> list[str]:
    """Return what must be answered before this can be enrolled."""
    person = content.person
    missing = [
        f"{ATTRIBUTES}{attribute.key}"
        for attribute in protocol.needed_attributes()
        if attribute.key not in content.answers
    ]
    if person.nhs_number is None and (person.name is None or person.date_of_birth is None):
        missing.append(IDENTITY)
    if person.mobile is None and person.email is None:
        missing.append(REACH)
    return missing


def deadline_of(
    app: ContentContext, clinic: Clinic, protocol: Protocol, content: DraftContent
) -> datetime:
    """Return when the first message would be missed, whatever the answers turn out to be.

    Where nothing can be sent any more, that is now.
    """
    now = app.clock.now()
    open_ones = [
        each.key for each in protocol.needed_attributes() if each.key not in content.answers
    ]
    guesses = product((True, False), repeat=min(len(open_ones), MOST_QUESTIONS))
    ends = [
        planned.not_after
        for guess in guesses
        for planned in plan_timeline(
            protocol,
            Procedure(at=content.procedure_at, zone=clinic.zone),
            attributes={
                **dict.fromkeys(open_ones, True),
                **dict(zip(open_ones, guess, strict=False)),
                **content.answers,
            },
            enrolled_at=now,
            hours=clinic.sending_hours,
        )
        if planned.fate is Fate.PLANNED
    ]
    return min(ends, default=now)


def open_draft(unit: UnitOfWork, content: DraftContent, *, visit_id: UUID | None) -> UUID:
    """Let an enrolment wait for a person; return the draft's id.

    Another draft of the same visit that waits takes on what this one says.
    """
    app = unit.app
    clinic = app.catalogue.clinics[content.clinic]
    protocol = app.catalogue.protocols[content.protocol]
    missing = missing_from(protocol, content)
    deadline = deadline_of(app, clinic, protocol, content)
    row = waiting_draft_of(unit.session, visit_id) if visit_id is not None else None
    is_new = row is None
    if row is None:
        draft_id = new_id(unit.by.real_at)
        row = EnrolmentDraft(
            id=draft_id,
            visit_id=visit_id,
            item_id=_ask(unit, draft_id, clinic=content.clinic, deadline=deadline),
            state=DraftState.WAITING.value,
            opened_at=unit.by.at,
        )
    row.clinic, row.protocol, row.reference = content.clinic, content.protocol, content.reference
    row.procedure_at, row.missing, row.deadline = content.procedure_at, missing, deadline
    row.content_sealed = _sealed(app.keyring.system, content, row.id)
    if is_new:
        unit.session.add(row)
        _note(unit, row, "draft.opened", clinic=content.clinic)
    item = unit.session.get(WorklistItem, row.item_id) if row.item_id else None
    if item is not None and item.state != "closed":
        item.due_at = deadline
        item.escalate_at = deadline if item.escalations == 0 else item.escalate_at
        item.clinic = content.clinic
    unit.session.flush()
    return row.id


def _ask(unit: UnitOfWork, draft_id: UUID, *, clinic: str, deadline: datetime) -> UUID:
    return open_item(
        unit,
        NewItem(
            subject=f"draft:{draft_id}",
            kind=ItemKind.DRAFT,
            clinic=clinic,
            cause=INCOMPLETE,
            more={"draft": str(draft_id)},
            due_at=deadline,
        ),
    )


def close_draft(
    unit: UnitOfWork, row: EnrolmentDraft, state: DraftState, *, enrolment_id: UUID | None = None
) -> None:
    """End a draft, with its item; what is known of it is deleted: the patient's row has it."""
    row.state, row.enrolment_id, row.content_sealed = state.value, enrolment_id, None
    row.closed_at, row.closed_by = unit.by.at, unit.by.actor
    item = unit.session.get(WorklistItem, row.item_id) if row.item_id else None
    if item is not None and item.state != "closed":
        completed = state is DraftState.COMPLETED
        outcome = ItemOutcome.DEALT_WITH if completed else ItemOutcome.NOT_NEEDED
        close_item_in(unit, item.id, outcome=outcome.value)
    _note(unit, row, f"draft.{state.value}", clinic=row.clinic)
    unit.session.flush()


def complete_draft(
    app: AppContext,
    draft_id: UUID,
    request: EnrolmentRequest,
    *,
    on_conflict: OnConflict,
    actor: str,
) -> UUID:
    """Enrol whom a draft is about and end the draft, in one transaction; return the enrolment.

    Who is enrolled already is not enrolled again, and a draft that has ended stays as it is. Raises
    what `enrol_or_update` does else.
    """
    checked = check_request(app, request)

    def work(unit: UnitOfWork) -> UUID:
        row = unit.session.get(EnrolmentDraft, draft_id, with_for_update=True)
        if row is None:
            raise NotFound("there is no such draft")
        try:
            made = enrol_or_update_in(unit, checked, on_conflict=on_conflict).enrolment_id
        except AlreadyEnrolled as error:
            # It is raised before anything is written.
            made = error.enrolment_id
        if row.state == DraftState.WAITING:
            close_draft(unit, row, DraftState.COMPLETED, enrolment_id=made)
            _link(unit, row, made)
        return made

    return app.transact(actor, work)


def dismiss_draft(app: AppContext, draft_id: UUID, *, actor: str) -> None:
    """Note that nobody is to be enrolled: the feed does not ask again about this visit."""

    def work(unit: UnitOfWork) -> None:
        row = unit.session.get(EnrolmentDraft, draft_id, with_for_update=True)
        if row is None or row.state != DraftState.WAITING:
            raise Conflict("this draft is closed already")
        close_draft(unit, row, DraftState.DISMISSED)

    app.transact(actor, work)


def _link(unit: UnitOfWork, row: EnrolmentDraft, enrolment_id: UUID) -> None:
    """Let the feed go on with the enrolment: what it moves and cancels from now on is this one."""
    visit = unit.session.get(FeedVisit, row.visit_id) if row.visit_id else None
    if visit is not None and visit.enrolment_id is None:
        visit.enrolment_id, visit.stopped, visit.applied_at = enrolment_id, False, row.procedure_at


def waiting_draft_of(session: Session, visit_id: UUID) -> EnrolmentDraft | None:
    """Return the draft of a visit that waits."""
    return session.scalar(
        select(EnrolmentDraft)
        .where(EnrolmentDraft.visit_id == visit_id, _waits())
        .with_for_update()
    )


def was_dismissed(session: Session, visit_id: UUID) -> bool:
    """Say whether a person decided that nobody is to be enrolled after this visit."""
    found = session.scalar(
        select(EnrolmentDraft.id)
        .where(
            EnrolmentDraft.visit_id == visit_id,
            EnrolmentDraft.state == DraftState.DISMISSED.value,
        )
        .limit(1)
    )
    return found is not None


def waiting_drafts(
    session: Session,
    app: AppContext,
    clinics: Collection[str] | None,
    *,
    between: tuple[datetime, datetime] | None = None,
    limit: int = 100,
) -> list[WaitingDraft]:
    """Return the drafts that wait, the next deadline first; those of procedures `between`."""
    at = EnrolmentDraft.procedure_at
    spans = [] if between is None else [at >= between[0], at < between[1]]
    rows = session.scalars(
        select(EnrolmentDraft)
        .where(_waits(), *_of(clinics), *spans)
        .order_by(EnrolmentDraft.deadline, EnrolmentDraft.id)
        .limit(limit)
    )
    return [_view(app, row) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftTally:
    """How many drafts wait, and until when the first of them must be completed."""

    count: int
    first: datetime | None


def draft_tally(session: Session, clinics: Collection[str] | None) -> DraftTally:
    """Return how many drafts wait for a person."""
    row = session.execute(
        select(func.count(), func.min(EnrolmentDraft.deadline)).where(_waits(), *_of(clinics))
    ).one()
    return DraftTally(count=row[0], first=row[1])


def find_draft(session: Session, app: AppContext, draft_id: UUID) -> WaitingDraft:
    """Return a draft that waits; raise `NotFound` for one that does not."""
    row = session.scalar(select(EnrolmentDraft).where(EnrolmentDraft.id == draft_id, _waits()))
    if row is None:
        raise NotFound("this enrolment waits for nobody any more: it was completed or taken back")
    return _view(app, row)


def _waits() -> ColumnElement[bool]:
    # Written out, as the partial index has it.
    return EnrolmentDraft.state == literal_column("'waiting'")


def _of(clinics: Collection[str] | None) -> list[ColumnElement[bool]]:
    return [] if clinics is None else [EnrolmentDraft.clinic.in_(clinics)]


def _sealed(sealer: Sealer, content: DraftContent, row: UUID) -> bytes:
    person = content.person
    born = person.date_of_birth
    data = {
        "name": person.name,
        "nhs_number": person.nhs_number,
        "date_of_birth": born.isoformat() if born else None,
        "mobile": person.mobile,
        "email": person.email,
        "language": person.language,
        "answers": dict(content.answers),
        "other_number": content.other_number,
    }
    return sealer.seal(json.dumps(data), column=COLUMN, row=row)


def _view(app: AppContext, row: EnrolmentDraft) -> WaitingDraft:
    text = app.keyring.system.open_if(row.content_sealed, column=COLUMN, row=row.id)
    data = json.loads(text or "{}")
    born = data.get("date_of_birth")
    return WaitingDraft(
        id=row.id,
        content=DraftContent(
            clinic=row.clinic,
            protocol=row.protocol,
            reference=row.reference,
            procedure_at=row.procedure_at,
            person=Person(
                name=data.get("name"),
                nhs_number=data.get("nhs_number"),
                date_of_birth=date.fromisoformat(born) if born else None,
                mobile=data.get("mobile"),
                email=data.get("email"),
                language=data.get("language", "en"),
            ),
            answers=data.get("answers", {}),
            other_number=data.get("other_number"),
        ),
        missing=row.missing,
        deadline=row.deadline,
        item_id=row.item_id,
    )


def _note(unit: UnitOfWork, row: EnrolmentDraft, action: str, *, clinic: str) -> None:
    record_event(
        unit.session,
        unit.by,
        AuditEntry(
            action=action,
            clinic=clinic,
            enrolment_id=row.enrolment_id,
            detail={"draft": str(row.id)},
        ),
    )
