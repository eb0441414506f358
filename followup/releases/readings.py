"""Readings: which changed parts of a release somebody has opened, and what is left to open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.context import AppContext, UnitOfWork
from followup.domain.releases.manifest import text_digest
from followup.releases.difference import Difference, differences, kept_files
from followup.releases.queries import approved_releases
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.upsert import insert_new
from followup.store.models.releases import Release, ReleaseReading

_KEPT = 4


@dataclass(frozen=True, slots=True)
class Part:
    """What is read in one go: all forms of one message that change, or one kind of file."""

    name: str
    differences: tuple[Difference, ...]

    @property
    def digest(self) -> str:
        """What changes whenever any of it does."""
        told = "\x00".join(f"{one.name}\x01{one.before}\x01{one.after}" for one in self.differences)
        return text_digest(f"{self.name}\x00{told}")


def earlier(session: Session, release: Release) -> Release | None:
    """Return what a release is compared with: the one approved last before it."""
    for one in approved_releases(session, [release.clinic]):
        if one.protocol != release.protocol or one.id == release.id or one.approved_at is None:
            continue
        if release.approved_at is None or one.approved_at < release.approved_at:
            return one
    return None


def parts_of(session: Session, release: Release) -> tuple[Part, ...]:
    """Return the changed parts of a release; raise `Conflict` where its files can't be read."""
    before = earlier(session, release)
    key = (release.digest, before.digest if before else "")
    with _LOCK:
        if key not in _parts:
            old = kept_files(session, before) if before else {}
            while len(_parts) >= _KEPT:
                del _parts[next(iter(_parts))]
            _parts[key] = gathered(differences(old, kept_files(session, release)))
        return _parts[key]


_parts: dict[tuple[str, str], tuple[Part, ...]] = {}
"""Differences of the releases that were looked at last: bytes of a digest are always the same."""
_LOCK = Lock()


def gathered(found: Sequence[Difference]) -> tuple[Part, ...]:
    """Return differences by what they are about, in order."""
    parts: dict[str, list[Difference]] = {}
    for one in found:
        parts.setdefault(one.about, []).append(one)
    return tuple(Part(name, tuple(each)) for name, each in parts.items())


def note_reading(app: AppContext, release: Release, part: Part, *, actor: str) -> None:
    """Note that somebody opened a part; the first time stands in the audit trail."""

    def work(unit: UnitOfWork) -> None:
        row = {
            "release_id": release.id,
            "actor": actor,
            "part": part.digest,
            "at": unit.by.at,
        }
        if insert_new(unit.session, ReleaseReading, row):
            detail = {"release": release.digest, "part": part.name}
            entry = AuditEntry(action="words.read", clinic=release.clinic, detail=detail)
            record_event(unit.session, unit.by, entry)

    app.transact(actor, work)


def read_by(session: Session, release: Release, actor: str) -> frozenset[str]:
    """Return the digests of the parts that somebody has opened."""
    query = select(ReleaseReading.part).where(
        ReleaseReading.release_id == release.id, ReleaseReading.actor == actor
    )
    return frozenset(session.scalars(query))
