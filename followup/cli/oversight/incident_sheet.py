"""An incident as sections and entries, for a page to read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from followup.audit.enrolment_evidence import EvidenceMessage
from followup.audit.incident import Incident
from followup.audit.verify import TrailVerdict
from followup.cli.framework.timeline_table import step_title
from followup.sheets import Entry, Facts, Section, Sheet
from followup.wording.audit_trail import WHAT_TO_DO_ABOUT_DAMAGE, damage_text, unsigned_text
from followup.wording.calls import call_text
from followup.wording.channels import channel_text
from followup.wording.enrolments import enrolment_term
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import moment
from followup.wording.providers import attempt_text, provider_text, report_text
from followup.wording.staff import actor_text
from followup.wording.states import state_term
from followup.wording.worklist import item_term, outcome_text

TITLE = "Record of an incident"


def incident_sheet(incident: Incident) -> Sheet:
    """Return an incident in words, by the clock of the enrolment."""
    zone = ZoneInfo(incident.evidence.enrolment.zone)
    mine = [told for told in incident.evidence.told if told.row.id == incident.message]
    return Sheet(
        facts=tuple(_about(incident, zone)),
        verdict=_verdict(incident.verdict),
        is_broken=bool(incident.verdict.damage),
        sections=(
            *(
                [
                    Section(
                        heading="The message that it is about",
                        entries=tuple(_told(mine[0], zone)),
                        empty="",
                    )
                ]
                if mine
                else []
            ),
            Section(
                heading="All messages",
                entries=tuple(
                    each for told in incident.evidence.told for each in _told(told, zone)
                ),
                empty="None was planned.",
            ),
            Section(
                heading="What the patient wrote",
                entries=tuple(_replies(incident, zone)),
                empty="Nothing, or nothing that is certainly this patient's.",
            ),
            Section(
                heading="What staff did",
                entries=tuple(_staff(incident, zone)),
                empty="Nothing needed action, and nobody phoned.",
            ),
            Section(
                heading="The audit trail",
                entries=tuple(
                    Entry(
                        when=moment(event.at, zone),
                        what=f"{actor_text(event.actor)}: {event.action}",
                        facts=_detail(event.detail),
                    )
                    for event in incident.evidence.events
                ),
                empty="Nothing is on record.",
            ),
        ),
    )


def _about(incident: Incident, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    evidence = incident.evidence
    one = evidence.enrolment
    yield "Enrolment", str(one.id)
    if incident.message is not None:
        yield "Message", str(incident.message)
    yield "Clinic", one.clinic
    yield "Protocol", f"{one.protocol}, version {one.protocol_version}"
    yield "Procedure", moment(one.procedure_at, zone)
    yield "State", enrolment_term(one.state).label
    if evidence.why_ended:
        yield "Ended because", evidence.why_ended
    for key, answer in one.attributes.items():
        yield key, "Yes" if answer else "No"
    yield "Patient", ", ".join(evidence.who.values()) or "The data was erased"
    yield "Times", f"by the clocks of {zone.key}"
    yield "Exported", moment(incident.made_at, zone)


def _verdict(verdict: TrailVerdict) -> str:
    if verdict.damage:
        return " ".join(map(damage_text, verdict.damage)) + f" {WHAT_TO_DO_ABOUT_DAMAGE}"
    waiting = f"{verdict.unsigned:,} of the latest are not signed yet."
    if verdict.overdue:
        waiting = unsigned_text(*verdict.overdue)
    return (
        f"Intact: {verdict.events:,} events under {verdict.checkpoints:,} checkpoints, of all "
        f"patients, are as they were written. {waiting}"
    )


def _told(told: EvidenceMessage, zone: ZoneInfo) -> Iterator[Entry]:
    view = told.view
    term = state_term(view.state)
    why = failure_reason_of(view.reason, view.channel).happened if view.reason else ""
    facts: list[tuple[str, str]] = [
        ("State", f"{term.label}: {term.meaning}" + (f" ({why})" if why else "")),
        ("Id", str(told.row.id)),
        (
            "Send between",
            f"{moment(told.row.not_before, zone)} and {moment(told.row.not_after, zone)}",
        ),
    ]
    for each in told.tries:
        attempt = each.attempt
        outcome = attempt_text(attempt.outcome)
        code = f" (code {attempt.code})" if attempt.code else ""
        way = f"by {provider_text(attempt.provider)} to {each.to or '(erased)'}"
        at = moment(attempt.started_at, zone)
        facts.append((f"Attempt {attempt.number}", f"{at}, {way}: {outcome}{code}"))
        facts += [
            ("Receipt", f"{report_text(receipt.status)}, {moment(receipt.received_at, zone)}")
            for receipt in each.receipts
        ]
        facts.append(("Version of the words", attempt.content_version))
    last = told.tries[-1] if told.tries else None
    words = last and "\n\n".join(part for part in (last.subject, last.text) if part)
    yield Entry(
        when=moment(view.local, zone),
        what=f"{step_title(view.step, view.occurrence)}, {channel_text(view.channel)}",
        facts=tuple(facts),
        words=words or None,
    )


def _replies(incident: Incident, zone: ZoneInfo) -> Iterator[Entry]:
    for reply in incident.replies:
        yield Entry(
            when=moment(reply.at, zone),
            what=f"sorted as {', '.join(reply.classes) or 'nothing in particular'}",
            facts=(("Sorted by", reply.sorted_by),),
            words=reply.text or "(erased)",
        )


def _staff(incident: Incident, zone: ZoneInfo) -> Iterator[Entry]:
    found: list[tuple[datetime, Entry]] = []
    for item in incident.evidence.items:
        closed = (
            f"{moment(item.closed_at, zone)}, by {actor_text(item.closed_by)}: "
            f"{outcome_text(item.outcome)}"
            if item.closed_at and item.closed_by
            else "Not yet"
        )
        entry = Entry(
            when=moment(item.opened_at, zone),
            what=item_term(item.kind, item.detail.get("channel")).label,
            facts=(("Closed", closed),),
        )
        found.append((item.opened_at, entry))
    for call in incident.calls:
        entry = Entry(
            when=moment(call.at, zone),
            what=call_text(call.outcome),
            facts=(("By", actor_text(call.made_by)),),
            words=call.note,
        )
        found.append((call.at, entry))
    yield from (entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def _detail(detail: dict[str, object] | None) -> Facts:
    return tuple((key, str(value)) for key, value in (detail or {}).items())
