"""Classes of records, and how long each is kept at least.

The defaults for patients' records are those of the NHS Records Management Code of Practice (NHS
England, 2021, updated August 2023), Appendix II: adult health records 8 years from when the patient
was last seen; children's until the 25th birthday, or the 26th if they were 17 when treatment ended.
They are minimum periods. The other periods are ours, by likeness with entries of that schedule, and
a clinic's information governance confirms them: docs/operations.md says which. Section 5.2 asks for
an appraisal before anything is destroyed: nothing ends by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum


class RecordClass(StrEnum):
    """What is decided on together."""

    FOLLOW_UP = "follow-up"
    """A patient's record: follow-ups, messages, replies, calls, and what feeds said of them."""
    RAW_INTAKE = "raw-intake"
    """What hospital systems said of people who were never enrolled."""
    REPLIES = "replies"
    """Texts that belong to no patient: from unknown numbers, and from numbers that several share.
    """
    STAFF = "staff"
    """A closed account."""
    SESSIONS = "sessions"
    """Sign-ins and invitations that are over."""
    SANDBOX = "sandbox"
    """What the sandbox carrier holds: never of real patients."""
    AUDIT = "audit"
    """The audit trail. It can be kept and held, not shortened: each event proves the others."""


YEAR = timedelta(days=365, hours=6)
DEFAULT_DAYS: dict[RecordClass, timedelta] = {
    RecordClass.FOLLOW_UP: 8 * YEAR,
    RecordClass.RAW_INTAKE: 2 * YEAR,
    RecordClass.REPLIES: 8 * YEAR,
    RecordClass.STAFF: 6 * YEAR,
    RecordClass.SESSIONS: timedelta(days=30),
    RecordClass.SANDBOX: timedelta(days=30),
    RecordClass.AUDIT: 20 * YEAR,
}
CHILD_UNTIL, LAST_CHILD_YEAR = 25, 17


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPeriods:
    """A clinic's own periods, for the classes that are a clinic's. In years."""

    follow_up: int = 8
    raw_intake: int = 2
    replies: int = 8

    def of(self, record_class: RecordClass) -> timedelta:
        """Return how long a class is kept at least."""
        years = {
            RecordClass.FOLLOW_UP: self.follow_up,
            RecordClass.RAW_INTAKE: self.raw_intake,
            RecordClass.REPLIES: self.replies,
        }
        found = years.get(record_class)
        return DEFAULT_DAYS[record_class] if found is None else found * YEAR


def child_until(born: date, *, last_seen: datetime) -> date | None:
    """Return until when the record of somebody last seen as a child is kept; None of an adult."""
    age = last_seen.year - born.year - ((last_seen.month, last_seen.day) < (born.month, born.day))
    if age > LAST_CHILD_YEAR:
        return None
    until = born.year + CHILD_UNTIL + (age == LAST_CHILD_YEAR)
    return date(until, born.month, min(born.day, 28))


class RetentionDecision(StrEnum):
    """What a named person decided on a proposal."""

    DESTROY = "destroy"
    """It is destroyed as soon as a second person confirms it."""
    KEEP = "keep"
    """It is kept until a day, and proposed again then."""
    HOLD = "hold"
    """It is kept until the hold is lifted, whatever anybody asks: a claim, an inquest, an inquiry.
    """


class KeepGround(StrEnum):
    """Why it is kept longer: codes, never free words."""

    IN_CARE = "in-care"
    """The patient is still under care."""
    CLAIM = "claim"
    INQUEST = "inquest"
    INQUIRY = "inquiry"
    """A public inquiry forbids destroying it."""
    RESEARCH = "research"
    LONG_TERM = "long-term"
    """Another schedule of the Code applies, such as 20 or 30 years."""
