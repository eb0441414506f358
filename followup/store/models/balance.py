"""Tables of the balance: days of the past, what was counted in each, and the sums of all."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.models.base import Base


class BalanceDay(Base):
    """A day (UTC) of service time that is over for long.

    Closed: its figures stand and are a part of the sums. Open: something in it may still change, so
    it is counted each time.
    """

    __tablename__ = "balance_days"
    __table_args__ = (Index("ix_balance_days_checked_real_at", "checked_real_at"),)

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    is_open: Mapped[bool] = mapped_column(Boolean)
    checked_real_at: Mapped[datetime]


class BalanceFigure(Base):
    """A figure of a closed day for one clinic and protocol; an empty protocol is none."""

    __tablename__ = "balance_figures"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80), primary_key=True)
    figure: Mapped[str] = mapped_column(String(24), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)


class BalanceTotal(Base):
    """A figure of all closed days together, for one clinic and protocol."""

    __tablename__ = "balance_totals"

    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80), primary_key=True)
    figure: Mapped[str] = mapped_column(String(24), primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
