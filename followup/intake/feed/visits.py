"""Visits of a feed: found by their numbers, joined where two numbers are of one visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update

from followup.context import UnitOfWork
from followup.domain.errors import Conflict
from followup.domain.sites.site import EventKind, FollowUpRule, Site
from followup.intake.feed.event import STOPPED, VisitKeys
from followup.intake.feed.facts import Facts, fact, join_facts
from followup.store.engine.types import new_id
from followup.store.models.feeds import EnrolmentDraft, FeedPerson, FeedVisit

PROGRESS = (EventKind.BOOKED.value, EventKind.ARRIVED.value, EventKind.DONE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A follow-up that the facts ask for."""

    rule: FollowUpRule
    at: datetime


def wanted(site: Site, person: Facts, visit: Facts) -> Wanted | str:
    """Return the follow-up that the facts ask for, or the code of why there is to be none."""
    if fact(person, "died"):
        return "died"
    if fact(person, "restricted"):
        return "restricted"
    status = fact(visit, "status")
    if status == STOPPED:
        return STOPPED if rule_of(site, visit) else "no-rule"
    if status not in PROGRESS:
        return "not-booked" if status is None else "cancelled"
    if PROGRESS.index(status) < PROGRESS.index(site.starts_at.value):
        return "not-begun"
    return _follow_up(site, visit)


def _follow_up(site: Site, visit: Facts) -> Wanted | str:
    rule = rule_of(site, visit)
    if rule is None:
        return "no-rule"
    at = time_of(visit)
    return "no-time" if at is None else Wanted(rule=rule, at=at)


def rule_of(site: Site, visit: Facts) -> FollowUpRule | None:
    """Return by which rule a visit is followed up."""
    return site.rule_for(
        procedure=fact(visit, "procedure") or (),
        service=fact(visit, "service") or (),
        location=fact(visit, "location") or (),
    )


def time_of(visit: Facts) -> datetime | None:
    """Return the time of the procedure: from the most reliable place that has one."""
    ranks = sorted(int(name[5:]) for name in visit if name.startswith("time."))
    found = (fact(visit, f"time.{rank}") for rank in ranks)
    text = next((each for each in found if each), None)
    return datetime.fromisoformat(text) if text else None


def find_visit(unit: UnitOfWork, site: Site, person: FeedPerson, keys: VisitKeys) -> FeedVisit:
    """Return the visit that has one of these numbers, locked; added where both are new.

    Raises `Conflict` where it belongs to somebody else.
    """
    matches = [
        column == key
        for column, key in (
            (FeedVisit.visit_key, keys.visit),
            (FeedVisit.appointment_key, keys.appointment),
        )
        if key is not None
    ]
    found = unit.session.scalars(
        select(FeedVisit)
        .where(FeedVisit.site == site.key, or_(*matches))
        .order_by(FeedVisit.id)
        .with_for_update()
    ).all()
    if any(each.person_id != person.id for each in found):
        raise Conflict("this visit belongs to another patient of the feed")
    if not found:
        return _new_visit(unit, site, person, keys)
    visit = found[0]
    if len(found) > 1:
        visit = combine(unit, found[0], found[1])
    visit.visit_key = visit.visit_key or keys.visit
    visit.appointment_key = visit.appointment_key or keys.appointment
    unit.session.flush()
    return visit


def _new_visit(unit: UnitOfWork, site: Site, person: FeedPerson, keys: VisitKeys) -> FeedVisit:
    visit = FeedVisit(
        id=new_id(unit.by.real_at),
        site=site.key,
        person_id=person.id,
        visit_key=keys.visit,
        appointment_key=keys.appointment,
        facts={},
        stopped=False,
        created_at=unit.by.at,
    )
    unit.session.add(visit)
    unit.session.flush()
    return visit


def visits_of(unit: UnitOfWork, person: FeedPerson) -> Sequence[FeedVisit]:
    """Return the visits of a person, locked, the first first."""
    return unit.session.scalars(
        select(FeedVisit)
        .where(FeedVisit.person_id == person.id)
        .order_by(FeedVisit.id)
        .with_for_update()
    ).all()


def same_visits(site: Site, visits: Sequence[FeedVisit]) -> tuple[FeedVisit, FeedVisit] | None:
    """Return two visits that are one: of one day and protocol.

    The one is known by its visit number alone, the other by its appointment number alone.
    """
    admitted = [it for it in visits if it.appointment_key is None and it.visit_key is not None]
    appointed = [it for it in visits if it.visit_key is None]
    for one in admitted:
        for other in appointed:
            day = _day_and_rule(site, one)
            if day is not None and day == _day_and_rule(site, other):
                return (one, other) if one.id < other.id else (other, one)
    return None


def _day_and_rule(site: Site, visit: FeedVisit) -> tuple[object, ...] | None:
    rule, at = rule_of(site, visit.facts), time_of(visit.facts)
    if rule is None or at is None or fact(visit.facts, "status") not in PROGRESS:
        return None
    return rule.clinic, rule.protocol, at.astimezone(site.zone).date()


def combine(unit: UnitOfWork, one: FeedVisit, other: FeedVisit) -> FeedVisit:
    """Make two visits one; return it. Only one of two enrolments stays with it.

    Call `stop` on the other's enrolment first, where both have one.
    """
    keep, gone = (other, one) if one.enrolment_id is None and other.enrolment_id else (one, other)
    facts = dict(keep.facts)
    join_facts(facts, dict(gone.facts))
    keys = (keep.visit_key or gone.visit_key, keep.appointment_key or gone.appointment_key)
    unit.session.execute(
        update(EnrolmentDraft)
        .where(EnrolmentDraft.visit_id == gone.id)
        .values(visit_id=keep.id)
        .execution_options(synchronize_session=False)
    )
    unit.session.delete(gone)
    unit.session.flush()
    keep.facts = facts
    keep.visit_key, keep.appointment_key = keys
    unit.session.flush()
    return keep
