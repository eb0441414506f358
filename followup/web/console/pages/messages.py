"""Message list: counts by state, filters, pages, and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from followup.domain.channel import ChannelKind
from followup.domain.errors import Problem
from followup.domain.lifecycle import State
from followup.domain.outlook import Outlook
from followup.domain.protocols.timing import instant_at
from followup.messages.outlook import outlooks
from followup.messages.queries import (
    MessageFilter,
    count_by_state,
    message_page,
    next_page,
    patients_of,
    references_of,
    segments_of,
)
from followup.patients import records as patients
from followup.store.audit_log import AuditEntry
from followup.store.models.messages import Message
from followup.web.console.framework.dates import real_day
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import AUDIT, SEE_PATIENTS, Pages
from followup.web.console.framework.table_export import (
    csv_answer,
    file_name,
    local_time,
    noted,
    utc_time,
    written,
)
from followup.web.console.words.filters import cause
from followup.web.paging import parse_cursor, write_cursor
from followup.wording.channels import CHANNEL_NAMES, channel_text
from followup.wording.formats import moment
from followup.wording.states import MESSAGE_STATES, state_term

PAGE_SIZE = 50
EXPORT_BATCH = 1000
COUNTED = 1000
"""Up to here messages of one state are counted; beyond it the page says "more than"."""

STATE_FILTERS: Mapping[str, tuple[State, ...]] = {
    "": (),
    "planned": (State.PLANNED,),
    "held": (State.HELD,),
    "moving": (State.CLAIMED, State.SENDING),
    "unknown": (State.UNKNOWN,),
    "sent": (State.SENT,),
    "delivered": (State.DELIVERED,),
    "failed": (State.FAILED,),
    "expired": (State.EXPIRED,),
    "suppressed": (State.SUPPRESSED,),
    "cancelled": (State.CANCELLED,),
}
SPANS: Mapping[str, str] = {
    "": "Last 7 days",
    "today": "Today",
    "month": "Last 30 days",
    "ahead": "Next 7 days",
}
FILTER_FIELDS = ("state", "when", "channel", "step", "protocol")
DATES = tuple(f"{name}{part}" for name in ("since", "until") for part in ("", "-month", "-year"))
EXPORT_COLUMNS = (
    "Due", "Reference", "Clinic", "Follow-up", "Message", "Number", "By", "State", "Why", "Sent",
    "Delivered", "Too late after", "Tries", "Segments",
)  # fmt: skip
CODE_COLUMNS = (
    "message", "patient", "clinic", "protocol", "step", "channel", "state", "reason", "due_at",
    "not_after", "sent_at", "delivered_at",
)  # fmt: skip
"""Ids, codes and times in UTC, for programs: they follow where they are asked for."""
pages = Pages()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What was asked for, as it stands in the address."""

    given: Mapping[str, str]
    wanted: MessageFilter
    problems: tuple[Problem, ...]

    def address(self, path: str, **changed: str | None) -> str:
        """Return the address of the same choice with something changed."""
        pairs = {**self.given, **changed}
        query = urlencode({name: value for name, value in pairs.items() if value})
        return f"{path}?{query}" if query else path


@pages.get("/messages", may=SEE_PATIENTS)
def show(here: Here) -> Response:
    chosen = read_filter(here)
    form = Form.of(**chosen.given).refused(*chosen.problems)
    counts: Mapping[State, int] = {}
    rows: Sequence[Message] = ()
    people: Mapping[object, patients.Person | None] = {}
    foreseen: Mapping[UUID, Outlook] = {}
    segments: Mapping[UUID, int] = {}
    if not chosen.problems:
        wanted = replace(chosen.wanted, after=parse_cursor(here.query("after") or None))
        with here.app.store.read() as session:
            counts = count_by_state(session, chosen.wanted, most=COUNTED + 1)
            rows = message_page(session, wanted, limit=PAGE_SIZE + 1)
            found = patients_of(session, rows[:PAGE_SIZE])
            segments = segments_of(session, rows[:PAGE_SIZE])
            foreseen = outlooks(session, rows[:PAGE_SIZE], {one.id: one for one in found})
        people = {one.id: here.person(one) for one in found}
        _record(here, "messages.listed", {"shown": min(len(rows), PAGE_SIZE)})
    more = rows[PAGE_SIZE - 1] if len(rows) > PAGE_SIZE else None
    return here.page(
        "messages/list.html",
        form=form,
        rows=rows[:PAGE_SIZE],
        people=people,
        foreseen=foreseen,
        pills=_pills(chosen, counts),
        span=_span(here, chosen.wanted),
        next=_after(chosen, more) if more else None,
        csv=chosen.address("/messages.csv"),
        csv_with_ids=chosen.address("/messages.csv", **{"with": "ids"}),
        segments=segments,
        pence=here.app.policy.segment_pence,
        choices=_choices(here),
    )


@pages.get("/messages.csv", may=SEE_PATIENTS)
def download(here: Here) -> Response:
    """Answer with the same choice as a table, written while it is read."""
    chosen = read_filter(here)
    if chosen.problems:
        return here.go(chosen.address("/messages"))
    offered = {"state": [(key, "") for key in STATE_FILTERS], **_choices(here)}
    _record(here, "messages.exported", noted(chosen.given, offered))
    lines = _lines(here, chosen.wanted, with_ids=here.query("with") == "ids")
    return csv_answer(lines, name=file_name(here, "messages", None))


def read_filter(here: Here) -> Filter:
    """Return the filter of the address; what it does not know counts as not given."""
    given = {name: here.query(name) for name in (*FILTER_FIELDS, *DATES) if here.query(name)}
    now, zone = here.app.clock.now(), here.zone_of(next(iter(here.clinics), None))
    problems = []
    try:
        since, until = _span_of(given, now=now, zone=zone)
    except ValueError:
        told = "Enter a real date"
        problems.append(Problem("since" if not _is_date(given, "since") else "until", told))
        since, until = None, None
    channels = [one for one in ChannelKind if one.value == given.get("channel")]
    wanted = MessageFilter(
        states=STATE_FILTERS.get(given.get("state", ""), ()),
        steps=[given["step"]] if "step" in given else (),
        channels=channels,
        protocol=given.get("protocol"),
        clinics=None if here.member.clinics is None else here.clinics,
        since=since,
        until=until,
        latest_first=given.get("when") != "ahead",
    )
    return Filter(given=given, wanted=wanted, problems=tuple(problems))


def _span_of(
    given: Mapping[str, str], *, now: datetime, zone: ZoneInfo
) -> tuple[datetime | None, datetime | None]:
    since, until = _day(given, "since"), _day(given, "until")
    if since or until:
        return (
            instant_at(since, time.min, zone=zone) if since else None,
            instant_at(until + timedelta(days=1), time.min, zone=zone) if until else None,
        )
    today = now.astimezone(zone).date()
    match given.get("when"):
        case "today":
            tomorrow = today + timedelta(days=1)
            return instant_at(today, time.min, zone=zone), instant_at(tomorrow, time.min, zone=zone)
        case "month":
            return now - timedelta(days=30), now
        case "ahead":
            return now, now + timedelta(days=7)
    return now - timedelta(days=7), now


def _day(given: Mapping[str, str], name: str) -> date | None:
    parts = [given.get(f"{name}{part}", "") for part in ("-year", "-month", "")]
    if not any(parts):
        return None
    year, month, day = parts
    return real_day(year, month, day)


def _is_date(given: Mapping[str, str], name: str) -> bool:
    try:
        _day(given, name)
    except ValueError:
        return False
    return True


def _pills(chosen: Filter, counts: Mapping[State, int]) -> list[dict[str, object]]:
    """Return what the messages can be narrowed to, each with how many there are."""
    found: list[dict[str, object]] = []
    for key, states in STATE_FILTERS.items():
        number = sum(counts.get(state, 0) for state in states or State)
        # The sum of capped counts is no count.
        capped = any(counts.get(state, 0) > COUNTED for state in states or State)
        found.append(
            {
                "text": MESSAGE_STATES[states[0]].label if states else "All",
                "count": f"{COUNTED:,}+" if capped else f"{number:,}",
                "empty": not number,
                "href": chosen.address("/messages", state=key),
                "current": key == chosen.given.get("state", ""),
            }
        )
    return found


def _span(here: Here, wanted: MessageFilter) -> str:
    zone = here.zone_of(next(iter(here.clinics), None))
    since = f"from {moment(wanted.since, zone)}" if wanted.since else ""
    until = f"to {moment(wanted.until, zone)}" if wanted.until else ""
    return " ".join(part for part in (since, until) if part)


def _choices(here: Here) -> dict[str, list[tuple[str, str]]]:
    protocols = here.app.catalogue.protocols
    steps = {
        step.key: here.title_of(step.template, one.key)
        for one in protocols.values()
        for step in one.steps
    }
    return {
        "when": list(SPANS.items()),
        "channel": [("", "Any"), *((key.value, text) for key, text in CHANNEL_NAMES.items())],
        "step": [("", "Any"), *sorted(steps.items(), key=lambda pair: pair[1])],
        "protocol": [("", "Any"), *((key, one.name) for key, one in protocols.items())],
    }


def _after(chosen: Filter, last: Message) -> str:
    return chosen.address("/messages", after=write_cursor((last.due_at, last.id)))


def _lines(here: Here, wanted: MessageFilter, *, with_ids: bool) -> Iterator[str]:
    """Yield the table a batch at a time: no more of it is ever in memory."""
    yield written([EXPORT_COLUMNS + CODE_COLUMNS if with_ids else EXPORT_COLUMNS])
    while True:
        with here.app.store.read() as session:
            rows = message_page(session, wanted, limit=EXPORT_BATCH)
            references = references_of(session, rows, unrestricted=not here.member.may(AUDIT))
            segments = segments_of(session, rows)
        if not rows:
            return
        yield written(
            [
                _cells(here, row, references.get(row.enrolment_id), segments.get(row.id))
                + (_codes(row) if with_ids else [])
                for row in rows
            ]
        )
        wanted = next_page(wanted, rows[-1])


def _cells(here: Here, row: Message, reference: str | None, segments: int | None) -> list[str]:
    zone, clinic = here.zone_of(row.clinic), here.app.catalogue.clinics.get(row.clinic)
    times = (row.sent_at, row.delivered_at, row.not_after)
    return [
        local_time(row.due_at, zone), reference or "", clinic.name if clinic else row.clinic,
        here.protocol_name(row.protocol), here.title_of(row.template, row.protocol),
        str(row.occurrence), channel_text(row.channel), state_term(row.state).label,
        cause(row.reason, row.channel), *(local_time(at, zone) for at in times),
        str(row.attempt_count), str(segments or ""),
    ]  # fmt: skip


def _codes(row: Message) -> list[str]:
    times = (row.due_at, row.not_after, row.sent_at, row.delivered_at)
    return [
        str(row.id), str(row.patient_id or ""), row.clinic, row.protocol or "", row.step,
        row.channel, row.state, row.reason or "", *(utc_time(at) for at in times),
    ]  # fmt: skip


def _record(here: Here, action: str, detail: dict[str, object]) -> None:
    here.record(AuditEntry(action=action, detail=detail))
