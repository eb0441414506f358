"""Merges (A40): what a feed knows of two people becomes what it knows of one.

Where both are patients here, a person is asked to merge their records, unless the site's file says
that its word is enough and nothing in the records speaks against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import update

from followup.context import UnitOfWork
from followup.domain.errors import Conflict, InvalidInput
from followup.domain.sites.site import Merges, Site
from followup.intake.feed.details import patients_of
from followup.intake.feed.event import PersonKey
from followup.intake.feed.facts import Facts, join_facts
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.intake.feed.people import facts_of, find_row, survivor_of
from followup.intake.feed.visits import visits_of
from followup.intake.feed.vital_status import OURS, deaths_in
from followup.merging.merge import MergeRequest, merge_in
from followup.store.models.feeds import FeedPerson, FeedVisit
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem

TWINS = "twins"
MERGED_BY_FEED = "The hospital’s system says that they are one patient."


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge came to: the survivor, what is known of them, and which of it is new."""

    survivor: FeedPerson
    facts: Facts
    changed: frozenset[str]
    outcome: Applied


def merge_people(
    unit: UnitOfWork, site: Site, survivor_key: PersonKey, merged_key: PersonKey
) -> Merged:
    """Merge whom a site knows by `merged_key` into the survivor, within a transaction.

    Refused are a merge of somebody into themselves, and one against the direction of an earlier.
    """
    named, named_gone = (find_row(unit, site, key) for key in (survivor_key, merged_key))
    survivor, gone = survivor_of(unit, named), survivor_of(unit, named_gone)
    if survivor.id == gone.id:
        outcome = _nothing_to_merge(named, named_gone)
        return Merged(
            survivor=survivor,
            facts=facts_of(unit, survivor),
            changed=frozenset(),
            outcome=outcome,
        )
    facts, others = facts_of(unit, survivor), facts_of(unit, gone)
    deaths = {**deaths_in(others), **deaths_in(facts)}
    changed = join_facts(facts, others)
    facts[OURS] = ["", deaths]
    twins = _twins(unit, survivor, gone)
    gone.survivor_id, gone.facts_sealed = survivor.id, None
    unit.session.execute(
        update(FeedVisit)
        .where(FeedVisit.person_id == gone.id)
        .values(person_id=survivor.id)
        .execution_options(synchronize_session="fetch")
    )
    unit.session.flush()
    outcome = Applied(state=FeedState.MERGED, code="merged")
    if twins is not None and not (site.merges is Merges.APPLY and _merge_records(unit, twins)):
        outcome = Applied(
            state=FeedState.PERSON,
            code="merge",
            clinic=twins[0].clinic,
            patient_id=twins[0].id,
            twins=(twins[0].id, twins[1].id),
        )
    return Merged(survivor=survivor, facts=facts, changed=changed, outcome=outcome)


def _nothing_to_merge(named: FeedPerson, gone: FeedPerson) -> Applied:
    if named.id == gone.id:
        return Applied(state=FeedState.REFUSED, code="merge-self")
    if gone.survivor_id is None and not named.is_alias:
        # The survivor of this message is whom an earlier one merged into the other.
        return Applied(state=FeedState.REFUSED, code="merge-inverse")
    return Applied(state=FeedState.IGNORED, code="merged-before")


def twins_of(item: WorklistItem) -> tuple[UUID, UUID] | None:
    """Return the two patients of whom an item says that they are one; None of another item."""
    twins = item.detail.get(TWINS)
    return (UUID(twins[0]), UUID(twins[1])) if twins else None


def _twins(
    unit: UnitOfWork, survivor: FeedPerson, gone: FeedPerson
) -> tuple[Patient, Patient] | None:
    """Return two patients of one clinic who are one by now, the one that goes on first."""
    ours = patients_of(unit, visits_of(unit, survivor))
    theirs = patients_of(unit, visits_of(unit, gone))
    pairs = ((one, other) for one in ours for other in theirs)
    return next(
        ((one, other) for one, other in pairs if one.clinic == other.clinic and one is not other),
        None,
    )


def _merge_records(unit: UnitOfWork, twins: tuple[Patient, Patient]) -> bool:
    """Merge the records of two patients; return False where a person has to decide."""
    survivor, duplicate = twins
    request = MergeRequest(
        survivor_id=survivor.id, duplicate_id=duplicate.id, reason=MERGED_BY_FEED
    )
    try:
        with unit.session.begin_nested():
            merge_in(unit, request)
    except (Conflict, InvalidInput):
        return False
    return True
