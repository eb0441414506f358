"""Backups of the embedded database: taken while it is in use, checked, one file each.

The master keys are not in a backup. Without them nothing that names a patient can be read from it,
by whoever finds it, and by the clinic neither.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from followup.domain.errors import ConfigurationError
from followup.store.engine.session import Store, make_engine
from followup.store.engine.sqlite_file import (
    check_sound,
    copy_whole,
    draft_beside,
    make_whole,
    publish_file,
    remove_file,
)
from followup.store.models.audit import AuditEvent
from followup.store.models.operations import Restore, Sweep
from followup.store.models.patients import Patient
from followup.store.schema.revisions import known_revisions, newest_revision


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that was checked: when it was taken (real time), and what is in it."""

    path: Path
    taken_at: datetime
    revision: str
    patients: int
    size: int


def make_backup(database: Path, path: Path, *, at: datetime) -> Backup:
    """Copy the database at `database`, which may be in use, to the new file `path`, and check it.

    `at` is the real time now. Raises `Conflict` where there is such a file, `ConfigurationError`
    for a database of another version, `StoreUnavailable` where there is no room; none of them
    leaves anything behind.
    """
    if not database.is_file():
        raise ConfigurationError(f"there is no database yet at {database}: nothing to back up")
    draft = draft_beside(path)
    copy_whole(database, draft)
    try:
        revision = _require_current(check_sound(draft))
        patients = _mark(draft, at=at)
        make_whole(draft)
        check_sound(draft)
        publish_file(draft, path)
        _noted_at(database).touch()
        os.utime(_noted_at(database), (at.timestamp(), at.timestamp()))
    except BaseException:
        remove_file(draft)
        raise
    return Backup(
        path=path, taken_at=at, revision=revision, patients=patients, size=path.stat().st_size
    )


def last_backup(database: Path) -> datetime | None:
    """Return when (real time) the database at `database` was last backed up by this program."""
    try:
        return datetime.fromtimestamp(_noted_at(database).stat().st_mtime, UTC)
    except OSError:
        return None


def _noted_at(database: Path) -> Path:
    return database.with_name(f"{database.name}.last-backup")


def inspect_backup(path: Path) -> str:
    """Check a backup and return its schema revision; raise `Conflict` if it can't be restored."""
    revision = check_sound(path)
    if revision is None or revision not in known_revisions():
        raise ConfigurationError(
            f"{path} is at schema {revision}, which this version does not know: restore it with "
            "the version that made it, or a newer one"
        )
    return revision


def _require_current(revision: str | None) -> str:
    if revision is None or revision != newest_revision():
        raise ConfigurationError(
            f"the database is at schema {revision}, this version needs {newest_revision()}: "
            "back it up with the version that runs on it"
        )
    return revision


def last_heartbeat_in(store: Store) -> datetime | None:
    """Return the latest real time at which anything was written, as far as the database tells."""
    with store.read() as session:
        signs = [
            session.scalar(select(func.max(column)))
            for column in (Sweep.started_real_at, AuditEvent.real_at)
        ]
    return max((at for at in signs if at is not None), default=None)


def _mark(draft: Path, *, at: datetime) -> int:
    """Let the copy say what it is, and when it was taken; return how many patients it has."""
    store = Store(make_engine(f"sqlite:///{draft}"))
    try:
        with store.write() as session:
            session.add(Restore(taken_real_at=at))
            return session.scalar(select(func.count()).select_from(Patient)) or 0
    finally:
        store.close()
