"""The figures by which an operator watches the service: counts and ages, and nobody's data.

They are read from the database, so that any process can tell them, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.alarms import open_alarms
from followup.domain.lifecycle import State
from followup.health import last_sweeps, oldest_overdue, states_now
from followup.heart import missed, signs
from followup.kit import Kit
from followup.standing_in import spells
from followup.store.messages import state_is
from followup.store.models import Message, WorklistItem
from followup.store.switches import covers_in_force
from followup.symptoms import providers_away


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepFigures:
    """The last run of a periodic job. `age` is that of the last one that ended well, if any did."""

    name: str
    age: timedelta | None
    found: int
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All ages are real time. `worklist` counts what is not closed, by kind and urgency.

    `providers` says by channel and provider whether it is being left alone; `switches` are the kill
    switches that are on, by scope and by what of it they stop.
    `second_account` is for how long a second account has stood in, by channel.
    """

    messages: Mapping[str, int]
    oldest_overdue: timedelta
    oldest_unknown: timedelta
    sweeps: Sequence[SweepFigures]
    worklist: Mapping[tuple[str, int], int]
    worklist_late: int
    heartbeats: Mapping[tuple[str, str], timedelta]
    alarms: Sequence[str]
    switches: Sequence[tuple[str, str]]
    providers: Mapping[tuple[str, str], bool]
    second_account: Mapping[str, timedelta]


def figures(kit: Kit) -> Figures:
    """Return the figures as of now."""
    # Asked of Redis, so before any transaction is open.
    providers = {
        (kind.value, kit.channels[kind].provider): is_away
        for kind, is_away in providers_away(kit).items()
    }
    with kit.store.read() as session:
        return Figures(
            messages=states_now(session),
            oldest_overdue=oldest_overdue(session, kit),
            oldest_unknown=_oldest_unknown(session, kit),
            sweeps=_sweeps(session, kit),
            worklist=_worklist(session),
            worklist_late=_worklist_late(session, kit),
            heartbeats=_heartbeats(session, kit),
            alarms=[alarm.code for alarm in open_alarms(session)],
            switches=sorted((scope, value or "") for scope, value in covers_in_force(session)),
            providers=providers,
            second_account=_second_account(session, kit),
        )


def _oldest_unknown(session: Session, kit: Kit) -> timedelta:
    since = session.scalar(
        select(func.min(Message.state_since_real)).where(state_is(State.UNKNOWN))
    )
    return _age(kit, since) if since is not None else timedelta()


def _sweeps(session: Session, kit: Kit) -> list[SweepFigures]:
    return [
        SweepFigures(
            name=sweep.name,
            age=_age(kit, sweep.finished_real_at) if sweep.finished_real_at else None,
            found=sweep.found,
            failed=sweep.error is not None,
        )
        for sweep in last_sweeps(session)
    ]


def _worklist(session: Session) -> dict[tuple[str, int], int]:
    rows = session.execute(
        select(WorklistItem.kind, WorklistItem.urgency, func.count())
        .where(WorklistItem.state != "closed")
        .group_by(WorklistItem.kind, WorklistItem.urgency)
    )
    return {(row[0], row[1]): row[2] for row in rows}


def _worklist_late(session: Session, kit: Kit) -> int:
    late = select(func.count()).where(
        WorklistItem.state != "closed", WorklistItem.due_at <= kit.clock.now()
    )
    return session.scalar(late) or 0


def _second_account(session: Session, kit: Kit) -> dict[str, timedelta]:
    if not kit.standby:
        return {}
    return {spell.channel.value: _age(kit, spell.since) for spell in spells(session)}


def _heartbeats(session: Session, kit: Kit) -> dict[tuple[str, str], timedelta]:
    now = kit.clock.real_now()
    found = signs(session)
    gone = missed(found, now=now, silent=kit.policy.alarming.silent)
    # One that was replaced is told of no more.
    told = [one for one in found if one in gone or now - one.at <= kit.policy.alarming.silent]
    return {(one.component, one.instance): _age(kit, one.at) for one in told}


def _age(kit: Kit, since: datetime) -> timedelta:
    return max(kit.clock.real_now() - since, timedelta())
