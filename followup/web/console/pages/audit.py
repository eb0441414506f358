"""Audit trail page: by day, who did what, to which patient; and as CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.audit.queries import AuditTrail, audit_trail
from followup.domain.errors import Problem
from followup.domain.protocols.timing import instant_at
from followup.messages.queries import references_of
from followup.staff.members import all_members
from followup.store.audit_log import AuditEntry
from followup.store.models.audit import AuditEvent
from followup.store.models.staff import Staff
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, Pages
from followup.web.console.framework.table_export import (
    csv_answer,
    file_name,
    local_time,
    noted,
    utc_time,
    written,
)
from followup.web.console.words.audit_sentences import Sentence, sentences

PAGE_SIZE = 50
EXPORT_BATCH = 1000
DATE_PARTS = ("", "-month", "-year")
DATES = tuple(f"{name}{part}" for name in ("since", "until") for part in DATE_PARTS)
FILTER_FIELDS = ("who", "what")
EXPORT_COLUMNS = ("Time", "Who", "What was done", "Reference", "Clinic")
CODE_COLUMNS = (
    "event", "at", "who", "action", "patient", "enrolment", "message", "clinic",
)  # fmt: skip
"""Ids, codes and the time in UTC, for programs: they follow where they are asked for."""
LOOKS = (
    "patient.viewed", "patient.revealed", "patient.reported", "patient.report-exported",
    "patient.data-exported", "patient.evidence-exported", "patient.incident-exported",
    "patients.listed", "message.viewed", "messages.listed", "messages.exported", "audit.",
    "worklist.viewed", "worklist.listed", "worklist.exported", "list.viewed", "list.exported",
)  # fmt: skip
WHAT_CHOICES: Mapping[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "": ("All but the steps of messages", (), ("message.",)),
    "looks": ("Who looked at what", LOOKS, ()),
    "patients": (
        "Patients and their follow-up",
        ("enrolment.", "list.", "objection.", "patient."),
        (),
    ),
    "messages": ("Each step of each message", ("message.",), ()),
    "attention": ("What needed a person", ("worklist.",), ()),
    "team": ("Team, keys and switches", ("staff.", "switch.", "api-key.", "keys."), ()),
    "all": ("Everything", (), ()),
}
"""What can be chosen: its words, the kinds of events, and those that are left out."""
WHO_CHOICES: Mapping[str, tuple[str, str | None]] = {
    "": ("Anybody", None),
    "team": ("Anybody in the team", "web:"),
    "service": ("The service itself", ""),
    "patients": ("Patients", "patient"),
    "providers": ("Providers", "provider"),
    "systems": ("Other systems", "api:"),
    "command-line": ("Command line", "cli:"),
}
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was asked for, as it stands in the address."""

    form: Form
    wanted: AuditTrail

    def address(self, path: str, **more: str) -> str:
        """Return an address with the same choice."""
        values = {name: self.form.text(name) for name in (*FILTER_FIELDS, *DATES)}
        pairs = {name: value for name, value in {**values, **more}.items() if value}
        return f"{path}?{urlencode(pairs)}"


@pages.get("/audit", may=AUDIT)
def show(here: Here) -> Response:
    staff = _staff(here)
    chosen = read(here, staff)
    found: list[Sentence] = []
    if not chosen.form.problems:
        wanted = replace(chosen.wanted, before=_cursor(here.query("before")))
        with here.app.store.read() as session:
            events = audit_trail(session, wanted, limit=PAGE_SIZE + 1)
        found = sentences(here, events)
        _record(here, "audit.viewed", {"shown": min(len(found), PAGE_SIZE)})
    zone, offered = _zone(here), _choices(staff)
    last = found[PAGE_SIZE - 1].event if len(found) > PAGE_SIZE else None
    return here.page(
        "audit.html",
        form=chosen.form,
        days=[
            (day, list(group))
            for day, group in groupby(
                found[:PAGE_SIZE], key=lambda one: one.event.at.astimezone(zone).date()
            )
        ],
        zone=zone,
        who=offered["who"],
        what=offered["what"],
        next=chosen.address("/audit", before=_mark(last.at, last.id)) if last else None,
        csv=chosen.address("/audit.csv"),
        csv_with_ids=chosen.address("/audit.csv", **{"with": "ids"}),
    )


@pages.get("/audit.csv", may=AUDIT)
def download(here: Here) -> Response:
    """Answer with the same choice as a table, written while it is read; it names no patient."""
    staff = _staff(here)
    chosen = read(here, staff)
    if chosen.form.problems:
        return here.go(chosen.address("/audit"))
    given = {name: chosen.form.text(name) for name in (*FILTER_FIELDS, *DATES)}
    _record(here, "audit.exported", noted(given, _choices(staff)))
    lines = _lines(here, chosen.wanted, with_ids=here.query("with") == "ids")
    return csv_answer(lines, name=file_name(here, "audit", None))


def read(here: Here, staff: Mapping[str, Staff]) -> Chosen:
    """Return the choice of the address; without dates it is today, where the clinic is."""
    zone = _zone(here)
    today = here.app.clock.now().astimezone(zone).date()
    form = Form.of(**{name: here.query(name) or None for name in (*FILTER_FIELDS, *DATES)})
    problems = []
    days: dict[str, date] = {}
    for name in ("since", "until"):
        try:
            days[name] = _day(form, name) or days.get("since", today)
        except ValueError:
            told = "Enter a real date"
            problems.append(Problem(name, told))
            days[name] = today
    if not problems and days["until"] < days["since"]:
        problems.append(Problem("until", "This is before the first day: turn the two round"))
    _, kinds, but = WHAT_CHOICES.get(form.text("what"), WHAT_CHOICES[""])
    wanted = AuditTrail(
        since=instant_at(days["since"], time.min, zone=zone),
        until=instant_at(days["until"] + timedelta(days=1), time.min, zone=zone),
        clinics=None if here.member.clinics is None else here.clinics,
        by=_by(form.text("who"), staff),
        kinds=kinds,
        but=but,
    )
    return Chosen(form=_dated(form, days).refused(*problems), wanted=wanted)


def _dated(form: Form, days: Mapping[str, date]) -> Form:
    """Return the form with the days that count filled in; what was typed wrong stays as it is."""
    values = dict(form.values)
    for name, day in days.items():
        if not any(form.text(f"{name}{part}") for part in DATE_PARTS):
            parts = (day.day, day.month, day.year)
            values |= {
                f"{name}{part}": (str(it),) for part, it in zip(DATE_PARTS, parts, strict=True)
            }
    return Form(values=values)


def _day(form: Form, name: str) -> date | None:
    parts = [form.text(f"{name}{part}") for part in reversed(DATE_PARTS)]
    if not any(parts):
        return None
    year, month, day = parts
    return real_day(year, month, day)


def _by(who: str, staff: Mapping[str, Staff]) -> str | None:
    if who in staff:
        return f"web:{staff[who].email}"
    return WHO_CHOICES.get(who, WHO_CHOICES[""])[1]


def _staff(here: Here) -> Mapping[str, Staff]:
    with here.app.store.read() as session:
        return {str(one.id): one for one in all_members(session)}


def _choices(staff: Mapping[str, Staff]) -> dict[str, list[tuple[str, str]]]:
    people = [(key, one.name) for key, one in staff.items()]
    return {
        "who": [*((key, text) for key, (text, _) in WHO_CHOICES.items()), *people],
        "what": [(key, text) for key, (text, _, _) in WHAT_CHOICES.items()],
    }


def _zone(here: Here) -> ZoneInfo:
    return here.zone_of(next(iter(here.clinics), None))


def _lines(here: Here, wanted: AuditTrail, *, with_ids: bool) -> Iterator[str]:
    yield written([EXPORT_COLUMNS + CODE_COLUMNS if with_ids else EXPORT_COLUMNS])
    while True:
        with here.app.store.read() as session:
            events = audit_trail(session, wanted, limit=EXPORT_BATCH)
            references = references_of(session, events)
        if not events:
            return
        yield written(
            [
                _cells(here, one, references.get(one.event.enrolment_id))
                + (_codes(one.event) if with_ids else [])
                for one in sentences(here, events)
            ]
        )
        wanted = wanted.after(events[-1])


def _cells(here: Here, told: Sentence, reference: str | None) -> list[str]:
    event = told.event
    clinic = here.app.catalogue.clinics.get(event.clinic or "")
    what = told.text.removeprefix(told.who).lstrip()
    return [
        local_time(event.at, here.zone_of(event.clinic)), told.who, what, reference or "",
        clinic.name if clinic else event.clinic or "",
    ]  # fmt: skip


def _codes(event: AuditEvent) -> list[str]:
    ids = (event.patient_id, event.enrolment_id, event.message_id)
    return [
        str(event.id), utc_time(event.at), event.actor, event.action,
        *(str(it or "") for it in ids), event.clinic or "",
    ]  # fmt: skip


def _mark(at: datetime, event_id: int) -> str:
    return f"{at:%Y%m%dT%H%M%S%f}_{event_id}"


def _cursor(text: str) -> tuple[datetime, int] | None:
    found = re.fullmatch("([0-9]{8}T[0-9]{12})_([0-9]{1,18})", text)
    if found is None:
        return None
    try:
        at = datetime.strptime(found[1], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:
        return None
    return at, int(found[2])


def _record(here: Here, action: str, detail: dict[str, object]) -> None:
    here.record(AuditEntry(action=action, detail=detail))
