"""Message rows of a dated timeline: the first generation and every later one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.message_kind import MessageKind
from followup.domain.protocols.protocol import Protocol, Step
from followup.domain.protocols.timeline import Fate, PlannedMessage
from followup.domain.reasons import Reason
from followup.store.audit_log import AuditContext
from followup.store.closed_days import CLOSED_AFTER, reopen_days
from followup.store.engine.bulk import insert_many
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.enrolments import Enrolment, Generation, ProtocolVersion
from followup.store.models.messages import Message

STATE_OF_FATE = {
    Fate.PLANNED: State.PLANNED,
    Fate.PAST: State.EXPIRED,
    Fate.NO_ROOM: State.EXPIRED,
    Fate.NEWER_PROCEDURE: State.CANCELLED,
}


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


def add_generations(unit: UnitOfWork, timelines: Sequence[TimelineRows]) -> None:
    """Write the current generation of several enrolments, in as many statements as for one."""
    for protocol in {each.protocol.version: each.protocol for each in timelines}.values():
        _remember(unit, protocol)
    generations = [_generation(each, by=unit.by) for each in timelines]
    of_step = cache(_of_step)
    messages = [
        row
        for each in timelines
        for row in _rows(each, of_step, two_way=_is_two_way(unit.app, each.enrolment), by=unit.by)
    ]
    insert_many(unit.session, Generation, generations)
    insert_many(unit.session, Message, messages)
    closed = unit.by.at - CLOSED_AFTER
    if past := [row["due_at"] for row in messages if row["due_at"] < closed]:
        reopen_days(unit.session, past, at_real=unit.by.real_at)


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


def _rows(
    timeline: TimelineRows,
    of_step: Callable[[Step, frozenset[ChannelKind], bool], dict[str, Any]],
    *,
    two_way: bool,
    by: AuditContext,
) -> Iterator[dict[str, Any]]:
    enrolment, reachable = timeline.enrolment, frozenset(timeline.reachable)
    of_all = {
        "kind": MessageKind.ADVICE.value,
        "clinic": enrolment.clinic,
        "patient_id": enrolment.patient_id,
        "enrolment_id": enrolment.id,
        "generation": enrolment.generation,
        "protocol": enrolment.protocol,
        "superseded": False,
        "zone": enrolment.zone,
        "state_since": by.at,
        "state_since_real": by.real_at,
        "attempt_count": 0,
        "created_at": by.at,
    }
    for planned in timeline.messages:
        step = planned.step
        state, reason = STATE_OF_FATE[planned.fate], None
        if planned.fate is not Fate.PLANNED:
            reason = planned.fate.value
        elif channel_for(step, reachable) is None:
            state, reason = State.SUPPRESSED, Reason.NO_CHANNEL.value
        yield {
            "id": new_id(by.real_at),
            **of_all,
            **of_step(step, reachable, two_way),
            "occurrence": planned.occurrence,
            "due_at": planned.due_at,
            "not_before": planned.not_before,
            "not_after": planned.not_after,
            "moved_because": [str(why) for why in planned.moved_because] or None,
            "state": state.value,
            "reason": reason,
            "claimable_at": planned.due_at,
        }


def _of_step(step: Step, reachable: frozenset[ChannelKind], two_way: bool) -> dict[str, Any]:  # noqa: FBT001
    """Return what all messages of a step have alike whose patients are reached by the same."""
    channel = channel_for(step, reachable)
    others = [other for other in step.channels if other in reachable and other is not channel]
    return {
        "step": step.key,
        "occurrences": len(step.occurrences),
        "template": step.template,
        "channel": (channel or step.channels[0]).value,
        "priority": step.priority,
        "missed": step.missed.value,
        "may_fall_back": step.fallback and bool(others),
        "receipt_wait": int(step.receipt_deadline.total_seconds()),
        "answer_wait": answer_wait(step, channel, two_way=two_way),
    }


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
