"""Page of a person's export: what is held on them, in the order in which they would ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from followup.domain import actors
from followup.sheets import Entry, Section, Sheet
from followup.store.data_map import data_map
from followup.subject_access.rows import Values
from followup.wording.audit_verbs import AUDIT_VERBS, PATIENT_SLOT
from followup.wording.calls import call_text
from followup.wording.channels import channel_text, covered_text
from followup.wording.enrolments import enrolment_term
from followup.wording.formats import capital, day, moment
from followup.wording.patients import need_text
from followup.wording.providers import attempt_text, provider_text
from followup.wording.states import state_term
from followup.wording.worklist import item_term, outcome_text

Tables = Mapping[str, Sequence[Values]]
LOOKS = (".viewed", ".revealed", ".reported", ".exported", "-exported", ".read")
"""How the actions end by which somebody looked at a person's data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the page is written with: rows without others, and whose clocks tell the time."""

    tables: Tables
    copies: Mapping[str, Sequence[Values]]
    clinic: str
    zone: ZoneInfo
    made_at: datetime

    def at(self, value: object) -> str:
        """Return a time as people write it, by the clinic's clock."""
        return moment(datetime.fromisoformat(str(value)), self.zone) if value else "–"


def page_of(told: Told) -> Sheet:
    """Return the page."""
    return Sheet(
        facts=tuple(_who(told)),
        verdict="",
        is_broken=False,
        sections=(
            _section("Why we hold this, and your rights", _rights(told)),
            _section("Follow-up after your procedures", _follow_ups(told)),
            _section("What we sent to you", _sent(told)),
            _section("What was not sent, or not yet", _unsent(told)),
            _section("What you wrote to us", _heard(told)),
            _section("Phone calls, and what staff looked into", _staff(told)),
            _section("What you did not want", _objections(told)),
            _section("What hospital systems and lists told us", _brought(told)),
            _section("Who looked at your data", _events(told, looks=True)),
            _section("What else was done", _events(told, looks=False)),
        ),
    )


def _section(heading: str, entries: Iterator[Entry]) -> Section:
    return Section(heading=heading, entries=tuple(entries), empty="Nothing is held.")


def _who(told: Told) -> Iterator[tuple[str, str]]:
    for row in told.tables["patients"]:
        yield "Name", row["name"] or "Not known"
        if row["date_of_birth"]:
            yield "Date of birth", day(date.fromisoformat(row["date_of_birth"]))
        if row["nhs_number"]:
            yield "NHS number", row["nhs_number"]
        yield "Mobile", row["mobile"] or "None"
        yield "E-mail", row["email"] or "None"
        yield "Language", row["language"]
        if row["needs"]:
            yield "Reading needs", ", ".join(map(need_text, str(row["needs"]).split()))
    yield "Clinic", told.clinic
    yield "Times", f"by the clocks of {told.zone.key}"
    yield "Made", moment(told.made_at, told.zone)


def _rights(told: Told) -> Iterator[Entry]:
    noted = data_map()
    kinds = {noted.tables[name].basis for name, rows in told.tables.items() if rows}
    for basis in sorted(kinds - {"no person"}):
        yield Entry(when="Legal basis", what=noted.bases[basis])
    for kept in sorted({noted.tables[name].kept for name, rows in told.tables.items() if rows}):
        yield Entry(when="How long", what=noted.kept[kept])
    via = sorted({provider_text(row["provider"]) for row in told.tables["attempts"]})
    yield Entry(when="Who received it", what=", ".join(via) or "Nobody outside of the clinic")
    yield Entry(when="Decisions", what="No decision about you is made by a computer alone.")
    yield Entry(
        when="Your rights",
        what="You may ask for corrections, for erasure, that the use is restricted, and object. "
        "Ask the clinic. You may also complain to the Information Commissioner: ico.org.uk.",
    )
    yield Entry(
        when="What is not here",
        what="Data of other people: staff stand by their role. Texts from a number that several "
        "patients share belong to none of them. data.json holds everything else, field by field.",
    )


def _follow_ups(told: Told) -> Iterator[Entry]:
    for row in told.tables["enrolments"]:
        answers = tuple(
            (capital(key.replace("_", " ")), {True: "Yes", False: "No"}.get(value, str(value)))
            for key, value in row["attributes"].items()
        )
        ended = (("Ended", row["ended_reason"]),) if row["ended_reason"] else ()
        yield Entry(
            when=told.at(row["procedure_at"]),
            what=f"{row['protocol'].replace('-', ' ')}: {enrolment_term(row['state']).label}",
            facts=(*answers, *ended),
        )


def _sent(told: Told) -> Iterator[Entry]:
    messages = {row["id"]: row for row in told.tables["messages"]}
    for row in told.tables["attempts"]:
        message = messages[row["message_id"]]
        fate = state_term(message["state"])
        yield Entry(
            when=told.at(row["started_at"]),
            what=capital(channel_text(message["channel"])),
            words="\n\n".join(filter(None, (row["subject"], row["body"]))) or "(Not kept)",
            facts=(
                ("To", row["address"] or "–"),
                ("By", f"{provider_text(row['provider'])}: {attempt_text(row['outcome'])}"),
                ("Delivery status", f"{fate.label}: {fate.meaning}"),
                *((("Your answer", message["answer"]),) if message["answer"] else ()),
            ),
        )


def _unsent(told: Told) -> Iterator[Entry]:
    tried = {row["message_id"] for row in told.tables["attempts"]}
    for row in sorted(told.tables["messages"], key=lambda each: each["due_at"]):
        if row["id"] not in tried:
            label = state_term(row["state"]).label
            about = row["template"].replace("-", " ")
            yield Entry(
                when=told.at(row["due_at"]),
                what=f"{capital(channel_text(row['channel']))} ({about}): {label}",
            )


def _heard(told: Told) -> Iterator[Entry]:
    for row in told.tables["inbound_messages"]:
        yield Entry(
            when=told.at(row["received_at"]),
            what="Text from you",
            words=row["body"] or "(Not kept)",
            facts=(("From", row["address"] or "–"),),
        )


def _staff(told: Told) -> Iterator[Entry]:
    for row in told.tables["calls"]:
        by = (("By", row["made_by"]),)
        yield Entry(
            when=told.at(row["at"]), what=call_text(row["outcome"]), facts=by, words=row["note"]
        )
    for row in told.tables["worklist_items"]:
        closed = (
            f"{told.at(row['closed_at'])}, by {row['closed_by']}: {outcome_text(row['outcome'])}"
        )
        yield Entry(
            when=told.at(row["opened_at"]),
            what=item_term(row["kind"], row["detail"].get("channel")).label,
            facts=(("Closed", closed if row["closed_at"] else "Not yet"),),
            words=row["note"],
        )


def _objections(told: Told) -> Iterator[Entry]:
    for row in told.tables["objections"]:
        until = f", until {told.at(row['lifted_at'])}" if row["lifted_at"] else ""
        yield Entry(when=told.at(row["lodged_at"]), what=f"{covered_text(row['channel'])}{until}")


def _brought(told: Told) -> Iterator[Entry]:
    for row in told.tables["feed_people"]:
        yield Entry(when=told.at(row["created_at"]), what=row["site"], facts=_facts(row["facts"]))
    for row in told.tables["feed_visits"]:
        yield Entry(when=told.at(row["created_at"]), what="A visit", facts=_facts(row["facts"]))
    for row in told.tables["enrolment_drafts"]:
        yield Entry(
            when=told.at(row["opened_at"]), what="A draft", facts=_facts(row["content"] or {})
        )
    for row in told.copies["uploaded_lists"]:
        yield Entry(
            when=told.at(row["uploaded_real_at"]),
            what="A row of a list",
            words=", ".join(row["cells"]),
        )


def _facts(values: Any) -> tuple[tuple[str, str], ...]:  # noqa: ANN401 - JSON
    if not isinstance(values, Mapping):
        return (("Told", str(values)),) if values else ()
    return tuple(
        (capital(str(key).replace("_", " ")), ", ".join(_leaves(value)) or "–")
        for key, value in values.items()
    )


def _leaves(value: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif value not in {None, ""}:
        yield str(value)


def _events(told: Told, *, looks: bool) -> Iterator[Entry]:
    for row in told.tables["audit_events"]:
        action = row["action"]
        steps = action.startswith("message.") and action not in AUDIT_VERBS
        if not steps and action.endswith(LOOKS) is looks:
            yield Entry(when=told.at(row["at"]), what=_done(row))


def _done(row: Values) -> str:
    action = row["action"]
    if action == "worklist.opened":
        return "A person was asked to look into something"
    what = AUDIT_VERBS.get(action, action.replace(".", " ").replace("-", " "))
    what = what.partition(": {")[0].replace(f"of {PATIENT_SLOT}", "of yours")
    who = "you" if row["actor"] == actors.PATIENT else row["actor"]
    return f"{capital(who)} {_plain(what)}"


def _plain(what: str) -> str:
    """Return what was done with the person as `you`, and what stands in other gaps left out."""
    return (
        what.replace(PATIENT_SLOT, "you")
        .replace(" {to}", " another time")
        .replace("{fields}", "details")
        .replace("{address}", "an address")
        .replace("{covered}", "messages")
        .replace(" to {staff}", "")
        .replace("{staff}", "a member of staff")
    )
