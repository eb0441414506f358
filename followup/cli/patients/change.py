"""`followup reschedule`, `pause`, `resume` and `withdraw`: what staff do to an enrolment later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import typer

from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Identifier, ProcedureAt
from followup.cli.framework.screen import Cell, Column, note, say, say_json, table
from followup.cli.framework.timeline_table import step_title
from followup.cli.patients.timeline import about
from followup.context import AppContext
from followup.domain.lifecycle import NEVER_SENT, ONGOING_STATES, EnrolmentState, State
from followup.domain.protocols.repetition import Key, RepetitionChoice, parse_keys
from followup.domain.protocols.timeline import PlannedMessage
from followup.domain.reasons import Reason
from followup.enrolment import reschedule as changes
from followup.enrolment.message_rows import STATE_OF_FATE
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.queries import find_enrolment, messages_of
from followup.enrolment.withdraw import withdraw_enrolment
from followup.intake.local_times import parse_procedure_time
from followup.messages.view import MessageView, message_views, utc_text
from followup.store.models.enrolments import Enrolment
from followup.wording.enrolments import enrolment_term
from followup.wording.formats import count, day_and_time, small
from followup.wording.outlooks import repetition_text
from followup.wording.reasons import moved_text, reason_text
from followup.wording.states import state_term


def reschedule(
    identifier: Identifier,
    *,
    procedure_at: ProcedureAt,
    again: Annotated[
        list[str] | None,
        typer.Option(
            "--again", metavar="STEP", help="Send this again, whatever the rule: red-flags:2."
        ),
    ] = None,
    not_again: Annotated[
        list[str] | None,
        typer.Option("--not-again", metavar="STEP", help="Do not send this again."),
    ] = None,
    correction: Annotated[
        bool,
        typer.Option(help="Tell the patient at once of advice that they have too early."),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Update the timeline for another procedure time.

    What is not sent yet is planned afresh. What was sent before the time that it belongs to now is
    sent again, and so is what was never confirmed as delivered; other advice that went out is not.
    A finished enrolment is active again where something is to come.
    """
    choice = RepetitionChoice(
        again=parse_keys(again or (), option="--again"),
        not_again=parse_keys(not_again or (), option="--not-again"),
        correction=correction,
    )
    with opened() as app:
        enrolment, before = _look(app, identifier)
        moment = parse_procedure_time(procedure_at, zone=ZoneInfo(enrolment.zone))
        if dry_run:
            changed = changes.preview_reschedule(app, enrolment.id, moment, choice=choice)
        else:
            changed = changes.reschedule(app, enrolment.id, moment, actor=actor(), choice=choice)
        now, after = _look(app, str(enrolment.id))
    if as_json:
        say_json(
            {
                **about(now),
                "dry_run": dry_run,
                "procedure_at_before": utc_text(enrolment.procedure_at),
                "procedure_at": utc_text(moment),
                **changed.told_of_before(ZoneInfo(enrolment.zone)),
                "messages": _planned(changed.timeline)
                if dry_run
                else [message.as_json() for message in after],
            }
        )
        return
    zone = ZoneInfo(enrolment.zone)
    say(f"Procedure before  {day_and_time(enrolment.procedure_at.astimezone(zone))}")
    say(f"Procedure now     {day_and_time(moment.astimezone(zone))}  ({zone.key})")
    say()
    _compare(before, changed, zone)
    if changed.correction:
        verb = "would be" if dry_run else "is"
        note(f"The patient has advice that is not for now, and {verb} told so at once.")
    if enrolment.state == EnrolmentState.FINISHED and now.state in ONGOING_STATES:
        note("The enrolment had finished. It is active again.")
    if dry_run:
        note("Nothing was changed. Without --dry-run, it would be.")


def pause(identifier: Identifier, *, as_json: AsJson = False) -> None:
    """Hold what one patient has not been sent yet.

    Windows go on running out: advice whose time is over by the time of `resume` is not sent late.
    """
    with opened() as app:
        enrolment, _ = _look(app, identifier)
        held = pause_enrolment(app, enrolment.id, actor=actor())
        _report(app, enrolment.id, held, State.HELD, as_json=as_json)


def resume(identifier: Identifier, *, as_json: AsJson = False) -> None:
    """Let the messages of a paused enrolment go again.

    One whose time came meanwhile goes at the next sending hour inside its window; one whose window
    is over is not sent.
    """
    with opened() as app:
        enrolment, _ = _look(app, identifier)
        planned = resume_enrolment(app, enrolment.id, actor=actor())
        _report(app, enrolment.id, planned, State.PLANNED, as_json=as_json)


def withdraw(
    identifier: Identifier,
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, in a few words: the audit trail keeps it.")
    ],
    deceased: Annotated[
        bool,
        typer.Option(
            "--deceased", help="The patient has died: every enrolment of theirs ends, for good."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End an enrolment and cancel what is not sent."""
    with opened() as app:
        enrolment, _ = _look(app, identifier)
        cancelled = withdraw_enrolment(
            app, enrolment.id, reason=reason, deceased=deceased, actor=actor()
        )
        _report(app, enrolment.id, cancelled, State.CANCELLED, as_json=as_json)


def _look(app: AppContext, identifier: str) -> tuple[Enrolment, list[MessageView]]:
    with app.store.read() as session:
        enrolment = find_enrolment(session, identifier)
        return enrolment, message_views(session, app, messages_of(session, enrolment))


def _report(
    app: AppContext, enrolment_id: UUID, number: int, done: State, *, as_json: bool
) -> None:
    enrolment, _ = _look(app, str(enrolment_id))
    if as_json:
        say_json({**about(enrolment), done.value: number})
        return
    state = small(enrolment_term(enrolment.state).label)
    told = small(state_term(done).label)
    say(f"Enrolment {enrolment.id} is {state}: {count(number, 'message')} {told}.")


def _compare(before: Sequence[MessageView], changed: changes.Rescheduled, zone: ZoneInfo) -> None:
    """Print each message with its time before and after."""
    old = {
        (message.step, message.occurrence): message
        for message in before
        if message.state not in NEVER_SENT or message.reason != Reason.RESCHEDULED
    }
    new = {(planned.step.key, planned.occurrence): planned for planned in changed.timeline}
    given = {key: repetition_text(each, zone) for key, each in changed.given.items()}
    columns = [Column("Step"), Column("Before"), Column("Now"), Column("Remarks")]
    table(columns, (_comparison(key, old, new, given) for key in dict.fromkeys([*new, *old])))


def _comparison(
    key: Key,
    old: Mapping[Key, MessageView],
    new: Mapping[Key, PlannedMessage],
    given: Mapping[Key, str],
) -> list[str | Cell]:
    was, will = old.get(key), new.get(key)
    name = step_title(*key)
    time_before = day_and_time(was.local) if was else "-"
    if will is None:
        remark = given.get(key) or (state_term(was.state).label if was else "")
        return [name, time_before, "-", Cell(remark, "dim")]
    state = STATE_OF_FATE[will.fate]
    lost = f"{state_term(state).label}: {reason_text(will.fate)}" if state in NEVER_SENT else ""
    told = [given.get(key), lost, moved_text(will.moved_because)]
    remarks = "; ".join(filter(None, told))
    return [name, time_before, day_and_time(will.local), Cell(remarks, "yellow" if lost else None)]


def _planned(timeline: Sequence[PlannedMessage]) -> list[dict[str, object]]:
    """Return what a dry run plans as JSON values: times and fate, not the words."""
    return [
        {
            "step": planned.step.key,
            "occurrence": planned.occurrence,
            "state": STATE_OF_FATE[planned.fate].value,
            "reason": planned.fate.value if STATE_OF_FATE[planned.fate] in NEVER_SENT else None,
            "due_at": utc_text(planned.due_at),
            "not_before": utc_text(planned.not_before),
            "not_after": utc_text(planned.not_after),
            "local": planned.local.isoformat(timespec="seconds"),
            "moved_because": [str(why) for why in planned.moved_because] or None,
        }
        for planned in timeline
    ]
