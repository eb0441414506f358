"""Preview of a merge: what would be sent, what falls away, and what each record knows.

It is no second reckoning: the merge itself is carried out, looked at, and rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.consent.in_force import ObjectionsInForce, addresses_of
from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import UNSENT_STATES, State
from followup.domain.merging.doubles import Double
from followup.domain.merging.facts import Decisions, MergedFacts, Question, Side
from followup.domain.reasons import Reason
from followup.merging.before import Before
from followup.merging.both_records import find_both, must_be_mergeable, must_be_two
from followup.merging.merge import Joined, MergeRequest, join_records
from followup.patients import history
from followup.patients.records import Person, open_objections
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import EnrolmentDraft, FeedVisit
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient
from followup.store.models.worklist import WorklistItem


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One of the two records as it stands."""

    side: Side
    patient: Patient
    person: Person
    enrolments: Sequence[Enrolment]
    objections: Sequence[Objection]
    items: Sequence[WorklistItem]
    texts: int
    drafts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineLine:
    """A message as it would stand after the merge; `reason` is why it would not be sent.

    `falls_away` is one that would have been sent but for the merge.
    """

    due_at: datetime
    enrolment_id: UUID
    step: str
    occurrence: int
    template: str
    channel: str
    side: Side
    reason: str | None
    falls_away: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MergePreview:
    """What a merge would come to. `timeline` is of what has not been sent yet, in order."""

    survivor: RecordView
    duplicate: RecordView
    facts: MergedFacts
    questions: tuple[Question, ...]
    doubles: tuple[Double, ...]
    timeline: tuple[TimelineLine, ...]
    received: int

    @property
    def to_come(self) -> int:
        """How many messages would still be sent."""
        return sum(line.reason is None for line in self.timeline)

    @property
    def falling_away(self) -> int:
        """How many would be sent but for the merge."""
        return sum(line.falls_away for line in self.timeline)


class _Seen(Exception):
    """What was seen of a merge that is to be rolled back."""

    def __init__(self, joined: Joined, timeline: tuple[TimelineLine, ...], received: int) -> None:
        self.joined, self.timeline, self.received = joined, timeline, received


def preview_merge(
    app: AppContext, survivor_id: UUID, duplicate_id: UUID, *, decisions: Decisions, actor: str
) -> MergePreview:
    """Return what a merge would come to, and change nothing.

    Raises `Conflict` for records that can't be merged.
    """
    must_be_two(survivor_id, duplicate_id)
    with app.store.read() as session:
        both = find_both(session, app, survivor_id, duplicate_id)
        must_be_mergeable(both)
        survivor = _view(session, Side.SURVIVOR, both.survivor, both.survivor_person)
        duplicate = _view(session, Side.DUPLICATE, both.duplicate, both.duplicate_person)
    sides = {each.id: view.side for view in (survivor, duplicate) for each in view.enrolments}
    request = MergeRequest(survivor_id=survivor_id, duplicate_id=duplicate_id, decisions=decisions)
    seen = _try(app, request, sides, actor=actor)
    return MergePreview(
        survivor=survivor,
        duplicate=duplicate,
        facts=seen.joined.facts,
        questions=seen.joined.questions,
        doubles=seen.joined.doubles,
        timeline=seen.timeline,
        received=seen.received,
    )


def _try(
    app: AppContext, request: MergeRequest, sides: Mapping[UUID, Side], *, actor: str
) -> _Seen:
    def work(unit: UnitOfWork) -> None:
        joined = join_records(unit, request, tries=True)
        rows = history.messages_of(unit.session, request.survivor_id)
        timeline = _timeline(unit.session, request.survivor_id, joined.before, sides)
        raise _Seen(joined, timeline, sum(row.sent_at is not None for row in rows))

    try:
        app.transact(actor, work)
    except _Seen as seen:
        return seen
    raise AssertionError


def _view(session: Session, side: Side, patient: Patient, person: Person) -> RecordView:
    people = (
        select(FeedVisit.person_id)
        .join(Enrolment, Enrolment.id == FeedVisit.enrolment_id)
        .where(Enrolment.patient_id == patient.id)
    )
    drafts = session.scalar(
        select(func.count(EnrolmentDraft.id))
        .join(FeedVisit, FeedVisit.id == EnrolmentDraft.visit_id)
        .where(EnrolmentDraft.state == "waiting", FeedVisit.person_id.in_(people))
    )
    return RecordView(
        side=side,
        patient=patient,
        person=person,
        enrolments=history.enrolments_of(session, patient.id),
        objections=history.objections_of(session, patient),
        items=history.items_of(session, patient.id),
        texts=len(history.texts_of(session, patient)),
        drafts=drafts or 0,
    )


def _timeline(
    session: Session, survivor_id: UUID, before: Before, sides: Mapping[UUID, Side]
) -> tuple[TimelineLine, ...]:
    """Return what is not sent yet after the merge, and what was not before it."""
    rows = session.scalars(
        select(Message)
        .where(
            Message.patient_id == survivor_id,
            Message.enrolment_id.is_not(None),
            Message.state.in_([state.value for state in UNSENT_STATES])
            | Message.id.in_([UUID(id_) for id_ in before.messages]),
        )
        .order_by(Message.due_at, Message.id)
        .execution_options(populate_existing=True)
    ).all()
    patient = session.get_one(Patient, survivor_id)
    objections = _objections(session, patient)
    lines = []
    for row in rows:
        unsent = State(row.state) in UNSENT_STATES
        reason = _unwanted(objections, patient, row) if unsent else row.reason
        assert row.enrolment_id is not None  # noqa: S101 - the query says so
        lines.append(
            TimelineLine(
                due_at=row.due_at,
                enrolment_id=row.enrolment_id,
                step=row.step,
                occurrence=row.occurrence,
                template=row.template,
                channel=row.channel,
                side=sides[row.enrolment_id],
                reason=reason,
                falls_away=not unsent and str(row.id) in before.messages,
            )
        )
    return tuple(lines)


def _objections(session: Session, patient: Patient) -> ObjectionsInForce:
    indexes = [index for index in addresses_of(patient).values() if index is not None]
    return ObjectionsInForce(
        open_objections(session, patient_ids=[patient.id], contact_indexes=indexes)
    )


def _unwanted(objections: ObjectionsInForce, patient: Patient, message: Message) -> str | None:
    """Return why a message will not go although it is planned; None where it will."""
    found = objections.against(
        [ChannelKind(message.channel)], patient_id=patient.id, addresses=addresses_of(patient)
    )
    if found is None:
        return None
    return (Reason.OBJECTION if found.channel is None else Reason.OBJECTION_TO_CHANNEL).value
