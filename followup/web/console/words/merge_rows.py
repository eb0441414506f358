"""Two records side by side, in words: what each says, and what counts afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from followup.content.languages import staff_name
from followup.domain.merging.facts import Contact, Question, RecordFacts
from followup.merging.both_records import facts_of
from followup.merging.preview import MergePreview, RecordView
from followup.web.console.framework.request import Here
from followup.wording.channels import covered_text
from followup.wording.enrolments import enrolment_term
from followup.wording.formats import count, day, moment
from followup.wording.patients import need_text
from followup.wording.records.merging import QUESTIONS

NOTHING = "None"


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRow:
    """One fact: of the record that goes on, of the other one, and after the merge."""

    name: str
    survivor: str
    duplicate: str
    merged: str


def compared_rows(here: Here, seen: MergePreview) -> list[ComparedRow]:
    """Return what each record knows, and what counts afterwards."""
    zone = here.zone_of(seen.survivor.patient.clinic)
    ours, theirs, both = (
        _facts(facts, zone)
        for facts in (
            facts_of(seen.survivor.patient, seen.survivor.person),
            facts_of(seen.duplicate.patient, seen.duplicate.person),
            seen.facts.facts,
        )
    )
    told = [
        ComparedRow(name=name, survivor=ours[name], duplicate=theirs[name], merged=both[name])
        for name in ours
    ]
    one, other = _kept(here, seen.survivor, zone), _kept(here, seen.duplicate, zone)
    return told + [
        ComparedRow(name=name, survivor=one[name], duplicate=other[name], merged="Kept, of both")
        for name in one
    ]


def asked_of(here: Here, question: Question, seen: MergePreview) -> dict[str, object]:
    """Return a question as a form shows it, with what each record says to it."""
    views = (seen.survivor, seen.duplicate)
    return {
        "name": question.value,
        "legend": QUESTIONS[question].label,
        "options": [(view.side.value, _answer(here, question, view, seen)) for view in views],
    }


def _answer(here: Here, question: Question, view: RecordView, seen: MergePreview) -> str:
    if question is Question.NHS_NUMBER:
        return _number(view.person.nhs_number)
    if question is Question.BIRTH_DATE:
        return day(view.person.date_of_birth) if view.person.date_of_birth else NOTHING
    double = next(each for each in seen.doubles if each.answers_differ)
    one = double.kept if double.kept.side is view.side else double.ended
    return "; ".join(
        f"{here.question_of(one.protocol, key)} {'Yes' if given else 'No'}"
        for key, given in one.answers.items()
    )


def _facts(facts: RecordFacts, zone: ZoneInfo) -> Mapping[str, str]:
    return {
        "Name": facts.name or NOTHING,
        "Date of birth": day(facts.date_of_birth) if facts.date_of_birth else "Not known",
        "NHS number": _number(facts.nhs_number),
        "Mobile": _contact(facts.mobile),
        "E-mail": _contact(facts.email),
        "Language": staff_name(facts.language),
        "Reading needs": ", ".join(map(need_text, sorted(facts.needs))) or "None known",
        "Died": day(facts.deceased_at, zone) if facts.deceased_at else "No",
    }


def _number(number: str | None) -> str:
    return f"{number[:3]} {number[3:6]} {number[6:]}" if number else "Not known"


def _contact(contact: Contact | None) -> str:
    if contact is None:
        return NOTHING
    notes = [
        "not working" if not contact.works else "",
        "confirmed" if contact.confirmed else "",
    ]
    return ", ".join(filter(None, [contact.address, *notes]))


def _kept(here: Here, view: RecordView, zone: ZoneInfo) -> Mapping[str, str]:
    follow_ups = [
        f"{here.protocol_name(each.protocol)}, {moment(each.procedure_at, zone)}: "
        f"{enrolment_term(each.state).label.lower()}"
        for each in view.enrolments
    ]
    wishes = [f"No {covered_text(one.channel)}" for one in view.objections]
    return {
        "Follow-ups": "; ".join(follow_ups) or NOTHING,
        "Objections": "; ".join(wishes) or NOTHING,
        "Needs action": count(len(view.items), "item"),
        "Replies": count(view.texts, "text"),
        "Enrolments to complete": str(view.drafts),
    }
