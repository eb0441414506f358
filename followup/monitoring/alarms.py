"""Alarm states: raised once, notified until someone was reached, re-notified, and resolved.

The table makes one alarm of what several processes see. Whoever takes the telling of an alarm has
a minute for it; if it can't reach anybody, or dies, another one tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.monitoring.health import HealthProblem
from followup.store.engine.upsert import insert_new
from followup.store.models.operations import Alarm

TELLING = timedelta(minutes=1)
"""How long (real time) the telling of an alarm belongs to one process."""
CLEAR_AFTER = 4
"""Looks without it after which an alarm is over: what comes and goes is one alarm."""
SENTENCE_LENGTH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """Something to tell: an alarm, or that it is over. `since` is real time."""

    code: str
    sentence: str
    since: datetime
    over: bool


def take_notifications(app: AppContext, found: Sequence[HealthProblem]) -> list[Notification]:
    """Raise and clear alarms by what was found; return what this process is to tell now.

    An alarm is told once it was found at two looks. Each piece of news belongs to this process
    until `told` or `not_told`, or for a minute.
    """
    if not found and not _anything_up(app):
        return []
    return app.store.transact(lambda session: _take(session, app, found))


def mark_told(app: AppContext, news: Sequence[Notification]) -> None:
    """Note that somebody was reached."""
    now = app.clock.real_now()
    _note(app, [one.code for one in news if not one.over], told_real_at=now)
    _note(app, [one.code for one in news if one.over], told_over=True)


def mark_not_told(app: AppContext, news: Sequence[Notification]) -> None:
    """Note that nobody was reached: it is tried again at the next look."""
    _note(app, [one.code for one in news])


def open_alarms(session: Session) -> Sequence[Alarm]:
    """Return the alarms that have not cleared, the longest-standing first."""
    return session.scalars(
        select(Alarm).where(Alarm.cleared_real_at.is_(None)).order_by(Alarm.raised_real_at)
    ).all()


def latest_alarms(session: Session, *, limit: int = 50) -> Sequence[Alarm]:
    """Return alarms, those that are up first, then the latest that are over."""
    return session.scalars(
        select(Alarm)
        .order_by(Alarm.cleared_real_at.is_not(None), Alarm.raised_real_at.desc())
        .limit(limit)
    ).all()


def _anything_up(app: AppContext) -> bool:
    with app.store.read() as session:
        return session.scalar(select(Alarm.code).where(Alarm.told_over.is_(False))) is not None


def _take(session: Session, app: AppContext, found: Sequence[HealthProblem]) -> list[Notification]:
    now, by_code = app.clock.real_now(), {one.code: one for one in found}
    for one in by_code.values():
        insert_new(session, Alarm, _fresh(one, now))
    alarms = session.scalars(
        select(Alarm)
        .where(or_(Alarm.code.in_(by_code), Alarm.told_over.is_(False)))
        .order_by(Alarm.code)
        .with_for_update()
    ).all()
    return [news for one in alarms if (news := _look_at(app, one, by_code.get(one.code), now))]


def _look_at(
    app: AppContext, alarm: Alarm, found: HealthProblem | None, now: datetime
) -> Notification | None:
    if found is not None:
        _is_up(alarm, found, now)
    elif alarm.cleared_real_at is None and now - alarm.seen_real_at >= _clear_after(app):
        alarm.cleared_real_at = now
    if alarm.telling_until is not None and alarm.telling_until > now:
        return None
    if not _is_news(app, alarm, now):
        return None
    alarm.telling_until = now + TELLING
    return Notification(
        code=alarm.code,
        sentence=alarm.sentence,
        since=alarm.raised_real_at,
        over=alarm.cleared_real_at is not None,
    )


def _clear_after(app: AppContext) -> timedelta:
    return CLEAR_AFTER * app.policy.alarming.every


def _fresh(one: HealthProblem, now: datetime) -> dict[str, object]:
    return {
        "code": one.code,
        "sentence": one.sentence[:SENTENCE_LENGTH],
        "raised_real_at": now,
        "seen_real_at": now,
        "told_real_at": None,
        "telling_until": None,
        "cleared_real_at": None,
        "told_over": False,
    }


def _is_up(alarm: Alarm, one: HealthProblem, now: datetime) -> None:
    """Keep an alarm up, or raise it anew if it had cleared."""
    alarm.sentence, alarm.seen_real_at = one.sentence[:SENTENCE_LENGTH], now
    if alarm.cleared_real_at is not None:
        alarm.raised_real_at, alarm.cleared_real_at = now, None
        alarm.told_real_at, alarm.told_over = None, False


def _is_news(app: AppContext, alarm: Alarm, now: datetime) -> bool:
    alarming = app.policy.alarming
    if alarm.cleared_real_at is None:
        if alarm.told_real_at is None:
            # Found at more than one look: nobody is woken for what is over at the next.
            return alarm.seen_real_at - alarm.raised_real_at >= alarming.every / 2
        return alarm.told_real_at <= now - alarming.again
    if alarm.told_real_at is None:
        # It came and went before anybody was told: nothing to call off.
        alarm.told_over = True
    return not alarm.told_over


def _note(app: AppContext, codes: Sequence[str], **values: object) -> None:
    if not codes:
        return
    app.store.transact(
        lambda session: session.execute(
            update(Alarm).where(Alarm.code.in_(codes)).values(telling_until=None, **values)
        ),
        idempotent=True,
    )
