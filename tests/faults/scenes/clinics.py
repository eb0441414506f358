"""Clinics and a protocol for fault runs: every message of its own words, due within minutes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from followup.enrolment.enrol import EnrolmentRequest
from tests.support.people import EMAIL, SMS, person

PROTOCOL = "faults"
CLINICS = ("fault-north", "fault-south")
TEMPLATES = (
    "going-home",
    "facet-going-home",
    "sugar",
    "dressing",
    "flare",
    "flare-over",
    "moving",
    "red-flags",
)
FIRST = timedelta(hours=1)
"""The first step falls due so long after the procedure; the others a minute apart after it."""
NUMBERS = 998
"""Drama numbers that one patient of each clinic has; the last but one is the sender's."""

_CLINIC = """
key = "{key}"
name = "{name}"
short_name = "{name}"
phone = "01752 437706"
emergency_department = "Derriford Emergency Department"
zone = "{zone}"
division = "england-and-wales"
languages = ["en"]
[office_hours]
monday = {{ opens = "09:00", closes = "17:00" }}
[sending_hours]
opens = "00:00"
closes = "23:59"
[email]
from = "{key}@example.com"
"""

_PROTOCOL = f"""
key = "{PROTOCOL}"
name = "A protocol for fault runs"
[source]
reference = "none"
title = "none"
version = "1"
issued = 2026-01-01
review_due = 2036-01-01
"""

_STEP = """
[[steps]]
key = "{template}"
targets = [{{ after = "{after}m" }}]
not_before = {{ after = "{after}m" }}
not_after = {{ after_target = "{window}m" }}
missed = "person"
channels = [{channels}]
fallback = {fallback}
priority = {priority}
receipt_deadline = "{receipt}m"
source = "none"
"""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the protocol of a run asks for. Times are whole minutes of service time.

    The steps have the `windows` in turn.
    """

    steps: int = len(TEMPLATES)
    apart: int = 1
    windows: tuple[int, ...] = (30,)
    receipt: int = 1
    channels: tuple[str, ...] = ("sms",)

    def write(self, folder: Path) -> Path:
        """Write the files of a configuration folder, and return the folder."""
        for name in ("clinics", "protocols"):
            (folder / name).mkdir(parents=True)
        for key in CLINICS:
            text = _CLINIC.format(key=key, name=key.replace("-", " ").title(), zone=_at_midday())
            (folder / "clinics" / f"{key}.toml").write_text(text, encoding="utf-8")
        steps = "".join(self._step(place) for place in range(self.steps))
        text = _PROTOCOL + steps
        (folder / "protocols" / f"{PROTOCOL}.toml").write_text(text, encoding="utf-8")
        return folder

    def _step(self, place: int) -> str:
        return _STEP.format(
            template=TEMPLATES[place],
            after=int(FIRST.total_seconds()) // 60 + place * self.apart,
            window=self.windows[place % len(self.windows)],
            channels=", ".join(f'"{channel}"' for channel in self.channels),
            fallback=str(len(self.channels) > 1).lower(),
            priority=1 + place,
            receipt=self.receipt,
        )


def _at_midday() -> str:
    """Return a zone where it is about noon, so that no run meets the one minute without sending."""
    ahead = 12 - datetime.now(UTC).hour
    # Their names count the other way round.
    return f"Etc/GMT{-ahead:+d}"


def request_due_at(
    serial: int, due_at: datetime, *, channels: tuple[str, ...] = ("sms",)
) -> EnrolmentRequest:
    """Return the request of a patient whose first message falls due then.

    No two patients of one clinic share a number: number and words are those of one message alone.
    """
    clinic, number = divmod(serial, NUMBERS)
    return EnrolmentRequest(
        clinic=CLINICS[clinic],
        protocol=PROTOCOL,
        reference=f"FAULT-{serial}",
        procedure_at=due_at - FIRST,
        attributes={},
        person=person(serial, mobile=f"+447700900{number:03d}"),
        channels=tuple(kind for kind in (SMS, EMAIL) if kind.value in channels),
    )
