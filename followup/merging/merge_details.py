"""Details of a merged patient: written to the survivor, and the duplicate points there."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.merging.facts import (
    Decisions,
    MergedFacts,
    Question,
    RecordFacts,
    Side,
    merge_facts,
)
from followup.enrolment.received import marks_of, read_content
from followup.merging.both_records import BothRecords, facts_of
from followup.patients.merged import point_to
from followup.patients.records import Person, update_patient, write_likeness
from followup.patients.search_keys import write_search_keys
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient


def point_to_survivor(unit: UnitOfWork, both: BothRecords, decisions: Decisions) -> list[UUID]:
    """Let the duplicate's record lead to the survivor's; return which others lead there now too.

    By its identity the survivor alone is found, and not by a number that is somebody else's.
    """
    duplicate = both.duplicate
    indexes = unit.app.keyring.indexes
    write_likeness(duplicate, indexes, both.duplicate_person)
    write_search_keys(unit.session, indexes, [(duplicate, both.duplicate_person)])
    followers = point_to(unit.session, duplicate.id, survivor_id=both.survivor.id)
    duplicate.identity_index, duplicate.merged_into = None, both.survivor.id
    if decisions.get(Question.NHS_NUMBER) is Side.SURVIVOR:
        duplicate.nhs_number_index = None
    unit.session.flush()
    return followers


def write_facts(
    unit: UnitOfWork, both: BothRecords, decisions: Decisions, *, later_contacts: bool
) -> MergedFacts:
    """Write what is so of the person to the survivor's record, and return it."""
    survivor, duplicate = both.survivor, both.duplicate
    merged = merge_facts(
        facts_of(survivor, both.survivor_person),
        facts_of(duplicate, both.duplicate_person),
        decisions=decisions,
        later_contacts=later_contacts,
    )
    changed = update_patient(unit.session, survivor, unit.app.keyring, _person(merged.facts))
    if "mobile" in merged.taken:
        _take(
            survivor, duplicate, "mobile", ("unusable", "confirmed", "confirmed_at", "confirmed_by")
        )
    if "email" in merged.taken:
        _take(survivor, duplicate, "email", ("unusable",))
    survivor.deceased_at = merged.facts.deceased_at
    unit.session.flush()
    if changed:
        entry = AuditEntry(
            action="patient.changed",
            clinic=survivor.clinic,
            patient_id=survivor.id,
            detail={"fields": list(changed)},
        )
        record_event(unit.session, unit.by, entry)
    return merged


def _person(facts: RecordFacts) -> Person:
    return Person(
        name=facts.name,
        nhs_number=facts.nhs_number,
        date_of_birth=facts.date_of_birth,
        mobile=facts.mobile.address if facts.mobile else None,
        email=facts.email.address if facts.email else None,
        language=facts.language,
        needs=facts.needs,
    )


def _take(survivor: Patient, duplicate: Patient, contact: str, parts: Sequence[str]) -> None:
    for part in parts:
        setattr(survivor, f"{contact}_{part}", getattr(duplicate, f"{contact}_{part}"))


def remember_what_was_sent(
    unit: UnitOfWork, both: BothRecords, enrolments: Sequence[Enrolment]
) -> None:
    """Know the duplicate's details again when they are sent once more for its enrolments."""
    for each in enrolments:
        if each.patient_id != both.duplicate.id or each.received is not None:
            continue
        sent = read_content(
            protocol=each.protocol,
            procedure_at=each.procedure_at,
            attributes=each.attributes,
            person=both.duplicate_person,
            channels=[ChannelKind(channel) for channel in each.channels],
        )
        each.received = marks_of(unit.app, each.id, sent)
    unit.session.flush()
