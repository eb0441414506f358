"""Review dates: when a source is to be read again, what is told before, and what ends after it.

An extension is a text that two people sign as they sign a release. It moves the date of one
protocol at one clinic, with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from followup.domain.errors import InvalidInput

EARLY, LATE = timedelta(days=90), timedelta(days=30)
"""How long before the date the owner is told, and told again."""
LONGEST_EXTENSION = timedelta(days=366)
LONGEST_REASON = 500
_TITLE = "# followup review extension, version 1"
_HEAD = ("clinic", "protocol", "source", "review due", "extended until", "reason")


class ReviewStage(StrEnum):
    """How near the review date is."""

    FAR = "far"
    EARLY = "90-days"
    LATE = "30-days"
    OVER = "over"


def review_stage(due: date, today: date) -> ReviewStage:
    """Return how near that date is; on the day itself it is not over yet."""
    if today > due:
        return ReviewStage.OVER
    left = due - today
    if left <= LATE:
        return ReviewStage.LATE
    return ReviewStage.EARLY if left <= EARLY else ReviewStage.FAR


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewExtension:
    """A later review date for the source as it stands, and why that is safe."""

    clinic: str
    protocol: str
    source: str
    review_due: date
    until: date
    reason: str

    def text(self) -> str:
        """Return what is signed."""
        values = (
            self.clinic,
            self.protocol,
            self.source,
            self.review_due.isoformat(),
            self.until.isoformat(),
            self.reason,
        )
        lines = [f"{name}: {value}" for name, value in zip(_HEAD, values, strict=True)]
        return "\n".join([_TITLE, *lines, ""])


def new_extension(
    *, clinic: str, protocol: str, source: str, review_due: date, until: date, reason: str
) -> ReviewExtension:
    """Return an extension; raise `InvalidInput` for one without a reason, or too long."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > LONGEST_REASON:
        raise InvalidInput.of("reason", f"say why in at most {LONGEST_REASON} characters")
    if not review_due < until <= review_due + LONGEST_EXTENSION:
        raise InvalidInput.of(
            "until",
            f"choose a day after {review_due}, and at most a year after: until "
            f"{review_due + LONGEST_EXTENSION}",
        )
    return ReviewExtension(
        clinic=clinic,
        protocol=protocol,
        source=" ".join(source.split()),
        review_due=review_due,
        until=until,
        reason=reason,
    )


def read_extension(text: str) -> ReviewExtension:
    """Return what an extension says; raise `InvalidInput` where it is not as written here."""
    lines = text.splitlines()
    values = [line.removeprefix(f"{name}: ") for name, line in zip(_HEAD, lines[1:], strict=False)]
    try:
        clinic, protocol, source, due, until, reason = values
        extension = ReviewExtension(
            clinic=clinic,
            protocol=protocol,
            source=source,
            review_due=date.fromisoformat(due),
            until=date.fromisoformat(until),
            reason=reason,
        )
    except ValueError:
        extension = None
    if extension is None or extension.text() != text:
        raise InvalidInput.of("extension", "this is no extension of a review date as written")
    return extension


def extended(due: date, source: str, extensions: Iterable[ReviewExtension]) -> date:
    """Return the review date in force: extensions count one after the other, of the same source."""
    source = " ".join(source.split())
    for extension in sorted(extensions, key=lambda one: one.until):
        if extension.source == source and extension.review_due == due:
            due = extension.until
    return due
