"""Message rows of a dated timeline: the first generation and every later one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.protocols.protocol import Itself, Protocol, Step
from followup.domain.protocols.timeline import Fate, PlannedMessage
from followup.domain.reasons import Reason
from followup.store.audit_log import AuditContext
from followup.store.closed_days import CLOSED_AFTER, reopen_days
from followup.store.engine.bulk import insert_many, insert_tuples
from followup.store.engine.types import new_ids
from followup.store.engine.upsert import insert_new
from followup.store.models.enrolments import Enrolment, Generation, ProtocolVersion
from followup.store.models.messages import Message

STATE_OF_FATE = {
    Fate.PLANNED: State.PLANNED,
    Fate.PAST: State.EXPIRED,
    Fate.NO_ROOM: State.EXPIRED,
    Fate.NEWER_PROCEDURE: State.CANCELLED,
}

MessageRow: TypeAlias = tuple[Any, ...]
"""The values of `COLUMNS` for one message."""
COLUMNS = (
    *("id", "clinic", "patient_id", "enrolment_id", "generation", "protocol", "zone"),
    *("step", "occurrences", "template", "channel", "priority", "missed"),
    *("may_fall_back", "receipt_wait", "answer_wait"),
    *("occurrence", "due_at", "not_before", "not_after", "moved_because"),
    *("state", "reason", "claimable_at"),
)
"""What is a message's own, its patient's, or its step's."""


def channel_for(step: Step, reachable: Collection[ChannelKind]) -> ChannelKind | None:
    """Return the channel that a step prefers among those the patient can be reached by."""
    return next((channel for channel in step.channels if channel in reachable), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRows:
    """A dated timeline of an enrolment, and the channels that reach its patient."""

    enrolment: Enrolment
    protocol: Protocol
    messages: Sequence[PlannedMessage]
    reachable: Collection[ChannelKind]


def add_generation(
    unit: UnitOfWork,
    enrolment: Enrolment,
    *,
    protocol: Protocol,
    timeline: Sequence[PlannedMessage],
    reachable: Collection[ChannelKind],
) -> None:
    """Write the messages of the enrolment's current generation, and the ledger of how many."""
    one = TimelineRows(
        enrolment=enrolment, protocol=protocol, messages=timeline, reachable=reachable
    )
    add_generations(unit, [one])


def add_generations(
    unit: UnitOfWork, timelines: Sequence[TimelineRows], rows: Sequence[MessageRow] | None = None
) -> None:
    """Write the current generation of several enrolments, in as many statements as for one.

    `rows` are their messages, where `MessageRows` made them before.
    """
    for protocol in {each.protocol.version: each.protocol for each in timelines}.values():
        _remember(unit, protocol)
    if rows is None:
        make = MessageRows(unit.app)
        rows = [row for each in timelines for row in make.of(each, by=unit.by)]
    insert_many(unit.session, Generation, [_generation(each, by=unit.by) for each in timelines])
    insert_tuples(unit.session, Message, COLUMNS, rows, alike=_of_all(unit.by))
    closed = unit.by.at - CLOSED_AFTER
    due = (planned.due_at for each in timelines for planned in each.messages)
    if past := [at for at in due if at < closed]:
        reopen_days(unit.session, past, at_real=unit.by.real_at)


class MessageRows:
    """Makes the rows of messages, which takes no database; keeps what patients have alike."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._of_steps = cache(_of_steps)

    def of(self, timeline: TimelineRows, *, by: AuditContext) -> list[MessageRow]:
        """Return the rows of a timeline."""
        reachable = frozenset(timeline.reachable)
        two_way = _is_two_way(self._app, timeline.enrolment)
        of_steps = self._of_steps(Itself(timeline.protocol), reachable, two_way=two_way)
        return _rows(timeline, of_steps, reachable=reachable, by=by)


def _generation(timeline: TimelineRows, *, by: AuditContext) -> dict[str, object]:
    enrolment = timeline.enrolment
    return {
        "enrolment_id": enrolment.id,
        "number": enrolment.generation,
        "procedure_at": enrolment.procedure_at,
        "protocol_version": timeline.protocol.version,
        "planned": len(timeline.messages),
        "created_at": by.at,
        "created_by": by.actor,
    }


def _is_two_way(app: AppContext, enrolment: Enrolment) -> bool:
    clinic = app.catalogue.clinics.get(enrolment.clinic)
    return clinic is not None and clinic.two_way


def answer_wait(step: Step, channel: ChannelKind | None, *, two_way: bool) -> int | None:
    """Return how many seconds a message waits for its answer; None for one that asks nothing.

    Only a text can be answered, and only where it comes from a number that takes answers.
    """
    if step.reply_within is None or channel is not ChannelKind.SMS or not two_way:
        return None
    return int(step.reply_within.total_seconds())


def _of_all(by: AuditContext) -> dict[str, Any]:
    return {
        "kind": MessageKind.ADVICE.value,
        "superseded": False,
        "state_since": by.at,
        "state_since_real": by.real_at,
        "attempt_count": 0,
        "created_at": by.at,
    }


def _rows(
    timeline: TimelineRows,
    of_step: Mapping[str, tuple[Any, ...]],
    *,
    reachable: frozenset[ChannelKind],
    by: AuditContext,
) -> list[MessageRow]:
    enrolment = timeline.enrolment
    of_patient = (
        enrolment.clinic,
        enrolment.patient_id,
        enrolment.id,
        enrolment.generation,
        enrolment.protocol,
        enrolment.zone,
    )
    ids = new_ids(by.real_at, len(timeline.messages))
    return [
        (
            id_,
            *of_patient,
            *of_step[planned.step.key],
            planned.occurrence,
            planned.due_at,
            planned.not_before,
            planned.not_after,
            [why.value for why in planned.moved_because] or None,
            *_state_of(planned, reachable),
            planned.due_at,
        )
        for id_, planned in zip(ids, timeline.messages, strict=True)
    ]


def _state_of(planned: PlannedMessage, reachable: frozenset[ChannelKind]) -> tuple[str, str | None]:
    if planned.fate is not Fate.PLANNED:
        return STATE_OF_FATE[planned.fate].value, planned.fate.value
    if reachable.isdisjoint(planned.step.channels):
        return State.SUPPRESSED.value, Reason.NO_CHANNEL.value
    return State.PLANNED.value, None


def _of_steps(
    protocol: Itself, reachable: frozenset[ChannelKind], *, two_way: bool
) -> dict[str, tuple[Any, ...]]:
    """Return what all messages of a step have alike whose patients are reached by the same."""
    steps = protocol.protocol.steps
    return {step.key: _of_step(step, reachable, two_way=two_way) for step in steps}


def _of_step(step: Step, reachable: frozenset[ChannelKind], *, two_way: bool) -> tuple[Any, ...]:
    channel = channel_for(step, reachable)
    others = [other for other in step.channels if other in reachable and other is not channel]
    return (
        step.key,
        len(step.occurrences),
        step.template,
        (channel or step.channels[0]).value,
        step.priority,
        step.missed.value,
        step.fallback and bool(others),
        int(step.receipt_deadline.total_seconds()),
        answer_wait(step, channel, two_way=two_way),
    )


def _remember(unit: UnitOfWork, protocol: Protocol) -> None:
    """Keep the protocol's definition the first time that something is planned by this version."""
    known = unit.session.scalar(
        select(ProtocolVersion.id).where(ProtocolVersion.id == protocol.version)
    )
    if known is None:
        insert_new(
            unit.session,
            ProtocolVersion,
            {
                "id": protocol.version,
                "protocol": protocol.key,
                "definition": unit.app.catalogue.definition(protocol.key),
                "first_used_at": unit.by.at,
            },
        )
