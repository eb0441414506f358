"""Works off the inbox of feeds: the effect of a message and its outcome in one transaction."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select

from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.errors import Conflict, FollowupError, InvalidInput, NotFound, StoreUnavailable
from followup.domain.sites.site import Site
from followup.intake.feed.apply import ask_person, ask_what_came, review_visit
from followup.intake.feed.formats import NotTaken
from followup.intake.feed.inbox import FeedState, content_of
from followup.intake.feed.outcome import Applied
from followup.intake.formats import FORMATS
from followup.store.models.feeds import FeedMessage, FeedVisit

WORK_OFF_BATCH = 50
LONGEST_RUN = timedelta(seconds=2)
"""Real time; so long one run takes batch after batch, where more waits than one."""
MOST_TRIES = 5
CONFLICT = "conflict"
RETRY_AFTER = timedelta(seconds=5)
"""Real time; doubled with each try."""
WORDS_KEPT_FOR = timedelta(days=90)
"""How long the words of a message are kept once it is settled; what became of it is kept on."""
NEEDS_WORDS = frozenset({FeedState.WAITING, FeedState.REFUSED, FeedState.PERSON})

log = structlog.get_logger()


def work_off_feeds(app: AppContext, *, limit: int = WORK_OFF_BATCH) -> int:
    """Work off messages that wait, the first first, and visits whose time has come near.

    Goes on while whole batches wait, for some seconds; returns how many there were.
    """
    began, done = app.clock.real_now(), 0
    while True:
        found = _work_off_batch(app, limit=limit)
        done += found
        if found < limit or app.clock.real_now() - began >= LONGEST_RUN:
            return done


def _work_off_batch(app: AppContext, *, limit: int) -> int:
    with app.store.read() as session:
        ids = session.scalars(
            select(FeedMessage.id)
            .where(
                FeedMessage.state == FeedState.WAITING.value,
                FeedMessage.next_try_real_at <= app.clock.real_now(),
            )
            .order_by(FeedMessage.received_real_at, FeedMessage.id)
            .limit(limit)
        ).all()
        visits = session.scalars(
            select(FeedVisit.id)
            .where(FeedVisit.review_at.is_not(None), FeedVisit.review_at <= app.clock.now())
            .order_by(FeedVisit.review_at)
            .limit(limit)
        ).all()
    for message_id in ids:
        _work_off(app, message_id)
    for visit_id in visits:
        _review(app, visit_id)
    return len(ids) + len(visits)


def _work_off(app: AppContext, message_id: UUID) -> None:
    try:
        try:
            app.transact(actors.FEED, lambda unit: _settle(unit, message_id))
        except (Conflict, InvalidInput, NotFound) as error:
            # What it says counts once a person has cleared the way; for now they are asked.
            reason = CONFLICT if isinstance(error, Conflict) else "not-possible"
            app.transact(actors.FEED, lambda unit: _hand_over(unit, message_id, reason))
    except StoreUnavailable:
        raise
    except Exception as error:
        # The edge of a job: one message that trips over a bug holds up no other.
        if isinstance(error, FollowupError):
            log.warning("feeds.not_worked_off", message=str(message_id), error=type(error).__name__)
        else:
            log.exception("feeds.not_worked_off", message=str(message_id))
        app.transact(actors.FEED, lambda unit: _try_later(unit, message_id))


def _settle(unit: UnitOfWork, message_id: UUID) -> None:
    row = _lock(unit, message_id)
    site = _site(unit, row) if row is not None else None
    if row is None or site is None:
        return
    try:
        applied = FORMATS[row.feed].apply(unit, row, content_of(unit.app, row) or b"", site)
    except NotTaken as error:
        _refuse(unit, row, error)
    else:
        _end(unit, row, applied)


def _hand_over(unit: UnitOfWork, message_id: UUID, reason: str) -> None:
    row = _lock(unit, message_id)
    site = _site(unit, row) if row is not None else None
    if row is None or site is None:
        return
    try:
        # A visit of another patient's is not even noted.
        with suppress(Conflict), unit.session.begin_nested():
            FORMATS[row.feed].note(unit, row, content_of(unit.app, row) or b"", site)
    except NotTaken as error:
        _refuse(unit, row, error)
    else:
        _end(unit, row, Applied(state=FeedState.PERSON, code=reason, clinic=site.rules[0].clinic))


def _try_later(unit: UnitOfWork, message_id: UUID) -> None:
    row = _lock(unit, message_id)
    if row is None:
        return
    row.tries += 1
    row.next_try_real_at = unit.by.real_at + RETRY_AFTER * 2**row.tries
    site = unit.app.catalogue.sites.get(row.site)
    if row.tries >= MOST_TRIES and site is not None:
        clinic = site.rules[0].clinic
        _end(unit, row, Applied(state=FeedState.PERSON, code="not-worked-off", clinic=clinic))


def _lock(unit: UnitOfWork, message_id: UUID) -> FeedMessage | None:
    """Return a message that still waits, locked; None where another worker has it."""
    return unit.session.scalar(
        select(FeedMessage)
        .where(FeedMessage.id == message_id, FeedMessage.state == FeedState.WAITING.value)
        .with_for_update(skip_locked=True)
    )


def _site(unit: UnitOfWork, row: FeedMessage) -> Site | None:
    """Return the site of a message; without its file, the message waits until that is put back."""
    site = unit.app.catalogue.sites.get(row.site)
    if site is None:
        row.next_try_real_at = unit.by.real_at + timedelta(minutes=1)
    return site


def _refuse(unit: UnitOfWork, row: FeedMessage, error: NotTaken) -> None:
    row.place, row.told = error.place, error.told
    _end(unit, row, Applied(state=FeedState.REFUSED, code=error.reason))


def _end(unit: UnitOfWork, row: FeedMessage, applied: Applied) -> None:
    row.state, row.reason = applied.state.value, applied.code
    row.clinic, row.patient_id = applied.clinic, applied.patient_id
    row.enrolment_id, row.settled_at = applied.enrolment_id, unit.by.at
    ask_what_came(unit, applied, message_id=row.id)
    unit.session.flush()


def _review(app: AppContext, visit_id: UUID) -> None:
    def work(unit: UnitOfWork) -> None:
        visit = unit.session.get(FeedVisit, visit_id, with_for_update={"skip_locked": True})
        site = None if visit is None else unit.app.catalogue.sites.get(visit.site)
        if visit is None or visit.review_at is None:
            return
        visit.review_at = None
        if site is not None:
            review_visit(unit, visit, site)

    def leave(unit: UnitOfWork) -> None:
        visit = unit.session.get(FeedVisit, visit_id)
        site = None if visit is None else unit.app.catalogue.sites.get(visit.site)
        if visit is not None:
            visit.review_at = None
        if site is not None:
            clinic = site.rules[0].clinic
            ask_person(unit, subject=f"feed:{CONFLICT}:{visit_id}", clinic=clinic, cause=CONFLICT)

    try:
        app.transact(actors.FEED, work)
    except (Conflict, InvalidInput, NotFound):
        app.transact(actors.FEED, leave)


def forget_words(app: AppContext, *, limit: int = 500) -> int:
    """Delete what settled messages said, once nobody needs it; return how many those were."""

    def work(unit: UnitOfWork) -> int:
        found = unit.session.scalars(
            select(FeedMessage)
            .where(
                FeedMessage.settled_at <= unit.by.at - WORDS_KEPT_FOR,
                FeedMessage.content_sealed.is_not(None),
                FeedMessage.state.not_in([state.value for state in NEEDS_WORDS]),
            )
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        for row in found:
            row.content_sealed = None
        return len(found)

    return app.transact(actors.FEED, work)
