"""Audit report as sections and entries, for page and PDF alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from followup.audit.enrolment_evidence import EvidenceAttempt, EvidenceMessage
from followup.audit.patient_evidence import PatientReport
from followup.audit.seals import TrailVerdict
from followup.domain.channel import ChannelKind
from followup.routing.accounts import way_words
from followup.web.console.framework.request import Here
from followup.web.console.words import labels as words
from followup.web.console.words.audit_sentences import sentences

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened: when, what, the facts about it, and exact words."""

    when: str
    what: str
    facts: Facts = ()
    words: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading and what stands under it; `empty` is said where that is nothing."""

    heading: str
    entries: tuple[Entry, ...]
    empty: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The whole report. `verdict` says whether anybody edited the trail, `is_broken` that one did.

    `verdict` is None where that was not looked at.
    """

    facts: Facts
    verdict: str | None
    is_broken: bool
    sections: tuple[Section, ...]


def sheet_of(here: Here, report: PatientReport) -> Sheet:
    """Return a report in words."""
    zone = here.zone_of(report.patient.clinic)
    return Sheet(
        facts=tuple(_about(here, report, zone)),
        verdict=_verdict(report.verdict) if report.verdict else None,
        is_broken=report.verdict is not None and not report.verdict.intact,
        sections=(
            Section(
                heading="Follow-up",
                entries=tuple(_followups(here, report, zone)),
                empty="The patient was never enrolled.",
            ),
            Section(
                heading="What the patient was told",
                entries=tuple(_told(here, told, zone) for told in report.told if told.tries),
                empty="Nothing was handed to a provider so far.",
            ),
            Section(
                heading="What was not sent, or not yet",
                entries=tuple(_unsent(here, told) for told in report.told if not told.tries),
                empty="Everything that was planned went to a provider.",
            ),
            Section(
                heading="What the patient wrote",
                entries=tuple(
                    Entry(
                        when=words.moment(one.at, zone),
                        what="A text from the patient",
                        words=one.text or "(can’t be read any more)",
                    )
                    for one in report.heard
                ),
                empty="The patient wrote nothing.",
            ),
            Section(
                heading="What staff were asked to do, and calls",
                entries=tuple(_by_staff(report, zone)),
                empty="Nothing needed a person, and nobody rang.",
            ),
            Section(
                heading="What was done, by whom",
                entries=tuple(_deeds(here, report, zone)),
                empty="Nothing is on record.",
            ),
        ),
    )


def _about(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    person = report.person
    clinic = here.app.catalogue.clinics.get(report.patient.clinic)
    yield "Patient", (person.name or "Without a name") if person else "The data was erased"
    if person and person.date_of_birth:
        yield "Date of birth", words.day(person.date_of_birth)
    if person and person.nhs_number:
        yield "NHS number", _spaced(person.nhs_number)
    yield "Clinic", clinic.name if clinic else report.patient.clinic
    for wish in report.wishes:
        until = f" until {words.moment(wish.lifted_at, zone)}" if wish.lifted_at else ""
        since = words.moment(wish.lodged_at, zone)
        yield "Did not want", f"{words.covered(wish.channel)}, since {since}{until}"
    if report.patient.deceased_at:
        yield "Died", f"recorded on {words.day(report.patient.deceased_at, zone)}"
    yield "Times", f"by the clocks of {zone.key}"
    yield "Made", f"{words.moment(report.made_at, zone)}, by {here.member.name}"


def _followups(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    for one in reversed(report.enrolments):
        asked = [
            (here.question_of(one.protocol, key), "Yes" if answer else "No")
            for key, answer in one.attributes.items()
        ]
        reference = [("Reference", one.reference)] if one.reference else []
        yield Entry(
            when=words.moment(one.procedure_at, zone),
            what=f"{here.protocol_name(one.protocol)}: {words.enrolment_tag(one.state).text}",
            facts=(*asked, *reference),
        )


def _told(here: Here, told: EvidenceMessage, zone: ZoneInfo) -> Entry:
    view, last = told.view, told.tries[-1]
    facts: list[tuple[str, str]] = []
    for each in told.tries:
        facts.extend(_attempt(here, told, each, zone))
    facts.append(("What became of it", _fate(told)))
    subject = f"{last.subject}\n\n" if last.subject else ""
    return Entry(
        when=words.moment(last.attempt.started_at, zone),
        what=f"{here.title_of(told.row.template)}, by {words.channel_word(view.channel)}",
        facts=tuple(facts),
        words="(The words can’t be read any more: the data was erased)"
        if last.text is None
        else f"{subject}{last.text}",
    )


def _attempt(
    here: Here, told: EvidenceMessage, each: EvidenceAttempt, zone: ZoneInfo
) -> Iterator[tuple[str, str]]:
    attempt, version = each.attempt, each.version
    kind = ChannelKind(told.view.channel)
    way = way_words(here.app, kind, account=attempt.account, sender=attempt.sender)
    outcome = words.outcome_word(attempt.outcome)
    why = f": {words.cause(attempt.code)}" if attempt.code else ""
    provider = words.provider_word(attempt.provider) + (f" ({way})" if way else "")
    where = f"by {provider} to {each.to or '(erased)'}"
    at = words.moment(attempt.started_at, zone)
    yield f"Attempt {attempt.number}", f"{at}, {where}: {outcome}{why}"
    if attempt.provider_id:
        yield "Provider’s number", attempt.provider_id
    for receipt in each.receipts:
        code = f": {words.cause(receipt.code)}" if receipt.code else ""
        at = words.moment(receipt.received_at, zone)
        yield "Confirmation", f"{words.receipt_word(receipt.status)}{code}, {at}"
    approval = words.approval_words(version.approval if version else None)
    yield "Words", f"version {attempt.content_version[:12]}. {approval}"


def _fate(told: EvidenceMessage) -> str:
    tag = words.state_tag(told.view.state)
    why = words.cause(told.view.reason)
    return f"{tag.text}: {tag.meaning}" + (f" ({why})" if why else "")


def _unsent(here: Here, told: EvidenceMessage) -> Entry:
    view = told.view
    what = f"{here.title_of(told.row.template)}, by {words.channel_word(view.channel)}"
    return Entry(when=words.moment(view.local), what=f"{what}. {_fate(told)}")


def _by_staff(report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    found: list[tuple[datetime, Entry]] = []
    for item in report.items:
        facts = [("Why", words.cause(str(item.detail.get("cause") or "")) or "Not said")]
        if item.closed_at and item.closed_by:
            at = words.moment(item.closed_at, zone)
            outcome = (item.outcome or "").replace("-", " ")
            facts.append(("Dealt with", f"{at}, by {words.actor(item.closed_by)}: {outcome}"))
        else:
            facts.append(("Dealt with", "Not yet"))
        entry = Entry(
            when=words.moment(item.opened_at, zone), what=words.kind(item.kind), facts=tuple(facts)
        )
        found.append((item.opened_at, entry))
    for rang in report.rang:
        entry = Entry(
            when=words.moment(rang.call.at, zone),
            what=words.CALLS.get(rang.call.outcome, rang.call.outcome),
            facts=(("By", words.actor(rang.call.made_by)),),
            words=rang.note,
        )
        found.append((rang.call.at, entry))
    yield from (entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def _deeds(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    done = [event for event in report.events if not _is_step(event.action)]
    for told in sentences(here, done):
        yield Entry(when=words.moment(told.event.at, zone), what=told.text)


def _is_step(action: str) -> bool:
    return action.startswith("message.") and action not in {"message.viewed", "message.again"}


def _verdict(verdict: TrailVerdict) -> str:
    if verdict.broken_between is not None:
        first, last = verdict.broken_between
        return (
            f"Not intact: of the audit events {first} to {last}, at least one was edited, removed "
            "or slipped in. Keep the database as it is, and tell whoever answers for it."
        )
    told = (
        f"Intact: the {words.count(verdict.seals, 'seal')} over {verdict.events:,} events, among "
        "them those about this patient, are as they were written."
    )
    if not verdict.seals:
        told = "Nothing about this patient is sealed yet: that is done after ten minutes."
    elif verdict.unsealed:
        told += f" {verdict.unsealed:,} of the latest are not sealed yet."
    return told


def _spaced(nhs_number: str) -> str:
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}"
