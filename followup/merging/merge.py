"""Merge of two records of one person: one transaction, in which nothing of either is sent.

What belongs to the duplicate becomes the survivor's, sealed under the survivor's key. Of two
follow-ups of one procedure one goes on, a newer procedure ends an older follow-up, and no advice
goes twice to one person. Objections of both hold, and so does a death. What waits for a worker goes
back to be claimed, so that whoever sends reads the merged record; what is being sent goes on, and
its receipt finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.errors import InvalidInput, Problem
from followup.domain.lifecycle import State
from followup.domain.merging.doubles import Double, double_follow_ups
from followup.domain.merging.facts import Decisions, MergedFacts, Question, questions_about
from followup.domain.reasons import Reason
from followup.merging.answer_items import answer_items
from followup.merging.before import (
    Before,
    Columns,
    changed_columns,
    enrolments_as_they_are,
    patient_columns,
    states_of,
)
from followup.merging.both_records import (
    BothRecords,
    enrolments_of_both,
    facts_of,
    lock_both,
    must_be_mergeable,
    must_be_two,
)
from followup.merging.join_follow_ups import (
    end_double,
    end_older,
    follow_ups_of,
    heed_wishes,
    move_visits,
)
from followup.merging.merge_details import (
    point_to_survivor,
    remember_what_was_sent,
    write_facts,
)
from followup.merging.move_rows import move_rows, owned_by, rename_rows
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.message_state import lock_in, move_messages
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.merges import PatientMerge
from followup.store.models.messages import Message
from followup.wording.records.merging import QUESTIONS

LONGEST_REASON = 500
REASON_COLUMN = "patient_merges.reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeRequest:
    """Which record goes into which, why, and whose is right where the two contradict each other.

    With `later_contacts` the duplicate's contact details count, where neither record's are better:
    they were given later. `item_id` is the worklist item that asked for it, and is closed with it.
    """

    survivor_id: UUID
    duplicate_id: UUID
    reason: str = ""
    decisions: Decisions = field(default_factory=dict)
    later_contacts: bool = False
    item_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Two records made one: the facts that count, and the follow-ups that were double.

    `before` is how all stood that it changed; `questions` are what a person had to decide.
    """

    both: BothRecords
    facts: MergedFacts
    doubles: tuple[Double, ...]
    before: Before
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeResult:
    """What came of a merge: its id, by which it is undone, and what was made one."""

    merge_id: UUID
    joined: Joined


def merge_patients(app: AppContext, request: MergeRequest, *, actor: str) -> MergeResult:
    """Merge two records of one person.

    Raises `InvalidInput` without a reason or a decision that is needed, and `Conflict` for records
    that can't be merged: one record named twice, merged before, or the other way round.
    """
    return app.transact(actor, lambda unit: merge_in(unit, request))


def merge_in(unit: UnitOfWork, request: MergeRequest) -> MergeResult:
    """Do what `merge_patients` does within a transaction."""
    joined = join_records(unit, request)
    return MergeResult(merge_id=_record(unit, request, joined), joined=joined)


def join_records(unit: UnitOfWork, request: MergeRequest, *, tries: bool = False) -> Joined:
    """Make two records one, and write nothing down about it yet.

    With `tries` it is to be rolled back: what is yet to be decided counts as the survivor's, and
    what has no part in the timeline is left where it is.
    """
    must_be_two(request.survivor_id, request.duplicate_id)
    both = lock_both(unit, request.survivor_id, request.duplicate_id)
    must_be_mergeable(both)
    enrolments = enrolments_of_both(unit.session, both.ids)
    doubles = double_follow_ups(follow_ups_of(both, enrolments), decisions=request.decisions)
    questions = open_questions(both, doubles)
    if not tries:
        _must_be_decided(request, questions)
    claim_back(unit, both)
    kept = _Ledger(unit.session, both, enrolments)
    kept.items = answer_items(unit, both, item_id=request.item_id)
    for double in doubles:
        end_double(unit, double, {each.id: each for each in enrolments})
    kept.visits = move_visits(unit.session, doubles)
    remember_what_was_sent(unit, both, enrolments)
    kept.followers = point_to_survivor(unit, both, request.decisions)
    facts = write_facts(unit, both, request.decisions, later_contacts=request.later_contacts)
    if tries:
        rename_rows(unit.session, of=both.duplicate, to=both.survivor)
    else:
        kept.owned = owned_by(unit.session, both.duplicate.id)
        move_rows(unit.session, unit.app, kept.owned, of=both.duplicate, to=both.survivor)
    end_older(unit, both.survivor)
    heed_wishes(unit, both.survivor, died=facts.facts.deceased_at is not None)
    return Joined(
        both=both, facts=facts, doubles=doubles, before=kept.before(), questions=questions
    )


def open_questions(both: BothRecords, doubles: Sequence[Double]) -> tuple[Question, ...]:
    """Return what a person must decide before the two are merged."""
    found = questions_about(
        facts_of(both.survivor, both.survivor_person),
        facts_of(both.duplicate, both.duplicate_person),
    )
    differ = any(double.answers_differ for double in doubles)
    return (*found, Question.ANSWERS) if differ else found


class _Ledger:
    """How things stood, gathered while they are changed."""

    def __init__(
        self, session: Session, both: BothRecords, enrolments: Sequence[Enrolment]
    ) -> None:
        self._session = session
        self._both = both
        self._enrolments = enrolments_as_they_are(enrolments)
        self._states = states_of(session, both.ids)
        self._patients = patient_columns(both.survivor), patient_columns(both.duplicate)
        self.items: dict[str, Columns] = {}
        self.visits: dict[str, str] = {}
        self.followers: list[UUID] = []
        self.owned: dict[str, list[UUID]] = {}

    def before(self) -> Before:
        """Return how what has changed by now was before."""
        after = enrolments_as_they_are(enrolments_of_both(self._session, self._both.ids))
        states = states_of(self._session, self._both.ids)
        survivor, duplicate = self._patients
        return Before(
            owned={table: [str(id_) for id_ in ids] for table, ids in self.owned.items()},
            survivor=survivor,
            duplicate=duplicate,
            enrolments=changed_columns(self._enrolments, after),
            messages={
                str(id_): [state.value, reason, states[id_][0].value]
                for id_, (state, reason) in self._states.items()
                if states[id_][0] is not state
            },
            items=self.items,
            visits=self.visits,
            followers=[str(id_) for id_ in self.followers],
        )


def _must_be_decided(request: MergeRequest, questions: Sequence[Question]) -> None:
    problems = []
    if not request.reason.strip():
        problems.append(Problem("reason", "say how you know that this is one person"))
    if len(request.reason) > LONGEST_REASON:
        problems.append(Problem("reason", f"use at most {LONGEST_REASON} characters"))
    problems += [
        Problem(question.value, QUESTIONS[question].to_do)
        for question in questions
        if question not in request.decisions
    ]
    if problems:
        raise InvalidInput(*problems)


def claim_back(unit: UnitOfWork, both: BothRecords) -> None:
    """Take back what waits for a worker: it is claimed again, and all of it read anew."""
    claimed = lock_in(unit.session, [State.CLAIMED], Message.patient_id.in_(both.ids))
    move_messages(
        unit.session,
        unit.by,
        claimed[State.CLAIMED],
        expected=State.CLAIMED,
        to=State.PLANNED,
        reason=Reason.RECORDS_MERGED,
    )


def _record(unit: UnitOfWork, request: MergeRequest, joined: Joined) -> UUID:
    """Write the merge down, and tell of it: once for the patient, once for each enrolment."""
    session, both, before = unit.session, joined.both, joined.before
    survivor = both.survivor
    merge_id = new_id(unit.by.real_at)
    record_event(
        session,
        unit.by,
        *(
            AuditEntry(
                action="enrolment.corrected",
                clinic=survivor.clinic,
                patient_id=survivor.id,
                enrolment_id=enrolment_id,
                detail={"fields": ["patient"], "merge": str(merge_id)},
            )
            for enrolment_id in map(UUID, before.owned["enrolments"])
        ),
        AuditEntry(
            action="patient.merged",
            clinic=survivor.clinic,
            patient_id=both.duplicate.id,
            detail={
                "into": str(survivor.id),
                "merge": str(merge_id),
                "taken": sorted(joined.facts.taken),
                "decided": {
                    question.value: side.value for question, side in request.decisions.items()
                },
            },
        ),
    )
    sealer = unit.app.keyring.patient(survivor.data_key, survivor.master_key_id)
    session.add(
        PatientMerge(
            id=merge_id,
            clinic=survivor.clinic,
            survivor_id=survivor.id,
            duplicate_id=both.duplicate.id,
            reason_sealed=sealer.seal_if(request.reason.strip() or None, column=REASON_COLUMN)
            if sealer
            else None,
            before=before.as_json(),
            event_id=session.scalar(
                select(func.max(AuditEvent.id)).where(AuditEvent.patient_id.in_(both.ids))
            ),
            merged_at=unit.by.at,
            merged_real_at=unit.by.real_at,
            merged_by=unit.by.actor,
        )
    )
    session.flush()
    return merge_id
