"""Made-up people: synthetic NHS numbers (999…), Ofcom's drama numbers, example.com."""

from __future__ import annotations

from datetime import UTC, date, datetime

from followup.domain.channel import ChannelKind
from followup.enrolment.enrol import EnrolmentRequest
from followup.patients.records import Person

SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL
CLINIC, PROTOCOL = "derriford-pain", "nerve-root-block"

PROCEDURE_AT = datetime(2026, 10, 19, 13, 30, tzinfo=UTC)
"""A Monday at 14:30 in Plymouth, six days before the clocks go back."""
ENROLLED_AT = datetime(2026, 10, 19, 14, 0, tzinfo=UTC)
"""Half an hour later, at 15:00: where the clock of a test app context stands at first."""


def nhs_number(serial: int) -> str:
    """Return a synthetic NHS number with a right check digit; a different one for each serial.

    One nine-digit stem in eleven has no check digit, so stems are taken from groups of two.
    """
    for stem in (f"999{serial * 2:06d}", f"999{serial * 2 + 1:06d}"):
        rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(stem)) % 11
        if rest != 10:
            return stem + str(rest % 11)
    raise ValueError(f"neither stem of {serial} has a check digit")


def person(serial: int = 1, **changes: object) -> Person:
    """Return a person; the same serial is the same person."""
    values: dict[str, object] = {
        "name": f"Test Patient-{serial:05d}",
        "nhs_number": nhs_number(serial),
        "date_of_birth": date(1950 + serial % 50, 1 + serial % 12, 1 + serial % 28),
        "mobile": f"+447700900{serial % 1000:03d}",
        "email": f"patient{serial}@example.com",
        "language": "en",
    }
    return Person(**{**values, **changes})  # type: ignore[arg-type]


def request(
    serial: int = 1,
    *,
    diabetic: bool = False,
    steroid: bool = True,
    procedure_at: datetime = PROCEDURE_AT,
    channels: tuple[ChannelKind, ...] = (SMS, EMAIL),
    reference: str | None = "",
    protocol: str = PROTOCOL,
    clinic: str = CLINIC,
    attributes: dict[str, object] | None = None,
    **changes: object,
) -> EnrolmentRequest:
    """Return a request that is right in every field; `changes` are those of the person.

    The reference is `REF-<serial>` unless given; None is none.
    """
    if attributes is None:
        attributes = {"diabetic": diabetic, "steroid_given": steroid}
    return EnrolmentRequest(
        clinic=clinic,
        protocol=protocol,
        reference=f"REF-{serial}" if reference == "" else reference,
        procedure_at=procedure_at,
        attributes=attributes,
        person=person(serial, **changes),
        channels=channels,
    )
