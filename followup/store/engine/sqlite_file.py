"""SQLite file: copied while in use, inspected, and put in place."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from followup.domain.errors import Conflict, FollowupError, StoreUnavailable

WAIT_SECONDS = 15
_BESIDE = ("-wal", "-shm", "-journal")
_OURS = "alembic_version"


class Damaged(Conflict):
    """A file is no sound database of this product."""


def keep_to_ourselves(database: Path) -> None:
    """See to it that other accounts can't read a database; a new one is made so that they can't.

    What SQLite puts beside it gets the same mode. A group that was let in stays.
    """
    with suppress(OSError):
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    for each in (database, *_beside(database)):
        with suppress(OSError):
            mode = stat.S_IMODE(each.stat().st_mode)
            if mode & stat.S_IRWXO:
                each.chmod(mode & ~stat.S_IRWXO)


def copy_whole(database: Path, copy: Path) -> None:
    """Copy a database, which others may go on using, into a new file of one piece.

    The copy is as the database was at one moment. Raises `StoreUnavailable`, with nothing left
    behind, where it can't be read, or the disk has no room.
    """
    try:
        with _telling(copy), _open(database) as source, _create(copy) as target:
            source.backup(target)
    except BaseException:
        remove_file(copy)
        raise


def make_whole(path: Path) -> None:
    """Bring what lies beside a database (its write-ahead log) into the one file, on the disk."""
    with _telling(path), _open(path) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    with path.open("rb") as file:
        os.fsync(file.fileno())


def publish_file(draft: Path, path: Path) -> None:
    """Give a finished file its name, unless something has that name; raise `Conflict` then."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise Conflict(f"{path} is there already; choose another name, or move it away") from None
    except OSError as error:
        raise StoreUnavailable(f"{path} can't be written ({error.strerror})") from error
    draft.unlink()
    _flush_folder(path.parent)


def draft_beside(path: Path) -> Path:
    """Return a name in the same folder that nothing has."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def remove_file(path: Path) -> None:
    """Remove a database with what lies beside it."""
    for each in (path, *_beside(path)):
        each.unlink(missing_ok=True)


def check_sound(path: Path) -> str | None:
    """Return the schema revision of a file; raise `Damaged` if it is no sound database of ours.

    Reads every page, so it takes as long as reading the file.
    """
    if not path.is_file():
        raise Damaged(f"there is no file {path}")
    if any(each.exists() and each.stat().st_size for each in _beside(path)):
        raise Damaged(f"{path} is in use, or was copied while it was: use followup backup")
    try:
        with _open(path, read_only=True) as connection:
            revision = _revision(connection)
            complaints = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            orphans = connection.execute("PRAGMA foreign_key_check").fetchone()
    except sqlite3.Error as error:
        raise Damaged(f"{path} is no database of followup ({error})") from error
    if complaints != ["ok"] or orphans is not None:
        raise Damaged(f"{path} is damaged ({complaints[0]}); use another backup")
    return revision


def _revision(connection: sqlite3.Connection) -> str | None:
    there = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (_OURS,)).fetchone()
    if there is None:
        raise sqlite3.DatabaseError("it has none of its tables")
    row = connection.execute(f"SELECT version_num FROM {_OURS}").fetchone()  # noqa: S608
    return None if row is None else str(row[0])


def require_unused(database: Path) -> None:
    """Raise `Conflict` if another process has the database open."""
    if database.exists() and database.stat().st_size:
        with suppress(Damaged), _alone(database):
            pass


def put_in_place(copy: Path, database: Path, *, aside: Path) -> bool:
    """Let a database hold what `copy` holds, in one transaction; `aside` gets what it held.

    Return False where there was nothing to set aside. Raises `Conflict`, and changes nothing, if
    another process has the database open.
    """
    if not (database.exists() and database.stat().st_size):
        with _telling(database), _open(copy) as source, _open(database) as target:
            source.backup(target)
        return False
    try:
        with _telling(database), _alone(database) as target, _open(copy) as source:
            with _create(aside) as kept:
                target.backup(kept)
            source.backup(target)
    except Damaged:
        # What can't be read any more is moved away as it is.
        for each in (database, *_beside(database)):
            if each.exists():
                each.rename(aside.with_name(each.name.replace(database.name, aside.name, 1)))
        put_in_place(copy, database, aside=aside)
    return True


@contextmanager
def _alone(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that nobody else has open, and hold it so; raise `Conflict` or `Damaged`."""
    with _open(database, wait_seconds=0) as connection:
        try:
            # Only the last user of a database can take its write-ahead log away.
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("SELECT count(*) FROM sqlite_master")
        except sqlite3.OperationalError as error:
            raise Conflict(
                f"{database} is in use ({error}): stop followup and whatever else has it open first"
            ) from error
        except sqlite3.DatabaseError as error:
            raise Damaged(f"{database} is damaged ({error})") from error
        yield connection


@contextmanager
def _open(
    path: Path, *, read_only: bool = False, wait_seconds: float = WAIT_SECONDS
) -> Iterator[sqlite3.Connection]:
    # Immutable: a backup may lie where nothing may be written, and its log is in it.
    address = f"{path.resolve().as_uri()}{'?immutable=1' if read_only else ''}"
    with closing(
        sqlite3.connect(address, uri=True, timeout=wait_seconds, isolation_level=None)
    ) as connection:
        yield connection


@contextmanager
def _create(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a new file, which this account alone can read."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{path} can't be written ({error.strerror})") from error
    with _open(path) as connection:
        yield connection


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except FollowupError:
        raise
    except (sqlite3.Error, OSError) as error:
        raise StoreUnavailable(
            f"{path} can't be written ({error}); nothing was changed: look whether the disk has "
            "room, then try again"
        ) from error


def _beside(path: Path) -> list[Path]:
    return [path.with_name(path.name + suffix) for suffix in _BESIDE]


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
