"""Anomaly checks over time: failing calls, missing receipts, held messages, a remainder.

Together with `followup.monitoring.health` these are what an alarm is raised for.
Counts and codes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.delivery.returned_mail_ledger import count_waiting
from followup.domain.attempt_outcome import CALLED_OUTCOMES, AttemptOutcome
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.domain.reasons import FOR_WANT_OF_A_RELEASE, Reason
from followup.intake.ledger import count_refused, feed_ledger, waiting_since
from followup.monitoring.health import HealthProblem
from followup.monitoring.message_balance import balance
from followup.outbox.subscriptions import subscriptions
from followup.providers.interface import Channel
from followup.routing.accounts import account_of
from followup.routing.failover import failover_periods
from followup.sending.volume_limits import held_by_limits
from followup.store.engine.types import first_id
from followup.store.message_state import state_is
from followup.store.models.messages import Attempt, Message, Receipt
from followup.wording.channels import covered_text
from followup.wording.reasons import REASONS

Count = Callable[[Session, str, datetime, datetime], tuple[int, int]]
"""What counts a provider's calls or reports from one time until another: all, and the failed."""

RECENT, BEFORE = timedelta(minutes=15), timedelta(days=1)
FEWEST_CALLS = 20
"""Fewer calls or receipts tell nothing of a share."""
JUMP, WORST = 3, 0.9
"""Alarming is a share of failures that is too high, and three times what is usual."""

RECEIPTS_DUE, RECEIPTS_SINCE = timedelta(minutes=15), timedelta(minutes=75)
FEWEST_TAKEN = 10
"""Texts that were taken a while ago and should have brought some receipt by now."""

REFUSED_SINCE = timedelta(hours=1)

UNTOLD = timedelta(minutes=15)
"""How long a receiver of events may fail: a restart of it is no trouble."""


def delayed_messages(app: AppContext) -> list[HealthProblem]:
    """Return what waits for a person or a provider, as of now."""
    with app.store.read() as session:
        return [
            *_beyond(session),
            *_broken(session),
            *_unapproved(session),
            *_away(app),
            *_standing_in(session, app),
            *_unmatched(session, app),
            *_feeds_waiting(session, app),
            *_feeds_refused(session, app),
            *_untold(session, app),
        ]


def detect_anomalies(app: AppContext) -> list[HealthProblem]:
    """Return what the last quarter of an hour, and the last hour, show: it counts many rows."""
    with app.store.read() as session:
        return [
            *_failing(session, app),
            *_undelivered(session, app),
            *_without_receipts(session, app),
        ]


def find_imbalance(app: AppContext) -> list[HealthProblem]:
    """Return what the balance sheet leaves over: it counts many rows."""
    remainder = balance(app).remainder
    with app.store.read() as session:
        of_feeds = feed_ledger(session).remainder
    found = []
    if remainder:
        sentence = f"{abs(remainder)} messages are unaccounted for: see followup balance"
        found.append(HealthProblem(code="balance-remainder", sentence=sentence))
    if of_feeds:
        sentence = (
            f"{abs(of_feeds)} messages of hospital systems are unaccounted for: see Needs "
            "attention, Messages from hospital systems"
        )
        found.append(HealthProblem(code="feeds-remainder", sentence=sentence))
    return found


def _beyond(session: Session) -> list[HealthProblem]:
    beyond = sum(one.held for one in held_by_limits(session))
    if not beyond:
        return []
    return [
        HealthProblem(
            code="blast-radius",
            sentence=f"{beyond} messages are held because they were more than may go at once: "
            "see followup let-go",
        )
    ]


def _broken(session: Session) -> list[HealthProblem]:
    broken = session.scalar(
        select(func.count()).where(
            state_is(State.HELD), Message.reason == Reason.NEEDS_OPERATOR.value
        )
    )
    if not broken:
        return []
    return [
        HealthProblem(
            code="messages-broken",
            sentence=f"{broken} messages can't be made: see followup check and the worklist",
        )
    ]


def _unapproved(session: Session) -> list[HealthProblem]:
    """Return the clinics with messages on hold for want of two people's approval."""
    rows = session.execute(
        select(Message.clinic, Message.reason, func.count())
        .where(state_is(State.HELD), Message.reason.in_(FOR_WANT_OF_A_RELEASE))
        .group_by(Message.clinic, Message.reason)
        .order_by(Message.clinic, Message.reason)
    )
    waiting: dict[str, list[str]] = {}
    for clinic, reason, count in rows:
        waiting.setdefault(clinic, []).append(f"{count} because {REASONS[Reason(reason or '')]}")
    return [
        HealthProblem(
            code=f"words-on-hold:{clinic}",
            sentence=f"messages of {clinic} are on hold, {'; '.join(why)}: see followup check "
            "--live",
        )
        for clinic, why in waiting.items()
    ]


def _unmatched(session: Session, app: AppContext) -> list[HealthProblem]:
    waiting = count_waiting(session)
    if waiting <= app.policy.alarming.unmatched:
        return []
    return [
        HealthProblem(
            code="bounces-unmatched",
            sentence=f"{waiting} e-mails that came back can't be matched to one of ours: see "
            "Needs attention, E-mails that came back",
        )
    ]


def _feeds_waiting(session: Session, app: AppContext) -> list[HealthProblem]:
    since = waiting_since(session)
    if since is None or app.clock.real_now() - since < app.policy.alarming.late:
        return []
    return [
        HealthProblem(
            code="feeds-waiting",
            sentence=f"messages of hospital systems have waited since {since:%H:%M} UTC on "
            f"{since:%-d %B} to be processed: see Needs attention, Messages from hospital "
            "systems, and feeds.not_worked_off in the log",
        )
    ]


def _feeds_refused(session: Session, app: AppContext) -> list[HealthProblem]:
    refused = count_refused(session, since=app.clock.now() - REFUSED_SINCE)
    if refused <= app.policy.alarming.refused:
        return []
    return [
        HealthProblem(
            code="feeds-refused",
            sentence=f"{refused} messages of hospital systems were refused within an hour: see "
            "Needs attention, Messages from hospital systems",
        )
    ]


def _untold(session: Session, app: AppContext) -> list[HealthProblem]:
    """Return the webhooks that take nothing, but for those that somebody here has paused."""
    before = app.clock.real_now() - UNTOLD
    return [
        HealthProblem(
            code=f"webhook-failing:{view.row.name}",
            sentence=f"the webhook {view.row.name} is told nothing ({view.row.problem}): see "
            "System, Webhooks",
        )
        for view in subscriptions(session, real_now=app.clock.real_now())
        if (view.row.failing_since_real and view.row.failing_since_real <= before)
        or (view.row.paused_at and view.row.paused_by is None)
    ]


def providers_away(app: AppContext) -> dict[ChannelKind, bool]:
    """Say of each channel whether its provider is being left alone, by its circuit breaker."""
    return {kind: _is_away(app, channel) for kind, channel in app.channels.items()}


def _away(app: AppContext) -> list[HealthProblem]:
    return [
        HealthProblem(
            code=f"provider-down:{(provider := app.channels[kind].provider)}",
            sentence=f"{provider} can't be reached or turns everything away: "
            + (
                "its messages go through the second account"
                if kind in app.standby
                else "its messages wait until it is back"
            ),
        )
        for kind, is_away in providers_away(app).items()
        if is_away
    ] + [
        HealthProblem(
            code=f"second-account-down:{channel.provider}",
            sentence=f"the second account at {channel.provider} can't be reached or turns "
            "everything away: nothing can stand in for the first",
        )
        for channel in app.standby.values()
        if _is_away(app, channel)
    ]


def _is_away(app: AppContext, channel: Channel) -> bool:
    return app.breaker.look(account_of(channel), 1).granted == 0


def _standing_in(session: Session, app: AppContext) -> list[HealthProblem]:
    return [
        HealthProblem(
            code=f"second-account:{spell.channel.value}",
            sentence=f"{covered_text(spell.channel)} have been going through the second account "
            f"since {spell.since:%H:%M} UTC on {spell.since:%-d %B %Y}, because the first was "
            "away: it is tried again and again by itself, and this ends with the first that it "
            "takes",
        )
        for spell in (failover_periods(session) if app.standby else ())
    ]


def _failing(session: Session, app: AppContext) -> list[HealthProblem]:
    return [
        HealthProblem(
            code=f"failures:{jump.provider}",
            sentence=f"{jump.failed} of the last {jump.all} calls of {jump.provider} failed "
            f"({jump.shares}): see the codes in followup messages --status failed",
        )
        for jump in _jumps(session, app, _calls)
    ]


def _undelivered(session: Session, app: AppContext) -> list[HealthProblem]:
    return [
        HealthProblem(
            code=f"undelivered:{jump.provider}",
            sentence=f"of the last {jump.all} messages that {jump.provider} reported on, "
            f"{jump.failed} did not arrive ({jump.shares}): see the codes in "
            "followup messages --status failed",
        )
        for jump in _jumps(session, app, _reports)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Jump:
    """A provider of which much more than usual fails."""

    provider: str
    all: int
    failed: int
    usual: float

    @property
    def shares(self) -> str:
        return f"{_share(self.all, self.failed):.0%}; before that {self.usual:.0%}"


def _jumps(session: Session, app: AppContext, count: Count) -> list[_Jump]:
    now = app.clock.real_now()
    found = []
    for provider in sorted({channel.provider for channel in app.channels.values()}):
        all_, failed = count(session, provider, now - RECENT, now)
        usual = _share(*count(session, provider, now - BEFORE, now - RECENT))
        if _jumped(app, all_, failed, usual):
            found.append(_Jump(provider=provider, all=all_, failed=failed, usual=usual))
    return found


def _jumped(app: AppContext, all_: int, failed: int, usual: float) -> bool:
    worst = max(app.policy.alarming.failing, min(JUMP * usual, WORST))
    return all_ >= FEWEST_CALLS and _share(all_, failed) >= worst


def _share(all_: int, failed: int) -> float:
    return failed / all_ if all_ else 0.0


def _calls(session: Session, provider: str, since: datetime, until: datetime) -> tuple[int, int]:
    """Return how many calls of a provider ended, and how many of those failed."""
    rows = session.execute(
        select(Attempt.outcome, func.count())
        .where(
            # Ids begin with the time: they are the index.
            Attempt.id >= first_id(since),
            Attempt.id < first_id(until),
            Attempt.provider == provider,
            Attempt.outcome.in_([one.value for one in CALLED_OUTCOMES]),
        )
        .group_by(Attempt.outcome)
    )
    counts = {row[0]: row[1] for row in rows}
    total = sum(counts.values())
    return total, total - counts.get(AttemptOutcome.ACCEPTED, 0)


def _reports(session: Session, provider: str, since: datetime, until: datetime) -> tuple[int, int]:
    """Return how many messages were reported to have ended, and how many of those badly."""
    rows = session.execute(
        select(Receipt.status, func.count())
        .where(
            Receipt.id >= first_id(since),
            Receipt.id < first_id(until),
            Receipt.provider == provider,
            Receipt.status.in_([State.DELIVERED.value, State.FAILED.value]),
        )
        .group_by(Receipt.status)
    )
    counts = {row[0]: row[1] for row in rows}
    return sum(counts.values()), counts.get(State.FAILED.value, 0)


def _without_receipts(session: Session, app: AppContext) -> list[HealthProblem]:
    now = app.clock.real_now()
    found = []
    # One that can't be asked reports nothing either.
    for provider in sorted({one.provider for one in app.channels.values() if one.can_look}):
        taken = session.scalar(
            select(func.count()).where(
                Attempt.id >= first_id(now - RECEIPTS_SINCE),
                Attempt.id < first_id(now - RECEIPTS_DUE),
                Attempt.provider == provider,
                Attempt.outcome == AttemptOutcome.ACCEPTED.value,
            )
        )
        if (taken or 0) < FEWEST_TAKEN:
            continue
        since = first_id(now - RECEIPTS_SINCE)
        heard = select(Receipt.id).where(Receipt.id >= since, Receipt.provider == provider).limit(1)
        if session.scalar(heard) is None:
            sentence = (
                f"{provider} took {taken} messages and has reported on none: can it reach "
                "FOLLOWUP_PUBLIC_URL?"
            )
            found.append(HealthProblem(code=f"receipts-dry:{provider}", sentence=sentence))
    return found
