"""Going live: words of the console that two people signed come into force, and go back.

Publishing took two people when they signed. When it happens, and going back to what two people
approved before, takes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers
from followup.content.release_files import files_of_release, manifest_of
from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.errors import Conflict, FollowupError, InvalidInput
from followup.domain.item_kind import ItemKind
from followup.domain.reasons import Reason
from followup.releases.in_force import IN_FORCE, Row, laid_over, look_at_once, rows_in_force
from followup.releases.queries import APPROVED, approved_since, release_by_id
from followup.releases.sign import checked_reason, withdraw_in
from followup.releases.verify import two_people_of
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.releases import Release
from followup.store.models.words import ReleasedWords
from followup.worklist.items import NewItem, open_item

LONGEST_AHEAD = timedelta(days=366)


def words_of_release(session: Session, release: Release) -> ReleasedWords | None:
    """Return the words of a release that lie in no file; None where its words are files."""
    return session.get(ReleasedWords, release.id)


def has_words_in_force(session: Session, release: Release) -> bool:
    """Say whether words of the console are in force for its protocol and clinic: any of them."""
    return (
        session.scalar(select(ReleasedWords.release_id).where(*_in_place_of(release))) is not None
    )


def _in_place_of(release: Release) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions of the words that are in force where a release would be."""
    where = (ReleasedWords.clinic == release.clinic, ReleasedWords.protocol == release.protocol)
    return (*where, *IN_FORCE)


def plan_going_live(app: AppContext, release: Release, *, at: datetime, actor: str) -> None:
    """Let an approved release go live at a time of the service (aware), or at once for a past one.

    Raises `Conflict` for one that is not approved, whose words are files, or that is live.
    """
    if at > app.clock.now() + LONGEST_AHEAD:
        raise InvalidInput.of("on", "choose a day within a year")

    def work(unit: UnitOfWork) -> None:
        found = release_by_id(unit.session, release.id)
        kept = _console_words(unit.session, found)
        must_be_approved(found)
        if kept.live_at is not None and kept.replaced_at is None:
            raise Conflict("it is live already")
        kept.live_from, kept.live_from_by = max(at, unit.by.at), unit.by.actor
        _record(unit, found, "planned", at=kept.live_from.isoformat())

    app.transact(actor, work)
    if at <= app.clock.now():
        go_live(app)


def call_off(app: AppContext, release: Release, *, actor: str) -> None:
    """Take back that a release goes live; raise `Conflict` where it is live, or was not to be."""

    def work(unit: UnitOfWork) -> None:
        kept = _console_words(unit.session, release)
        if kept.live_from is None:
            raise Conflict("it is not going live")
        kept.live_from = kept.live_from_by = None
        _record(unit, release, "called-off")

    app.transact(actor, work)


def go_live(app: AppContext) -> int:
    """Put what is due into force, one after the other; return how many that was.

    What does not fit the files any more, or is not to be believed, is left, and a person told.
    """
    with app.store.read() as session:
        due = _due(session, app.clock.now())
    for release_id in due:
        app.transact(actors.SWEEPER, partial(_put_live, release_id=release_id))
    if due:
        look_at_once(app)
    return len(due)


def go_back(app: AppContext, release: Release, *, reason: str, actor: str) -> int:
    """Put an earlier release into force and withdraw what was approved since; return how many.

    Raises `Conflict` for one that is not approved, or whose words are not those of the files as
    they are: `followup words rollback` writes files.
    """
    reason = checked_reason(reason)

    def work(unit: UnitOfWork) -> int:
        found = release_by_id(unit.session, release.id)
        must_be_approved(found)
        kept = words_of_release(unit.session, found)
        if told := _unfit(unit, found, kept):
            raise Conflict(told)
        return _roll_back(unit, found, kept, reason=reason)

    withdrawn = app.transact(actor, work)
    look_at_once(app)
    return withdrawn


def leave_to_files(app: AppContext, release: Release, *, reason: str, actor: str) -> int:
    """Take words of the console out of force: the files count, which are those of this release.

    What was approved since is withdrawn; returns how many that was.
    """
    work = partial(_roll_back, release=release, kept=None, reason=checked_reason(reason))
    withdrawn = app.transact(actor, work)
    look_at_once(app)
    return withdrawn


def _roll_back(
    unit: UnitOfWork, release: Release, kept: ReleasedWords | None, *, reason: str
) -> int:
    """Enforce the words of a release, and withdraw what was approved since; return how many."""
    newer = approved_since(unit.session, release)
    _enforce(unit, release, kept)
    for one in newer:
        withdraw_in(unit, one, reason=reason)
    _record(unit, release, "rolled-back", reason=reason)
    return len(newer)


def _due(session: Session, now: datetime) -> Sequence[UUID]:
    query = select(ReleasedWords.release_id).join(Release, Release.id == ReleasedWords.release_id)
    query = query.where(ReleasedWords.live_from <= now, APPROVED)
    return session.scalars(query.order_by(ReleasedWords.live_from)).all()


def _put_live(unit: UnitOfWork, release_id: UUID) -> None:
    kept = unit.session.get(ReleasedWords, release_id, with_for_update=True)
    release = unit.session.get(Release, release_id)
    if kept is None or release is None or kept.live_from is None:
        return
    told = _unfit(unit, release, kept)
    kept.live_from = kept.live_from_by = None
    if told:
        _record(unit, release, "not-live")
        _tell(unit, release, told)
    else:
        _enforce(unit, release, kept)
        _record(unit, release, "live")


def _enforce(unit: UnitOfWork, release: Release, kept: ReleasedWords | None) -> None:
    """Put words into force in place of those that are; of files, by taking these away."""
    unit.session.execute(
        update(ReleasedWords).where(*_in_place_of(release)).values(replaced_at=unit.by.at)
    )
    if kept is not None:
        kept.live_at, kept.replaced_at = unit.by.at, None


def _unfit(unit: UnitOfWork, release: Release, kept: ReleasedWords | None) -> str:
    """Say why these words can't be in force: not two people's, or not with these files."""
    app = unit.app
    try:
        two_people_of(release, load_signers(app.catalogue.folder))
    except FollowupError as error:
        return str(error)
    pair = (release.clinic, release.protocol)
    rows: list[Row] = [row for row in rows_in_force(unit.session) if row[:2] != pair]
    if kept is not None:
        rows.append((*pair, kept.words))
    content = laid_over(app.content.of_files, rows)
    if told := content.broken.get(pair):
        return told
    files = files_of_release(release.protocol, release.clinic, content, app.catalogue)
    made = manifest_of(release.protocol, release.clinic, files, app.catalogue)
    if made.digest != release.digest:
        return (
            "the files on this server are not those that it was signed with: put those back "
            "(followup words export-release writes them), or sign the words anew"
        )
    return ""


def _tell(unit: UnitOfWork, release: Release, told: str) -> None:
    open_item(
        unit,
        NewItem(
            subject=f"not-live:{release.id}",
            kind=ItemKind.WORDS,
            clinic=release.clinic,
            cause=str(Reason.WORDS_CHANGED),
            more={
                "protocol": "",
                "sentence": f"Release {release.digest[:12]} of {release.protocol} did not go live: "
                f"{told}",
            },
        ),
    )


def _console_words(session: Session, release: Release) -> ReleasedWords:
    found = session.get(ReleasedWords, release.id, with_for_update=True)
    if found is None:
        raise Conflict("its words are files: they are in force once they lie in their place")
    return found


def must_be_approved(release: Release) -> None:
    """Raise `Conflict` for a release that may not be in force."""
    if release.approver is None or release.withdrawn_at or release.sent_back_at:
        raise Conflict("only what two people signed, and nobody withdrew, can be in force")


def _record(unit: UnitOfWork, release: Release, what: str, **more: str) -> None:
    detail = {"protocol": release.protocol, "release": release.digest, **more}
    entry = AuditEntry(action=f"words.{what}", clinic=release.clinic, detail=detail)
    record_event(unit.session, unit.by, entry)
