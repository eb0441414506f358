"""Queries of releases."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.lifecycle import ONGOING_STATES
from followup.domain.releases.manifest import read_manifest
from followup.domain.releases.state import ReleaseState
from followup.store.engine.id_prefix import SHORTEST_PREFIX
from followup.store.models.enrolments import Enrolment
from followup.store.models.releases import Release, ReleaseFile

WORDS, REVIEW = "words", "review"

STANDS = and_(Release.sent_back_at.is_(None), Release.withdrawn_at.is_(None))
APPROVED = and_(STANDS, Release.approver.is_not(None))


def state_of(release: Release) -> ReleaseState:
    """Return what became of a release."""
    if release.withdrawn_at is not None:
        return ReleaseState.WITHDRAWN
    if release.sent_back_at is not None:
        return ReleaseState.SENT_BACK
    return ReleaseState.SIGNED if release.approver is None else ReleaseState.APPROVED


def releases_of(
    session: Session,
    *,
    kind: str = WORDS,
    clinic: str | None = None,
    protocol: str | None = None,
) -> Sequence[Release]:
    """Return releases, the newest first."""
    query = select(Release).where(Release.kind == kind)
    if clinic is not None:
        query = query.where(Release.clinic == clinic)
    if protocol is not None:
        query = query.where(Release.protocol == protocol)
    return session.scalars(query.order_by(Release.signed_at.desc(), Release.id.desc())).all()


def with_digests(
    session: Session, clinics: Collection[str], digests: Collection[str]
) -> Sequence[Release]:
    """Return releases of exactly these bytes, whatever became of them, the newest first."""
    return session.scalars(
        select(Release)
        .where(Release.kind == WORDS, Release.clinic.in_(clinics), Release.digest.in_(digests))
        .order_by(Release.signed_at.desc(), Release.id.desc())
    ).all()


def approved_releases(
    session: Session, clinics: Collection[str], *, kind: str = WORDS
) -> Sequence[Release]:
    """Return what two people signed and nobody withdrew, the newest approval first."""
    return session.scalars(
        select(Release)
        .where(APPROVED, Release.kind == kind, Release.clinic.in_(clinics))
        .order_by(Release.approved_at.desc(), Release.id.desc())
    ).all()


def newest_approved(session: Session, clinic: str, protocol: str) -> Release | None:
    """Return the release that was approved last: what a change is compared with."""
    found = approved_releases(session, [clinic])
    return next((one for one in found if one.protocol == protocol), None)


def approved_since(session: Session, release: Release) -> Sequence[Release]:
    """Return the releases of the same words that were approved after this one."""
    return [
        one
        for one in approved_releases(session, [release.clinic])
        if one.protocol == release.protocol
        and one.approved_at is not None
        and release.approved_at is not None
        and one.approved_at > release.approved_at
    ]


def standing_release(session: Session, *, kind: str, clinic: str, digest: str) -> Release | None:
    """Return the release of these bytes that was neither sent back nor withdrawn, locked."""
    return session.scalars(
        select(Release)
        .where(STANDS, Release.kind == kind, Release.clinic == clinic, Release.digest == digest)
        .with_for_update()
    ).first()


def last_end(session: Session, *, kind: str, clinic: str, digest: str) -> datetime | None:
    """Return when a release of these bytes was last sent back or withdrawn."""
    ends = session.execute(
        select(Release.sent_back_at, Release.withdrawn_at).where(
            Release.kind == kind, Release.clinic == clinic, Release.digest == digest
        )
    )
    return max((at for row in ends for at in row if at is not None), default=None)


def find_release(session: Session, identifier: str, *, kind: str | None = None) -> Release:
    """Return the release whose digest begins so, locked; of several alike the one that stands."""
    wanted = identifier.strip().lower()
    if len(wanted) < SHORTEST_PREFIX or not set(wanted) <= set("0123456789abcdef"):
        raise InvalidInput.of(
            "release",
            f"give at least {SHORTEST_PREFIX} characters of it: see followup words status",
        )
    query = select(Release).where(Release.digest.startswith(wanted))
    query = query.order_by(Release.signed_at.desc(), Release.id.desc())
    if kind is not None:
        query = query.where(Release.kind == kind)
    found = session.scalars(query.with_for_update()).all()
    if not found:
        raise NotFound(f"there is no release {identifier}: see followup words status")
    if len({one.digest for one in found}) > 1:
        raise Conflict(f"{identifier} could be several releases: give more of it")
    standing = [one for one in found if one.sent_back_at is None and one.withdrawn_at is None]
    return [*standing, *found][0]


def release_by_id(session: Session, release_id: UUID) -> Release:
    """Return a release; raise `NotFound`."""
    found = session.get(Release, release_id)
    if found is None:
        raise NotFound("there is no such release")
    return found


def contents_of(session: Session, digests: Collection[str]) -> dict[str, bytes]:
    """Return the kept content of files by its SHA-256."""
    query = select(ReleaseFile).where(ReleaseFile.digest.in_(digests))
    return {file.digest: file.content for file in session.scalars(query)}


def under_way(session: Session, clinic: str, protocol: str) -> int:
    """Return how many follow-ups of a protocol at a clinic have not ended."""
    query = select(func.count()).select_from(Enrolment)
    mine = (Enrolment.clinic == clinic, Enrolment.protocol == protocol)
    return session.scalar(query.where(*mine, Enrolment.state.in_(ONGOING_STATES))) or 0


@dataclass(frozen=True, slots=True)
class ReleaseFacts:
    """Who stands behind the words of a message: for reports and evidence."""

    digest: str
    author: str
    signed_at: datetime
    approver: str
    approved_at: datetime
    source: str
    review_due: date
    withdrawn_at: datetime | None


def facts_of(session: Session, release_ids: Collection[UUID]) -> dict[UUID, ReleaseFacts]:
    """Return the facts of releases by id; without ids, no query is made."""
    if not release_ids:
        return {}
    found = {}
    for one in session.scalars(select(Release).where(Release.id.in_(release_ids))):
        if one.approver is None or one.approved_at is None:
            continue
        manifest = read_manifest(one.statement)
        found[one.id] = ReleaseFacts(
            one.digest,
            one.author,
            one.signed_at,
            one.approver,
            one.approved_at,
            manifest.source,
            manifest.review_due,
            one.withdrawn_at,
        )
    return found
