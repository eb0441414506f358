"""Message reconciliation report: every message that fell due is accounted for, or it shows.

What nothing takes care of is in no class and so in the remainder; and so is a message that was
planned and is no longer in the database. Days that are over for long are read from their sums
(`followup.balance`), so that a sheet costs the same however long the service has run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from followup.balance.days import Books
from followup.balance.tally import (
    CLASSES,
    OF_THE_LEDGER,
    STATE,
    STRAY,
    THERE,
    Limits,
    tally,
    tally_by,
    tally_ledger,
)
from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.store.closed_days import Figures
from followup.store.models.balance import BalanceFigure, BalanceTotal
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message

AnyColumn: TypeAlias = InstrumentedAttribute[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How the messages that have fallen due stand. `remainder` other than 0 is an alarm."""

    due: int
    delivered: int
    sent: int
    with_a_person: int
    suppressed: int
    expired: int
    cancelled: int
    held: int
    in_progress: int
    remainder: int

    def as_dict(self) -> dict[str, int]:
        """Return the figures by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which messages to balance: all, or those of one clinic, protocol or span of due times."""

    clinic: str | None = None
    protocol: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def is_a_span(self) -> bool:
        return self.since is not None or self.until is not None

    def of_messages(self) -> Iterator[ColumnElement[bool]]:
        """Yield the scope as conditions on messages."""
        yield from self._of(Message.clinic, Message.protocol)
        if self.since is not None:
            yield Message.due_at >= self.since
        if self.until is not None:
            yield Message.due_at < self.until

    def of_enrolments(self) -> Iterator[ColumnElement[bool]]:
        """Yield the scope as conditions on enrolments, whose messages have no due times here."""
        yield from self._of(Enrolment.clinic, Enrolment.protocol)

    def of_sums(self, table: type[BalanceFigure | BalanceTotal]) -> Iterator[ColumnElement[bool]]:
        """Yield clinic and protocol as conditions on sums of closed days."""
        yield from self._of(table.clinic, table.protocol)

    def _of(self, clinic: AnyColumn, protocol: AnyColumn) -> Iterator[ColumnElement[bool]]:
        if self.clinic is not None:
            yield clinic == self.clinic
        if self.protocol is not None:
            yield protocol == self.protocol

    def cut_days(self) -> set[date]:
        """Return the days (UTC) of which only a part is in the span."""
        ends = [end.astimezone(UTC) for end in (self.since, self.until) if end is not None]
        return {end.date() for end in ends if end.time() != time()}


EVERYTHING = Scope()


def balance(app: AppContext, scope: Scope = EVERYTHING) -> Balance:
    """Return the balance sheet as of now."""
    return _sheet(_figures(app, scope))


def balance_by(app: AppContext, by: str, scope: Scope = EVERYTHING) -> dict[str, Balance]:
    """Return a balance sheet for each `day` (in UTC), `clinic` or `protocol`, in order.

    A message that is gone is missed in its clinic and protocol; no day is known of it.
    """
    if by == "day":
        parts = _by_day(app, scope)
    else:
        parts = {}
        for key, count in _figures(app, scope).items():
            name = key[0] if by == "clinic" else key[1] or "-"
            parts.setdefault(name, Counter())[key] += count
    sheets = {name: _sheet(parts[name]) for name in sorted(parts)}
    return {name: sheet for name, sheet in sheets.items() if sheet.due or sheet.remainder}


def states_now(session: Session) -> Mapping[str, int]:
    """Return how many messages are in each state."""
    books = Books(session)
    counted = select(Message.state, func.count()).where(*_outside(books, Message.due_at))
    counts = Counter({row[0]: row[1] for row in session.execute(counted.group_by(Message.state))})
    for (_, _, figure), count in _closed(session, books, EVERYTHING).items():
        if figure.startswith(STATE):
            counts[figure.removeprefix(STATE)] += count
    return {state.value: counts[state.value] for state in State}


def _sheet(figures: Figures) -> Balance:
    counts: Counter[str] = Counter()
    for (_, _, figure), count in figures.items():
        counts[figure] += count
    classes = {name: counts[name] for name in CLASSES}
    # The ledger against the rows.
    missing = counts[OF_THE_LEDGER] - counts[THERE]
    due = sum(classes.values()) + counts[STRAY] + missing
    return Balance(due=due, remainder=counts[STRAY] + missing, **classes)


def _figures(app: AppContext, scope: Scope) -> Figures:
    with app.store.read_at_one_moment() as session:
        books = Books(session, cut=scope.cut_days())
        figures = _closed(session, books, scope)
        figures.update(
            tally(
                session,
                Limits.of(app),
                *scope.of_messages(),
                *_outside(books, Message.due_at),
            )
        )
        if not scope.is_a_span:
            outside = _outside(books, Generation.created_at)
            figures.update(tally_ledger(session, *scope.of_enrolments(), *outside))
    return _without_ledger(figures) if scope.is_a_span else figures


def _by_day(app: AppContext, scope: Scope) -> dict[str, Figures]:
    with app.store.read_at_one_moment() as session:
        books = Books(session, cut=scope.cut_days())
        days = tally_by(
            session,
            Limits.of(app),
            func.date(Message.due_at),
            *scope.of_messages(),
            *_outside(books, Message.due_at),
        )
        for row in session.scalars(_of_days(books, scope)):
            days.setdefault(row.day.isoformat(), Counter())[
                row.clinic, row.protocol, row.figure
            ] += row.count
    return {day: _without_ledger(figures) for day, figures in days.items()}


def _outside(books: Books, column: AnyColumn) -> Iterator[ColumnElement[bool]]:
    outside = books.outside(column)
    if outside is not None:
        yield outside


def _closed(session: Session, books: Books, scope: Scope) -> Figures:
    """Return the sums of the closed days of a scope."""
    if books.until is None:
        return Counter()
    if scope.is_a_span:
        rows = session.execute(
            _of_days(books, scope)
            .with_only_columns(
                BalanceFigure.clinic,
                BalanceFigure.protocol,
                BalanceFigure.figure,
                func.sum(BalanceFigure.count),
            )
            .group_by(BalanceFigure.clinic, BalanceFigure.protocol, BalanceFigure.figure)
        )
        return Counter({(row[0], row[1], row[2]): int(row[3]) for row in rows})
    totals = session.scalars(select(BalanceTotal).where(*scope.of_sums(BalanceTotal)))
    figures: Figures = Counter({(it.clinic, it.protocol, it.figure): it.count for it in totals})
    # Settled once, and under way again: counted with what is open.
    again = select(BalanceFigure).where(
        BalanceFigure.day.in_(books.open), *scope.of_sums(BalanceFigure)
    )
    for row in session.scalars(again):
        figures[row.clinic, row.protocol, row.figure] -= row.count
    return figures


def _of_days(books: Books, scope: Scope) -> Select[BalanceFigure]:
    """Return the question for the figures of the closed days that lie in a span."""
    wanted = select(BalanceFigure).where(
        BalanceFigure.day.not_in(books.open), *scope.of_sums(BalanceFigure)
    )
    if scope.since is not None:
        wanted = wanted.where(BalanceFigure.day >= scope.since.astimezone(UTC).date())
    if scope.until is not None:
        wanted = wanted.where(BalanceFigure.day < scope.until.astimezone(UTC).date())
    return wanted


def _without_ledger(figures: Figures) -> Figures:
    return Counter({key: n for key, n in figures.items() if key[2] not in (OF_THE_LEDGER, THERE)})
