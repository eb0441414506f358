"""Service metrics: counts and ages by which an operator watches the service.

They are read from the database, so that any process can tell them, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.returned_mail_ledger import count_mails, count_waiting
from followup.domain.lifecycle import State
from followup.intake.ledger import FeedLedger, feed_ledger, waiting_since
from followup.messages.kill_switch_queries import covers_in_force
from followup.monitoring.alarms import open_alarms
from followup.monitoring.anomalies import providers_away
from followup.monitoring.health import last_sweeps, oldest_overdue, sweep_limits
from followup.monitoring.heartbeats import latest_heartbeats, missed_heartbeats
from followup.monitoring.message_balance import states_now
from followup.routing.failover import failover_periods
from followup.store.engine.replica import ReadFrom
from followup.store.message_state import count_claimable, state_is
from followup.store.models.messages import Message
from followup.store.models.worklist import WorklistItem

MOST_OVERDUE = 10_000
"""Overdue messages are counted up to this many: a larger figure would start no more workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepMetrics:
    """The last run of a periodic job. `age` is that of the last one that ended well, if any did.

    `failures` is how many in a row have failed since. Past `limit` it is late.
    """

    name: str
    age: timedelta | None
    limit: timedelta | None
    found: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMetrics:
    """All ages are real time. `overdue` messages wait to be claimed, `MOST_OVERDUE` at most.

    `worklist` counts what is not closed, by kind and urgency.

    `providers` says by channel and provider whether it is being left alone; `switches` are the kill
    switches that are on, by scope and by what of it they stop.
    `second_account` is for how long a second account has stood in, by channel. `returned_mails`
    counts the mails that came back by what became of them, `unmatched` what waits for a person.
    `feeds` is the ledger of what other systems sent, `oldest_feed_message` how long the first of
    those has waited that are not worked off. `replica` is how the copy for figures does, if any.
    """

    messages: Mapping[str, int]
    overdue: int
    oldest_overdue: timedelta
    oldest_unknown: timedelta
    sweeps: Sequence[SweepMetrics]
    worklist: Mapping[tuple[str, int], int]
    worklist_late: int
    heartbeats: Mapping[tuple[str, str], timedelta]
    alarms: Sequence[str]
    switches: Sequence[tuple[str, str]]
    providers: Mapping[tuple[str, str], bool]
    second_account: Mapping[str, timedelta]
    returned_mails: Mapping[str, int]
    unmatched: int
    feeds: FeedLedger
    oldest_feed_message: timedelta
    replica: ReadFrom | None = None


def collect_metrics(app: AppContext) -> ServiceMetrics:
    """Return the figures as of now."""
    # Asked of Redis, so before any transaction is open.
    providers = {
        (kind.value, app.channels[kind].provider): is_away
        for kind, is_away in providers_away(app).items()
    }
    replica = app.replica.look() if app.replica is not None else None
    with app.store.read_at_one_moment() as session:
        return ServiceMetrics(
            messages=states_now(session),
            overdue=count_claimable(session, now=app.clock.now(), at_most=MOST_OVERDUE),
            oldest_overdue=oldest_overdue(session, app),
            oldest_unknown=_oldest_unknown(session, app),
            sweeps=_sweeps(session, app),
            worklist=_worklist(session),
            worklist_late=_worklist_late(session, app),
            heartbeats=_heartbeats(session, app),
            alarms=[alarm.code for alarm in open_alarms(session)],
            switches=sorted((scope, value or "") for scope, value in covers_in_force(session)),
            providers=providers,
            second_account=_second_account(session, app),
            returned_mails=count_mails(session),
            unmatched=count_waiting(session),
            feeds=feed_ledger(session),
            oldest_feed_message=_oldest_feed_message(session, app),
            replica=replica,
        )


def _oldest_unknown(session: Session, app: AppContext) -> timedelta:
    since = session.scalar(
        select(func.min(Message.state_since_real)).where(state_is(State.UNKNOWN))
    )
    return _age(app, since) if since is not None else timedelta()


def _oldest_feed_message(session: Session, app: AppContext) -> timedelta:
    since = waiting_since(session)
    return _age(app, since) if since is not None else timedelta()


def _sweeps(session: Session, app: AppContext) -> list[SweepMetrics]:
    limits = sweep_limits(app)
    return [
        SweepMetrics(
            name=sweep.name,
            limit=limits.get(sweep.name),
            age=_age(app, sweep.finished_real_at) if sweep.finished_real_at else None,
            found=sweep.found,
            failures=sweep.failures,
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


def _worklist_late(session: Session, app: AppContext) -> int:
    late = select(func.count()).where(
        WorklistItem.state != "closed", WorklistItem.due_at <= app.clock.now()
    )
    return session.scalar(late) or 0


def _second_account(session: Session, app: AppContext) -> dict[str, timedelta]:
    if not app.standby:
        return {}
    return {spell.channel.value: _age(app, spell.since) for spell in failover_periods(session)}


def _heartbeats(session: Session, app: AppContext) -> dict[tuple[str, str], timedelta]:
    now = app.clock.real_now()
    found = latest_heartbeats(session)
    gone = missed_heartbeats(found, now=now, silent=app.policy.alarming.silent)
    # One that was replaced is told of no more.
    told = [one for one in found if one in gone or now - one.at <= app.policy.alarming.silent]
    return {(one.component, one.instance): _age(app, one.at) for one in told}


def _age(app: AppContext, since: datetime) -> timedelta:
    return max(app.clock.real_now() - since, timedelta())
