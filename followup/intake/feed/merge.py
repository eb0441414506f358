"""Merges (A40): what a feed knows of two people becomes what it knows of one.

Records of patients are not joined by a feed: where both are patients here, a person is asked.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sqlalchemy import update

from followup.context import UnitOfWork
from followup.domain.sites.site import Site
from followup.intake.feed.details import patients_of
from followup.intake.feed.facts import Facts, join_facts
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.intake.feed.people import facts_of, find_row, survivor_of
from followup.intake.feed.visits import visits_of
from followup.intake.feed.vital_status import OURS, deaths_in
from followup.store.models.feeds import FeedPerson, FeedVisit


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """What a merge came to: the survivor, what is known of them, and which of it is new."""

    survivor: FeedPerson
    facts: Facts
    changed: frozenset[str]
    outcome: Applied


def merge_people(unit: UnitOfWork, site: Site, survivor_key: str, merged_key: str) -> Merged:
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
    here = patients_of(unit, [*visits_of(unit, survivor), *visits_of(unit, gone)])
    gone.survivor_id, gone.facts_sealed = survivor.id, None
    unit.session.execute(
        update(FeedVisit)
        .where(FeedVisit.person_id == gone.id)
        .values(person_id=survivor.id)
        .execution_options(synchronize_session="fetch")
    )
    unit.session.flush()
    outcome = Applied(state=FeedState.MERGED, code="merged")
    doubled = [clinic for clinic, count in Counter(it.clinic for it in here).items() if count > 1]
    if doubled:
        patient = next(it for it in here if it.clinic == doubled[0])
        outcome = Applied(
            state=FeedState.PERSON, code="merge", clinic=doubled[0], patient_id=patient.id
        )
    return Merged(survivor=survivor, facts=facts, changed=changed, outcome=outcome)


def _nothing_to_merge(named: FeedPerson, gone: FeedPerson) -> Applied:
    if named.id == gone.id:
        return Applied(state=FeedState.REFUSED, code="merge-self")
    if gone.survivor_id is None:
        # The survivor of this message is whom an earlier one merged into the other.
        return Applied(state=FeedState.REFUSED, code="merge-inverse")
    return Applied(state=FeedState.IGNORED, code="merged-before")
