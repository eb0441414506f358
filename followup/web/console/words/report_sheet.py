"""Audit report as sections and entries, for page and PDF alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from followup.audit.enrolment_evidence import EvidenceAttempt, EvidenceMessage
from followup.audit.patient_evidence import PatientReport
from followup.audit.verify import TrailVerdict
from followup.domain.channel import ChannelKind
from followup.routing.accounts import way_words
from followup.sheets import Entry, Section, Sheet
from followup.web.console.framework.request import Here
from followup.web.console.words.audit_sentences import sentences
from followup.web.console.words.filters import cause
from followup.wording.audit_trail import WHAT_TO_DO_ABOUT_DAMAGE, damage_text
from followup.wording.calls import call_text
from followup.wording.channels import channel_text, covered_text
from followup.wording.enrolments import enrolment_term
from followup.wording.formats import count, day, moment
from followup.wording.providers import attempt_text, provider_text, report_text
from followup.wording.staff import actor_text
from followup.wording.states import state_term
from followup.wording.worklist import item_term, outcome_text


def sheet_of(here: Here, report: PatientReport) -> Sheet:
    """Return a report in words."""
    zone = here.zone_of(report.patient.clinic)
    return Sheet(
        facts=tuple(_about(here, report, zone)),
        verdict=_verdict(report.verdict),
        is_broken=bool(report.verdict.damage),
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
                        when=moment(one.at, zone),
                        what="A text from the patient",
                        words=one.text or "(can’t be read any more)",
                    )
                    for one in report.heard
                ),
                empty="The patient wrote nothing.",
            ),
            Section(
                heading="What needed action, and phone calls",
                entries=tuple(_by_staff(report, zone)),
                empty="Nothing needed action, and nobody phoned.",
            ),
            Section(
                heading="What was done, by whom",
                entries=tuple(_actions(here, report, zone)),
                empty="Nothing is on record.",
            ),
        ),
    )


def _about(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    person = report.person
    clinic = here.app.catalogue.clinics.get(report.patient.clinic)
    yield "Patient", (person.name or "Without a name") if person else "The data was erased"
    if person and person.date_of_birth:
        yield "Date of birth", day(person.date_of_birth)
    if person and person.nhs_number:
        yield "NHS number", _spaced(person.nhs_number)
    yield "Clinic", clinic.name if clinic else report.patient.clinic
    for objection in report.objections:
        until = f" until {moment(objection.lifted_at, zone)}" if objection.lifted_at else ""
        since = moment(objection.lodged_at, zone)
        yield "Did not want", f"{covered_text(objection.channel)}, since {since}{until}"
    if report.patient.deceased_at:
        yield "Died", f"recorded on {day(report.patient.deceased_at, zone)}"
    yield "Times", f"by the clocks of {zone.key}"
    yield "Made", f"{moment(report.made_at, zone)}, by {here.member.name}"


def _followups(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    for one in reversed(report.enrolments):
        asked = [
            (here.question_of(one.protocol, key), "Yes" if answer else "No")
            for key, answer in one.attributes.items()
        ]
        reference = [("Reference", one.reference)] if one.reference else []
        yield Entry(
            when=moment(one.procedure_at, zone),
            what=f"{here.protocol_name(one.protocol)}: {enrolment_term(one.state).label}",
            facts=(*asked, *reference),
        )


def _told(here: Here, told: EvidenceMessage, zone: ZoneInfo) -> Entry:
    last = told.tries[-1]
    facts: list[tuple[str, str]] = []
    for each in told.tries:
        facts.extend(_attempt(here, told, each, zone))
    facts.append(("Delivery status", _fate(told)))
    subject = f"{last.subject}\n\n" if last.subject else ""
    return Entry(
        when=moment(last.attempt.started_at, zone),
        what=_what(here, told),
        facts=tuple(facts),
        words="(Erased with the patient’s data)" if last.text is None else f"{subject}{last.text}",
    )


def _attempt(
    here: Here, told: EvidenceMessage, each: EvidenceAttempt, zone: ZoneInfo
) -> Iterator[tuple[str, str]]:
    attempt = each.attempt
    kind = ChannelKind(told.view.channel)
    way = way_words(here.app, kind, account=attempt.account, sender=attempt.sender)
    outcome = attempt_text(attempt.outcome)
    why = f": {cause(attempt.code)}" if attempt.code else ""
    provider = provider_text(attempt.provider) + (f" ({way})" if way else "")
    where = f"by {provider} to {each.to or '(erased)'}"
    at = moment(attempt.started_at, zone)
    yield f"Attempt {attempt.number}", f"{at}, {where}: {outcome}{why}"
    if attempt.provider_id:
        yield "Provider’s number", attempt.provider_id
    for receipt in each.receipts:
        code = f": {cause(receipt.code)}" if receipt.code else ""
        at = moment(receipt.received_at, zone)
        yield "Confirmation", f"{report_text(receipt.status)}{code}, {at}"
    yield "Message text", f"version {attempt.content_version[:12]}. {each.approval}"


def _what(here: Here, told: EvidenceMessage) -> str:
    title = here.title_of(told.row.template, told.row.protocol)
    return f"{title}, by {channel_text(told.view.channel)}"


def _fate(told: EvidenceMessage) -> str:
    term = state_term(told.view.state)
    why = cause(told.view.reason, told.view.channel)
    return f"{term.label}: {term.meaning}" + (f" ({why})" if why else "")


def _unsent(here: Here, told: EvidenceMessage) -> Entry:
    view = told.view
    what = _what(here, told)
    return Entry(when=moment(view.local), what=f"{what}. {_fate(told)}")


def _by_staff(report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    found: list[tuple[datetime, Entry]] = []
    for item in report.items:
        facts = [("Why", cause(str(item.detail.get("cause") or "")) or "Not said")]
        if item.closed_at and item.closed_by:
            at = moment(item.closed_at, zone)
            outcome = outcome_text(item.outcome)
            facts.append(("Closed", f"{at}, by {actor_text(item.closed_by)}: {outcome}"))
        else:
            facts.append(("Closed", "Not yet"))
        entry = Entry(
            when=moment(item.opened_at, zone),
            what=item_term(item.kind, item.detail.get("channel")).label,
            facts=tuple(facts),
        )
        found.append((item.opened_at, entry))
    for rang in report.rang:
        entry = Entry(
            when=moment(rang.call.at, zone),
            what=call_text(rang.call.outcome),
            facts=(("By", actor_text(rang.call.made_by)),),
            words=rang.note,
        )
        found.append((rang.call.at, entry))
    yield from (entry for _, entry in sorted(found, key=lambda pair: pair[0]))


def _actions(here: Here, report: PatientReport, zone: ZoneInfo) -> Iterator[Entry]:
    done = [event for event in report.events if not _is_step(event.action)]
    for told in sentences(here, done):
        yield Entry(when=moment(told.event.at, zone), what=told.text)


def _is_step(action: str) -> bool:
    return action.startswith("message.") and action not in {"message.viewed", "message.again"}


def _verdict(verdict: TrailVerdict) -> str:
    if verdict.damage:
        return " ".join(map(damage_text, verdict.damage)) + f" {WHAT_TO_DO_ABOUT_DAMAGE}"
    waiting = f" {verdict.unsigned:,} of the latest are not signed yet." if verdict.unsigned else ""
    if not verdict.checkpoints:
        return "Nothing about this patient is signed yet: that is done after ten minutes."
    return (
        f"Intact: the {count(verdict.events, 'event')} about this patient that a checkpoint "
        f"covers are as they were written.{waiting}"
    )


def _spaced(nhs_number: str) -> str:
    return f"{nhs_number[:3]} {nhs_number[3:6]} {nhs_number[6:]}"
