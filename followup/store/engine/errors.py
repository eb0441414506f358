"""Database errors in words: what is the matter, and what to do."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

ON_ITS_OWN = "What was to be sent meanwhile goes by itself as soon as that is done"

_OF_SQLITE = {
    "SQLITE_FULL": "make room on the disk that it is on (the folder FOLLOWUP_DATA_DIR, unless "
    f"FOLLOWUP_DATABASE_URL names another). {ON_ITS_OWN}",
    "SQLITE_IOERR": "look whether its disk has room, or a limit on the size of files, and whether "
    f"the disk is well (the system's log). {ON_ITS_OWN}",
    "SQLITE_BUSY": "something has kept it locked for too long: look for a second stack, a copy or "
    "an editor that has the file open, then try again",
    "SQLITE_READONLY": "let the user that followup runs as write to the file and to its folder",
    "SQLITE_CANTOPEN": "check FOLLOWUP_DATABASE_URL: its folder must exist, and the user that "
    "followup runs as must be allowed to write there",
}
"""By the beginning of SQLite's own name for an error."""

UNDONE = ("SQLITE_FULL", "SQLITE_BUSY")
"""Errors at which SQLite has taken the whole transaction back, even in the middle of its commit."""


def database_error_text(error: DBAPIError | PoolTimeout, *, unsure: bool) -> str:
    """Return the sentence; `unsure` says that the commit had begun.

    It holds the driver's own words only: the statement and its parameters may carry a patient's
    data.
    """
    name = _sqlite_name(error)
    kept = unsure and not name.startswith(UNDONE)
    changed = "look whether the change was kept" if kept else "nothing was changed"
    return (
        f"the database can't be used at present ({_first_line(error)}); {changed}: {_to_do(name)}"
    )


def cannot_open(error: DBAPIError) -> str:
    """Return the sentence for a database that could not even be opened."""
    to_do = _to_do(_sqlite_name(error))
    return f"the database can't be reached or opened ({_first_line(error)}): {to_do}"


def _to_do(sqlite_name: str) -> str:
    known = (told for begin, told in _OF_SQLITE.items() if sqlite_name.startswith(begin))
    return next(known, None) or (
        "check FOLLOWUP_DATABASE_URL, that the server runs and that its disk has room, then try "
        "again"
    )


def _sqlite_name(error: DBAPIError | PoolTimeout) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else None
    return str(getattr(cause, "sqlite_errorname", ""))


def _first_line(error: DBAPIError | PoolTimeout) -> str:
    if isinstance(error, PoolTimeout):
        return "all its connections are in use"
    return str(error.orig).strip().partition("\n")[0]
