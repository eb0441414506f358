"""Missed steps: advice whose window was over, or had no sending hour, at enrolment.

Whoever enrols sees it in the timeline. Where the step says that a person is to ring for what was
missed, that is asked as for a message that expired later: nobody has to remember it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import aliased

from followup.context import UnitOfWork
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.domain.protocols.protocol import Missed
from followup.domain.protocols.timeline import PlannedMessage
from followup.domain.reasons import Reason
from followup.enrolment.message_rows import STATE_OF_FATE, TimelineRows
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.worklist.items import NewItem, open_item

MISSED_STEP_URGENCY = 3
"""A day's work: the patient has just been seen, and a list of many may have been brought in."""


def ask_to_call(unit: UnitOfWork, timelines: Iterable[TimelineRows]) -> None:
    """Ask a person about what the first timelines of enrolments, just written, could not hold."""
    concerned = [
        timeline.enrolment.id
        for timeline in timelines
        if any(_is_missed(planned) for planned in timeline.messages)
    ]
    if not concerned:
        return
    missed = unit.session.scalars(
        select(Message)
        .where(
            Message.enrolment_id.in_(concerned),
            Message.state == State.EXPIRED.value,
            Message.missed == Missed.PERSON.value,
        )
        .order_by(Message.id)
    ).all()
    ask_to_call_about(unit, missed)


def ask_to_call_about(unit: UnitOfWork, missed: Iterable[Message]) -> None:
    """Ask a person to ring about messages that came too late to be sent."""
    for message in missed:
        task = NewItem.of_message(
            message, kind=ItemKind.MISSED, cause=message.reason or Reason.ALREADY_PAST
        )
        open_item(unit, replace(task, urgency=MISSED_STEP_URGENCY))


def newly_missed(unit: UnitOfWork, enrolment: Enrolment) -> Sequence[Message]:
    """Return what the timeline comes too late for, and no timeline before it was too late for."""
    earlier = aliased(Message)
    told_before = (
        select(earlier.id)
        .where(
            earlier.enrolment_id == enrolment.id,
            earlier.generation < enrolment.generation,
            earlier.step == Message.step,
            earlier.occurrence == Message.occurrence,
            earlier.state == State.EXPIRED.value,
        )
        .exists()
    )
    return unit.session.scalars(
        select(Message)
        .where(
            Message.enrolment_id == enrolment.id,
            Message.generation == enrolment.generation,
            Message.state == State.EXPIRED.value,
            Message.missed == Missed.PERSON.value,
            ~told_before,
        )
        .order_by(Message.id)
    ).all()


def _is_missed(planned: PlannedMessage) -> bool:
    return planned.step.missed is Missed.PERSON and STATE_OF_FATE[planned.fate] is State.EXPIRED
