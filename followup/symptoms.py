"""What shows over time: calls that fail, receipts that stay out, what is held, an uneven sheet.

Together with `followup.health` these are what an alarm is raised for. Counts and codes only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.accounts import account_of
from followup.balance import balance
from followup.blast_radius import surplus
from followup.channels.interface import Channel
from followup.domain.channel import ChannelKind
from followup.domain.lifecycle import State
from followup.health import Ailment
from followup.kit import Kit
from followup.prepare import NEEDS_OPERATOR
from followup.standing_in import spells
from followup.store.messages import state_is
from followup.store.models import Attempt, Message, Receipt
from followup.store.types import first_id

Count = Callable[[Session, str, datetime, datetime], tuple[int, int]]
"""What counts a provider's calls or reports from one time until another: all, and the failed."""

RECENT, BEFORE = timedelta(minutes=15), timedelta(days=1)
FEWEST = 20
"""Fewer calls or receipts tell nothing of a share."""
JUMP, WORST = 3, 0.9
"""Alarming is a share of failures that is too high, and three times what is usual."""

RECEIPTS_DUE, RECEIPTS_SINCE = timedelta(minutes=15), timedelta(minutes=75)
FEWEST_TAKEN = 10
"""Texts that were taken a while ago and should have brought some receipt by now."""

WHAT = {ChannelKind.SMS: "texts", ChannelKind.EMAIL: "e-mails"}


def held_up(kit: Kit) -> list[Ailment]:
    """Return what waits for a person or a provider, as of now."""
    with kit.store.read() as session:
        return [*_beyond(session), *_broken(session), *_away(kit), *_standing_in(session, kit)]


def going_wrong(kit: Kit) -> list[Ailment]:
    """Return what the last quarter of an hour, and the last hour, show: it counts many rows."""
    with kit.store.read() as session:
        return [
            *_failing(session, kit),
            *_undelivered(session, kit),
            *_without_receipts(session, kit),
        ]


def imbalance(kit: Kit) -> list[Ailment]:
    """Return what the balance sheet leaves over: it counts every message, so ask it rarely."""
    remainder = balance(kit).remainder
    if remainder == 0:
        return []
    return [
        Ailment(
            code="balance-remainder",
            sentence=f"{abs(remainder)} messages are unaccounted for: see followup balance",
        )
    ]


def _beyond(session: Session) -> list[Ailment]:
    beyond = sum(one.held for one in surplus(session))
    if not beyond:
        return []
    return [
        Ailment(
            code="blast-radius",
            sentence=f"{beyond} messages are held because they were more than may go at once: "
            "see followup let-go",
        )
    ]


def _broken(session: Session) -> list[Ailment]:
    broken = session.scalar(
        select(func.count()).where(state_is(State.HELD), Message.reason == NEEDS_OPERATOR)
    )
    if not broken:
        return []
    return [
        Ailment(
            code="messages-broken",
            sentence=f"{broken} messages can't be made: see followup check and the worklist",
        )
    ]


def providers_away(kit: Kit) -> dict[ChannelKind, bool]:
    """Say of each channel whether its provider is being left alone, by its circuit breaker."""
    return {kind: _is_away(kit, channel) for kind, channel in kit.channels.items()}


def _away(kit: Kit) -> list[Ailment]:
    return [
        Ailment(
            code=f"provider-down:{(provider := kit.channels[kind].provider)}",
            sentence=f"{provider} can't be reached or turns everything away: "
            + (
                "its messages go through the second account"
                if kind in kit.standby
                else "its messages wait until it is back"
            ),
        )
        for kind, is_away in providers_away(kit).items()
        if is_away
    ] + [
        Ailment(
            code=f"second-account-down:{channel.provider}",
            sentence=f"the second account at {channel.provider} can't be reached or turns "
            "everything away: nothing can stand in for the first",
        )
        for channel in kit.standby.values()
        if _is_away(kit, channel)
    ]


def _is_away(kit: Kit, channel: Channel) -> bool:
    return kit.breaker.look(account_of(channel), 1).granted == 0


def _standing_in(session: Session, kit: Kit) -> list[Ailment]:
    return [
        Ailment(
            code=f"second-account:{spell.channel.value}",
            sentence=f"{WHAT[spell.channel]} have been going through the second account since "
            f"{spell.since:%H:%M} UTC on {spell.since:%-d %B %Y}, because the first was away: it "
            "is tried again and again by itself, and this ends with the first that it takes",
        )
        for spell in (spells(session) if kit.standby else ())
    ]


def _failing(session: Session, kit: Kit) -> list[Ailment]:
    return [
        Ailment(
            code=f"failures:{jump.provider}",
            sentence=f"{jump.failed} of the last {jump.all} calls of {jump.provider} failed "
            f"({jump.shares}): see the codes in followup messages --state failed",
        )
        for jump in _jumps(session, kit, _calls)
    ]


def _undelivered(session: Session, kit: Kit) -> list[Ailment]:
    return [
        Ailment(
            code=f"undelivered:{jump.provider}",
            sentence=f"of the last {jump.all} messages that {jump.provider} reported on, "
            f"{jump.failed} did not arrive ({jump.shares}): see the codes in "
            "followup messages --state failed",
        )
        for jump in _jumps(session, kit, _reports)
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


def _jumps(session: Session, kit: Kit, count: Count) -> list[_Jump]:
    now = kit.clock.real_now()
    found = []
    for provider in _providers(kit):
        all_, failed = count(session, provider, now - RECENT, now)
        usual = _share(*count(session, provider, now - BEFORE, now - RECENT))
        if _jumped(kit, all_, failed, usual):
            found.append(_Jump(provider=provider, all=all_, failed=failed, usual=usual))
    return found


def _jumped(kit: Kit, all_: int, failed: int, usual: float) -> bool:
    worst = max(kit.policy.alarming.failing, min(JUMP * usual, WORST))
    return all_ >= FEWEST and _share(all_, failed) >= worst


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
            Attempt.outcome.in_(["accepted", "refused", "unavailable", "unknown", "absent"]),
        )
        .group_by(Attempt.outcome)
    )
    counts = {row[0]: row[1] for row in rows}
    total = sum(counts.values())
    return total, total - counts.get("accepted", 0)


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


def _without_receipts(session: Session, kit: Kit) -> list[Ailment]:
    now = kit.clock.real_now()
    found = []
    # One that can't be asked reports nothing either.
    for provider in sorted({one.provider for one in kit.channels.values() if one.can_look}):
        taken = session.scalar(
            select(func.count()).where(
                Attempt.id >= first_id(now - RECEIPTS_SINCE),
                Attempt.id < first_id(now - RECEIPTS_DUE),
                Attempt.provider == provider,
                Attempt.outcome == "accepted",
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
            found.append(Ailment(code=f"receipts-dry:{provider}", sentence=sentence))
    return found


def _providers(kit: Kit) -> list[str]:
    return sorted({channel.provider for channel in kit.channels.values()})
