"""A clinic: what a message may say of it, when it answers the phone, and when it sends."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from followup.domain.retention.classes import RetentionPeriods


@dataclass(frozen=True, slots=True)
class OpenPeriod:
    """From `opens` until just before `closes`, on one weekday, by the clinic's clock."""

    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When the clinic's phone is answered: one entry a weekday, Monday first, None if closed."""

    week: tuple[OpenPeriod | None, ...]

    def is_open(self, local: datetime, holidays: Container[date] = frozenset()) -> bool:
        """Say whether the phone is answered at this time on the clinic's clock."""
        period = self.week[local.weekday()]
        if period is None or local.date() in holidays:
            return False
        return period.opens <= local.time() < period.closes


@dataclass(frozen=True, slots=True)
class SendingHours:
    """The hours of every day, by the patient's clock, in which messages may be sent."""

    opens: time = time(8)
    closes: time = time(20)

    def allows(self, local: datetime) -> bool:
        return self.opens <= local.time() < self.closes

    def next_opening(self, local: datetime) -> datetime:
        """Return `local` itself where it is allowed, else the next opening, in the same zone."""
        if self.allows(local):
            return local
        return next(
            opening
            for opening in self._openings(local)
            if opening.astimezone(UTC) > local.astimezone(UTC) and self.allows(opening)
        )

    def _openings(self, local: datetime) -> list[datetime]:
        """Return the openings about `local`; by way of UTC, so that skipped times move forward."""
        walls = [
            datetime.combine(local.date() + timedelta(days=days), self.opens) for days in range(4)
        ]
        # Of an opening in the hour that the clocks repeat, both come into question.
        return [
            wall.replace(tzinfo=local.tzinfo, fold=fold).astimezone(UTC).astimezone(local.tzinfo)
            for wall in walls
            for fold in (0, 1)
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """The facts about one clinic; templates take them from here and from nowhere else.

    `phone` is as people write it, `phone_link` in E.164 for a `tel:` link. `sms_sender` None means
    the number or service of the settings. Where a sender is one-way (`two_way` false), a patient
    can't answer STOP and is given `stop_contact` instead. `division` is that of the bank holidays:
    `england-and-wales`, `scotland` or `northern-ireland`. `unconfirmed` names what in the file
    nobody at the clinic has confirmed yet. `reply_within` is how soon a person reads a patient's
    reply that is not provably harmless; out of hours those on call do, if any are set and
    `replies_on_call`, else the first who comes in.
    """

    key: str
    name: str
    short_name: str
    phone: str
    phone_link: str
    office_hours: OfficeHours
    office_hours_text: str
    emergency_department: str
    zone: ZoneInfo
    sending_hours: SendingHours
    sms_sender: str | None
    two_way: bool
    stop_contact: str | None
    email_from: str
    email_reply_to: str | None
    languages: tuple[str, ...]
    division: str
    unconfirmed: tuple[str, ...]
    reply_within: timedelta = timedelta(hours=1)
    replies_on_call: bool = True
    retention: RetentionPeriods = field(default_factory=RetentionPeriods)
