"""Tables of weekly figures: counts alone, made from the other tables by a job."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, Date, Integer, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from followup.store.engine.types import Json
from followup.store.models.base import Base


class WeekCounted(Base):
    """A week of a clinic that was counted, and when (service time)."""

    __tablename__ = "weeks_counted"

    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    # The Monday on which it begins, by the clinic's clock.
    week: Mapped[date] = mapped_column(Date, primary_key=True)
    counted_at: Mapped[datetime]


class WeekCount(Base):
    """How often something happened in one week, by all that it can be looked at by.

    What has no protocol, step, channel or language has the empty text there.
    """

    __tablename__ = "week_counts"

    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    week: Mapped[date] = mapped_column(Date, primary_key=True)
    # A `Counted`.
    what: Mapped[str] = mapped_column(String(16), primary_key=True)
    protocol: Mapped[str] = mapped_column(String(80), primary_key=True)
    step: Mapped[str] = mapped_column(String(80), primary_key=True)
    channel: Mapped[str] = mapped_column(String(8), primary_key=True)
    language: Mapped[str] = mapped_column(String(12), primary_key=True)
    # Why it was not delivered: a reason of ours, or a provider's code.
    cause: Mapped[str] = mapped_column(String(80), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)


class WeekTimes(Base):
    """How many minutes each item of one week took: medians of parts can't be added up."""

    __tablename__ = "week_times"

    clinic: Mapped[str] = mapped_column(String(80), primary_key=True)
    week: Mapped[date] = mapped_column(Date, primary_key=True)
    urgency: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    # Whether the clinic's office was open when the item came up.
    in_hours: Mapped[bool] = mapped_column(Boolean, primary_key=True)
    items: Mapped[int] = mapped_column(Integer)
    looked_minutes: Mapped[list[int]] = mapped_column(Json)
    closed_minutes: Mapped[list[int]] = mapped_column(Json)
