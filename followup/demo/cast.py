"""Who plays in the demonstration, and what happens to them. Nobody in it exists.

Mobile numbers are Ofcom's drama numbers, NHS numbers are of the 999 range kept for tests, and
addresses are at example.com.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from followup.domain.channel import ChannelKind
from followup.enrolment.enrol import EnrolmentRequest
from followup.patients.records import Person

LONDON = ZoneInfo("Europe/London")
BOTH_CHANNELS = (ChannelKind.SMS, ChannelKind.EMAIL)
TEXTS_ONLY = (ChannelKind.SMS,)


def _local(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=LONDON)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One patient of the demonstration.

    `stops_at` is when they text STOP, `moved` when staff move the procedure, and to which time.
    """

    key: str
    who: str
    enrolled_at: datetime
    procedure_at: datetime
    nhs_number: str
    mobile: str | None = None
    email: str | None = None
    channels: tuple[ChannelKind, ...] = TEXTS_ONLY
    diabetic: bool = False
    steroid: bool = True
    stops_at: datetime | None = None
    moved: tuple[datetime, datetime] | None = None

    def request(self) -> EnrolmentRequest:
        """Return the enrolment of this patient."""
        return EnrolmentRequest(
            clinic="derriford-pain",
            protocol="nerve-root-block",
            reference=f"DEMO-{self.key}",
            procedure_at=self.procedure_at,
            attributes={"diabetic": self.diabetic, "steroid_given": self.steroid},
            person=Person(
                name=f"Demo Patient {self.key}",
                nhs_number=self.nhs_number,
                date_of_birth=date(1957, 5, 17),
                mobile=self.mobile,
                email=self.email,
                language="en",
            ),
            channels=self.channels,
        )


START = _local(10, 19, 9)
END = _local(12, 6, 12)

DEMO_CAST: tuple[Part, ...] = (
    Part(
        key="A",
        who="diabetic, steroid given",
        enrolled_at=_local(10, 20, 10, 40),
        procedure_at=_local(10, 20, 10),
        nhs_number="9990000018",
        mobile="+447700900001",
        email="a@example.com",
        channels=BOTH_CHANNELS,
        diabetic=True,
    ),
    Part(
        key="B",
        who="diabetic, no steroid",
        enrolled_at=_local(10, 20, 11, 30),
        procedure_at=_local(10, 20, 11),
        nhs_number="9990000026",
        mobile="+447700900002",
        diabetic=True,
        steroid=False,
    ),
    Part(
        key="C",
        who="not diabetic",
        enrolled_at=_local(10, 20, 12, 20),
        procedure_at=_local(10, 20, 11, 45),
        nhs_number="9990000034",
        mobile="+447700900003",
    ),
    Part(
        key="D",
        who="e-mail only",
        enrolled_at=_local(10, 20, 14, 10),
        procedure_at=_local(10, 20, 13, 30),
        nhs_number="9990000042",
        email="d@example.com",
        channels=(ChannelKind.EMAIL,),
    ),
    Part(
        key="E",
        who="wrong number, e-mail too",
        enrolled_at=_local(10, 20, 15, 5),
        procedure_at=_local(10, 20, 14, 30),
        nhs_number="9990000050",
        mobile="+447700900111",
        email="e@example.com",
        channels=BOTH_CHANNELS,
    ),
    Part(
        key="F",
        who="a landline, nothing else",
        enrolled_at=_local(10, 20, 15, 50),
        procedure_at=_local(10, 20, 15),
        nhs_number="9990000069",
        mobile="+447700900888",
    ),
    Part(
        key="G",
        who="texts STOP in week 1",
        enrolled_at=_local(10, 20, 16, 30),
        procedure_at=_local(10, 20, 16),
        nhs_number="9990000077",
        mobile="+447700900007",
        stops_at=_local(10, 24, 18, 15),
    ),
    Part(
        key="H",
        who="procedure moved by a day",
        enrolled_at=_local(10, 19, 10),
        procedure_at=_local(10, 21, 9),
        nhs_number="9990000085",
        mobile="+447700900008",
        moved=(_local(10, 20, 16), _local(10, 22, 9)),
    ),
    Part(
        key="I",
        who="enrolled late in the evening",
        enrolled_at=_local(10, 20, 20, 50),
        procedure_at=_local(10, 20, 20, 15),
        nhs_number="9990000093",
        mobile="+447700900009",
    ),
    Part(
        key="J",
        who="day 1 is the clock change",
        enrolled_at=_local(10, 24, 15),
        procedure_at=_local(10, 24, 14, 30),
        nhs_number="9990000107",
        mobile="+447700900010",
    ),
    Part(
        key="K",
        who="carrier loses its answers",
        enrolled_at=_local(10, 20, 17, 40),
        procedure_at=_local(10, 20, 17),
        nhs_number="9990000115",
        mobile="+447700900555",
    ),
)
