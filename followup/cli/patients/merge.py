"""`followup merge-patients` and `unmerge-patients`: two records of one person."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.orm import Session

from followup.cli.framework.choices import among
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import Cell, Column, note, say, say_json, table
from followup.cli.framework.timeline_table import step_title
from followup.context import AppContext
from followup.domain.errors import NotFound
from followup.domain.merging.facts import Decisions, Question, Side
from followup.enrolment.queries import find_enrolment
from followup.merging.merge import MergeRequest
from followup.merging.merge import merge_patients as merge
from followup.merging.preview import MergePreview, TimelineLine, preview_merge
from followup.merging.undo import undo_merge
from followup.messages.view import utc_text
from followup.store.models.patients import Patient
from followup.wording.formats import count, day_and_time
from followup.wording.patients import field_text
from followup.wording.reasons import reason_text
from followup.wording.records.merging import QUESTIONS, SIDES

Record = Annotated[
    str,
    typer.Argument(
        help="An enrolment of the record (its id, the beginning of it, or its reference), or the "
        "patient's id.",
    ),
]
Right = typer.Option(
    metavar="SIDE", help="Which record is right where the two differ: survivor or duplicate."
)


def merge_patients(
    survivor: Record,
    duplicate: Record,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="How you know that this is one person.")
    ] = "",
    nhs_number: Annotated[str | None, Right] = None,
    date_of_birth: Annotated[str | None, Right] = None,
    answers: Annotated[str | None, Right] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be sent, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Merge two records of one patient.

    What belongs to the DUPLICATE continues under the SURVIVOR. No advice goes twice, objections of
    both are kept, and references of both lead to the same follow-up. It can be undone for a day.
    """
    given = {
        Question.NHS_NUMBER: nhs_number,
        Question.BIRTH_DATE: date_of_birth,
        Question.ANSWERS: answers,
    }
    decisions = {question: _side(text) for question, text in given.items() if text}
    with opened() as app:
        with app.store.read() as session:
            ids = _patient(session, survivor), _patient(session, duplicate)
        seen = preview_merge(app, *ids, decisions=decisions, actor=actor())
        merge_id = None if dry_run else _merge(app, *ids, reason=reason, decisions=decisions)
    if as_json:
        say_json(_as_json(seen, merge_id))
        return
    _show(seen)
    if merge_id is None:
        for question in seen.questions:
            if question not in decisions:
                note(f"To be decided: {QUESTIONS[question].label}")
        note("Nothing was changed. Without --dry-run, it would be.")
    else:
        note(f"Merged. Within a day it can be undone: followup unmerge-patients {merge_id}")


def unmerge_patients(
    merge_id: Annotated[str, typer.Argument(metavar="MERGE", help="The id that merging printed.")],
) -> None:
    """Undo a merge of two records, within a day.

    All that was moved goes back, and what is still useful is planned again for both. Refused, with
    the reason, where something has happened since that can't be taken apart.
    """
    try:
        wanted = UUID(merge_id)
    except ValueError:
        raise NotFound("there is no such merge: give the id that merging printed") from None
    with opened() as app:
        merged = undo_merge(app, wanted, actor=actor())
    say(f"The merge is undone: patients {merged.survivor_id} and {merged.duplicate_id} are two.")


def _side(text: str) -> Side:
    return among(Side, [text], option="which record is right")[0]


def _patient(session: Session, wanted: str) -> UUID:
    """Return the patient who is meant."""
    try:
        patient = session.get(Patient, UUID(wanted))
    except ValueError:
        patient = None
    return patient.id if patient else find_enrolment(session, wanted).patient_id


def _merge(
    app: AppContext, survivor: UUID, duplicate: UUID, *, reason: str, decisions: Decisions
) -> UUID:
    request = MergeRequest(
        survivor_id=survivor, duplicate_id=duplicate, reason=reason, decisions=decisions
    )
    return merge(app, request, actor=actor()).merge_id


def _show(seen: MergePreview) -> None:
    names = ("When", "Step", "How", "From", "Remarks")
    zones = {
        each.id: ZoneInfo(each.zone)
        for view in (seen.survivor, seen.duplicate)
        for each in view.enrolments
    }
    table([Column(name) for name in names], (_row(line, zones) for line in seen.timeline))
    say(
        f"{count(seen.to_come, 'message')} to come, {count(seen.falling_away, 'message')} "
        "not sent because of the merge."
    )
    for text in _facts(seen):
        say(text)


def _row(line: TimelineLine, zones: dict[UUID, ZoneInfo]) -> list[str | Cell]:
    remark = f"Not sent: {reason_text(line.reason, line.channel)}" if line.reason else ""
    return [
        day_and_time(line.due_at.astimezone(zones[line.enrolment_id])),
        step_title(line.step, line.occurrence),
        line.channel,
        SIDES[line.side],
        Cell(remark, "yellow" if line.falls_away else None),
    ]


def _facts(seen: MergePreview) -> Iterator[str]:
    if seen.facts.taken:
        names = ", ".join(map(field_text, sorted(seen.facts.taken)))
        yield f"Taken from the other record: {names}."
    if seen.duplicate.objections:
        yield "Objections of the other record are kept."


def _as_json(seen: MergePreview, merge_id: UUID | None) -> dict[str, Any]:
    return {
        "dry_run": merge_id is None,
        "merge": str(merge_id) if merge_id else None,
        "survivor": str(seen.survivor.patient.id),
        "duplicate": str(seen.duplicate.patient.id),
        "taken": sorted(seen.facts.taken),
        "to_decide": [question.value for question in seen.questions],
        "to_come": seen.to_come,
        "messages": [
            {
                "enrolment_id": str(line.enrolment_id),
                "step": line.step,
                "occurrence": line.occurrence,
                "channel": line.channel,
                "due_at": utc_text(line.due_at),
                "from": line.side.value,
                "reason": line.reason,
            }
            for line in seen.timeline
        ],
    }
