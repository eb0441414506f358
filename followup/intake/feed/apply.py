"""Applies events of a feed: brings enrolments to what all that is known asks for.

An event changes what is known; what follows from that does not depend on the order of events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from followup.consent.cancel_unsent import find_enrolment_for_change
from followup.context import UnitOfWork
from followup.domain.channel import ChannelKind
from followup.domain.errors import AlreadyEnrolled, ContentDiffers
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import EnrolmentState
from followup.domain.sites.site import EventKind, Site
from followup.enrolment.enrol import (
    LONGEST_AGO,
    EnrolmentRequest,
    check_request,
    enrol_in,
)
from followup.enrolment.reschedule import reopen_in, reschedule_in
from followup.enrolment.withdraw import withdraw_in
from followup.intake.feed.details import correct_details, known_contacts, patients_of
from followup.intake.feed.drafts import (
    DraftContent,
    DraftState,
    close_draft,
    missing_from,
    open_draft,
    waiting_draft_of,
    was_dismissed,
)
from followup.intake.feed.event import STOPPED, FeedEvent
from followup.intake.feed.facts import Facts, fact, take_in
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.merge import TWINS, merge_people
from followup.intake.feed.outcome import Applied, weightiest
from followup.intake.feed.people import facts_of, keep_facts, know_person, person_of
from followup.intake.feed.visits import (
    Wanted,
    combine,
    find_visit,
    rule_of,
    same_visits,
    visits_of,
    wanted,
)
from followup.intake.feed.vital_status import record_death, take_death_back
from followup.patients.match import match_person, require_unrestricted
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedPerson, FeedVisit
from followup.worklist.items import NewItem, open_item

BY_FEED = "by-feed"
WITHDRAWN = "The hospital’s system says that there is nothing to follow up."
LONGEST_REFERENCE = 80
A_MOMENT = timedelta(minutes=1)


def apply_event(
    unit: UnitOfWork, event: FeedEvent, site: Site, *, message_id: UUID | None = None
) -> Applied:
    """Apply an event, within a transaction, and return what came of it.

    `message_id` is the message of the ledger that said it, for whoever is asked about it.

    Raises `Conflict` and `InvalidInput` as the use cases do that it calls: then roll back, and call
    `take_note`, so that what the event says counts all the same once a person has cleared the way.
    """
    if event.kind is EventKind.IGNORED:
        return Applied(state=FeedState.IGNORED, code="event-ignored")
    person, facts, changed, outcomes = _learn(unit, event, site)
    if outcomes and outcomes[0].state is FeedState.REFUSED:
        return outcomes[0]
    touched = _touched(unit, event, site, person)
    visits = _joined(unit, site, visits_of(unit, person))
    # What was merged may have died under the other number.
    if "died" in changed and fact(facts, "died"):
        outcomes += record_death(unit, facts, visits)
    elif "died" in changed:
        take_death_back(unit, facts, visits)
    for patient in patients_of(unit, visits):
        require_unrestricted(patient)
    keep_facts(unit, person, facts)
    outcomes += correct_details(unit, facts, changed, visits)
    for visit in visits:
        came = _bring(unit, site, facts, visit)
        # What else a person has is told only where something came of it.
        if touched is None or came.state is not FeedState.IGNORED or _is(visit, touched):
            outcomes.append(came)
    _tell_remarks(unit, event, site, person, outcomes, message_id=message_id)
    return weightiest([*outcomes, _nothing(event)])


def take_note(unit: UnitOfWork, event: FeedEvent, site: Site) -> None:
    """Keep what an event says, and change nothing by it yet."""
    person, facts, _, _ = _learn(unit, event, site)
    keep_facts(unit, person, facts)
    if event.visit is not None:
        _touched(unit, event, site, person)


def review_visit(unit: UnitOfWork, visit: FeedVisit, site: Site) -> Applied:
    """Look again at a visit that was too far ahead."""
    person = unit.session.get_one(FeedPerson, visit.person_id, with_for_update=True)
    return _bring(unit, site, facts_of(unit, person), visit)


def _learn(
    unit: UnitOfWork, event: FeedEvent, site: Site
) -> tuple[FeedPerson, Facts, frozenset[str], list[Applied]]:
    """Put what an event says of a person into what is known; return what that changed."""
    if event.merged_key is None:
        person = know_person(unit, site, event)
        facts = facts_of(unit, person)
        return person, facts, take_in(facts, event.person, stamp=event.stamp), []
    merged = merge_people(unit, site, event.person_key, event.merged_key)
    facts = merged.facts
    changed = take_in(facts, event.person, stamp=event.stamp) | merged.changed
    return merged.survivor, facts, changed, [merged.outcome]


def _touched(
    unit: UnitOfWork, event: FeedEvent, site: Site, person: FeedPerson
) -> tuple[str | None, str | None] | None:
    """Put what an event says of a visit into what is known; return the visit's numbers."""
    if event.visit is None:
        return None
    visit = find_visit(unit, site, person, event.visit)
    facts = dict(visit.facts)
    take_in(facts, event.facts, stamp=event.stamp)
    visit.facts = facts
    unit.session.flush()
    return visit.visit_key, visit.appointment_key


def _is(visit: FeedVisit, keys: tuple[str | None, str | None]) -> bool:
    both = zip((visit.visit_key, visit.appointment_key), keys, strict=True)
    return any(one is not None and one == other for one, other in both)


def _joined(unit: UnitOfWork, site: Site, visits: Sequence[FeedVisit]) -> list[FeedVisit]:
    """Return the visits, those that are one made one."""
    found = list(visits)
    while (pair := same_visits(site, found)) is not None:
        one, other = pair
        both = one.enrolment_id is not None and other.enrolment_id is not None
        if both and one.enrolment_id != other.enrolment_id:
            _stop(unit, other)
        drafts = [waiting_draft_of(unit.session, each.id) for each in pair]
        if drafts[0] is not None and drafts[1] is not None:
            close_draft(unit, drafts[1], DraftState.WITHDRAWN)
        kept = combine(unit, one, other)
        found = [kept if each is one else each for each in found if each is not other]
        if kept is other:
            found = [each for each in found if each is not one]
    return found


def _nothing(event: FeedEvent) -> Applied:
    code = "nobody-here" if event.visit is None else "nothing-new"
    return Applied(state=FeedState.IGNORED, code=code)


# ------------------------------------------------------------------------------- one visit


def _bring(unit: UnitOfWork, site: Site, facts: Facts, visit: FeedVisit) -> Applied:
    """Bring the enrolment of a visit to what is wanted."""
    want = wanted(site, facts, visit.facts)
    visit.review_at = None
    if isinstance(want, str) and want in {"no-time", STOPPED}:
        return _ask_about_visit(unit, site, visit, code=want)
    if isinstance(want, str):
        return replace(_stop(unit, visit), code=want)
    if want.at > unit.by.at + LONGEST_AHEAD:
        stopped = _stop(unit, visit)
        visit.review_at = want.at - LONGEST_AHEAD + A_MOMENT
        return replace(stopped, code="too-far-ahead")
    return _follow_up(unit, site, facts, visit, want)


def _follow_up(
    unit: UnitOfWork, site: Site, facts: Facts, visit: FeedVisit, want: Wanted
) -> Applied:
    if visit.enrolment_id is not None:
        went_on = _go_on(unit, visit, want)
        if went_on is not None:
            return went_on
    if want.at < unit.by.at - LONGEST_AGO:
        return replace(_stop(unit, visit), code="too-long-ago")
    if was_dismissed(unit.session, visit.id):
        return Applied(state=FeedState.IGNORED, code="dismissed", clinic=want.rule.clinic)
    return _begin(unit, site, facts, visit, want)


def _stop(unit: UnitOfWork, visit: FeedVisit) -> Applied:
    """End what a visit led to, unless it has ended."""
    draft = waiting_draft_of(unit.session, visit.id)
    if draft is not None:
        close_draft(unit, draft, DraftState.WITHDRAWN)
    enrolment = _enrolment(unit, visit)
    if enrolment is None or enrolment.state == EnrolmentState.WITHDRAWN:
        state = FeedState.CANCELLED if draft is not None else FeedState.IGNORED
        return Applied(state=state, code="cancelled", clinic=draft.clinic if draft else None)
    withdraw_in(unit, enrolment.id, reason=WITHDRAWN, why=BY_FEED)
    visit.stopped = True
    unit.session.flush()
    return _about(enrolment, FeedState.CANCELLED, "cancelled")


def _go_on(unit: UnitOfWork, visit: FeedVisit, want: Wanted) -> Applied | None:
    """Bring an enrolment that is there to what is wanted; None where another one is wanted."""
    enrolment = _enrolment(unit, visit)
    assert enrolment is not None  # noqa: S101 - the visit names it
    ended = enrolment.state == EnrolmentState.WITHDRAWN
    if ended and not visit.stopped:
        return _about(enrolment, FeedState.IGNORED, "ended-by-staff")
    if (enrolment.clinic, enrolment.protocol) != (want.rule.clinic, want.rule.protocol):
        _stop(unit, visit)
        visit.enrolment_id, visit.stopped = None, False
        unit.session.flush()
        return None
    # A time that the feed has not changed since it was applied leaves alone what staff have.
    if not ended and want.at in {visit.applied_at, enrolment.procedure_at}:
        visit.applied_at = want.at
        return _about(enrolment, FeedState.IGNORED, "nothing-new")
    if want.at < unit.by.at - LONGEST_AGO:
        return _about(enrolment, FeedState.IGNORED, "too-long-ago")
    change = reopen_in if ended else reschedule_in
    change(unit, enrolment.id, want.at)
    visit.stopped, visit.applied_at = False, want.at
    return _about(enrolment, FeedState.CHANGED, "reopened" if ended else "moved")


def _begin(unit: UnitOfWork, site: Site, facts: Facts, visit: FeedVisit, want: Wanted) -> Applied:
    """Enrol, or let the enrolment wait for a person."""
    rule, app = want.rule, unit.app
    person = person_of(facts, app.catalogue.clinics[rule.clinic])
    # What staff have corrected since counts more than what the feed said before.
    person = known_contacts(unit, visit, person, clinic=rule.clinic)
    content = DraftContent(
        clinic=rule.clinic,
        protocol=rule.protocol,
        reference=_reference(unit, site, visit, clinic=rule.clinic),
        procedure_at=want.at,
        person=person,
        answers=rule.answers,
        other_number=fact(facts, "other_number"),
    )
    if missing_from(app.catalogue.protocols[rule.protocol], content):
        # Whose NHS number is somebody else's is asked about before anybody is to complete it.
        match_person(unit.session, app.keyring, person, clinic=rule.clinic)
        known = waiting_draft_of(unit.session, visit.id)
        before = None if known is None else known.procedure_at
        if known is not None:
            content = replace(content, reference=known.reference)
        open_draft(unit, content, visit_id=visit.id)
        reason = "incomplete" if before in {None, want.at} else "moved"
        return Applied(state=FeedState.DRAFT, code=reason, clinic=rule.clinic)
    enrolment = _enrol(unit, visit, content)
    draft = waiting_draft_of(unit.session, visit.id)
    if draft is not None:
        close_draft(unit, draft, DraftState.COMPLETED, enrolment_id=enrolment.id)
    return _about(enrolment, FeedState.ENROLLED, "enrolled")


def _enrol(unit: UnitOfWork, visit: FeedVisit, content: DraftContent) -> Enrolment:
    request = EnrolmentRequest(
        clinic=content.clinic,
        protocol=content.protocol,
        reference=content.reference,
        procedure_at=content.procedure_at,
        attributes=dict(content.answers),
        person=content.person,
        channels=tuple(kind for kind in ChannelKind if content.person.address(kind)),
    )
    checked = check_request(unit.app, request)
    try:
        made = enrol_in(unit, checked).enrolment_id
    except (AlreadyEnrolled, ContentDiffers) as error:
        # Somebody was quicker: the feed goes on with theirs, and with what they answered.
        made = error.enrolment_id
    visit.enrolment_id, visit.stopped, visit.applied_at = made, False, content.procedure_at
    unit.session.flush()
    return unit.session.get_one(Enrolment, made)


def _reference(unit: UnitOfWork, site: Site, visit: FeedVisit, *, clinic: str) -> str:
    """Return a reference that nothing at the clinic has: the visit's number, counted on."""
    key = visit.visit_key or visit.appointment_key or str(visit.id)
    base = f"{site.key}:{key}"
    base = base if len(base) <= LONGEST_REFERENCE - 4 else f"{site.key[:40]}:{visit.id}"
    number, reference = 1, base
    while unit.session.scalar(
        select(Enrolment.id).where(Enrolment.clinic == clinic, Enrolment.reference == reference)
    ):
        number += 1
        reference = f"{base}/{number}"
    return reference


def _enrolment(unit: UnitOfWork, visit: FeedVisit) -> Enrolment | None:
    if visit.enrolment_id is None:
        return None
    return find_enrolment_for_change(unit.session, visit.enrolment_id, lock=True)


def _about(enrolment: Enrolment, state: FeedState, reason: str) -> Applied:
    return Applied(
        state=state,
        code=reason,
        clinic=enrolment.clinic,
        patient_id=enrolment.patient_id,
        enrolment_id=enrolment.id,
    )


# --------------------------------------------------------------------------- asking a person


def _ask_about_visit(unit: UnitOfWork, site: Site, visit: FeedVisit, *, code: str) -> Applied:
    rule = rule_of(site, visit.facts)
    clinic = rule.clinic if rule else site.rules[0].clinic
    _stop(unit, visit)
    return Applied(state=FeedState.PERSON, code=code, clinic=clinic, about=visit.id)


def _tell_remarks(
    unit: UnitOfWork,
    event: FeedEvent,
    site: Site,
    person: FeedPerson,
    outcomes: Sequence[Applied],
    *,
    message_id: UUID | None,
) -> None:
    """Tell a person what was left out, of somebody who is followed up here."""
    known = next((each for each in outcomes if each.clinic is not None), None)
    for remark in event.remarks if known is not None else ():
        ask_person(
            unit,
            subject=f"feed:{remark}:{person.id}",
            clinic=known.clinic if known and known.clinic else site.rules[0].clinic,
            cause=remark,
            patient_id=known.patient_id if known else None,
            enrolment_id=known.enrolment_id if known else None,
            message_id=message_id,
        )


def ask_what_came(unit: UnitOfWork, applied: Applied, *, message_id: UUID) -> None:
    """Ask a person about what came of a message of the ledger, where that needs one."""
    if applied.state is FeedState.PERSON and applied.clinic is not None:
        ask_person(
            unit,
            subject=f"feed:{applied.code}:{applied.about or message_id}",
            clinic=applied.clinic,
            cause=applied.code,
            patient_id=applied.patient_id,
            enrolment_id=applied.enrolment_id,
            message_id=message_id,
            twins=applied.twins,
        )


def ask_person(
    unit: UnitOfWork,
    *,
    subject: str,
    clinic: str,
    cause: str,
    patient_id: UUID | None = None,
    enrolment_id: UUID | None = None,
    message_id: UUID | None = None,
    since: datetime | None = None,
    twins: tuple[UUID, UUID] | None = None,
) -> UUID:
    """Ask a person about what a feed says; `message_id` is the message in the ledger."""
    more: dict[str, object] = {"feed_message": str(message_id)} if message_id else {}
    if twins is not None:
        more[TWINS] = [str(each) for each in twins]
    return open_item(
        unit,
        NewItem(
            subject=subject,
            kind=ItemKind.FEED,
            clinic=clinic,
            cause=cause,
            patient_id=patient_id,
            enrolment_id=enrolment_id,
            more=more,
            since=since,
        ),
    )
