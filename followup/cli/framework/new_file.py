"""New file: what a command writes about a patient, for its owner alone, over nothing."""

from __future__ import annotations

import os
from pathlib import Path

from followup.cli.framework.boundary import WrongUse
from followup.domain.errors import FollowupError

OWNER_ALONE = 0o600


def require_new_name(path: Path) -> None:
    """Raise `WrongUse` before any work is done for a file that could not be written."""
    if path.exists():
        raise WrongUse(f"{path}: is there already: give another name")
    if not path.parent.is_dir():
        raise WrongUse(f"{path.parent}: there is no such folder")


def write_new_file(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read; raise `FollowupError` for one that is there.

    It is whole or not there: half of an export looks like one.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    except FileExistsError as error:
        raise FollowupError(f"{path}: is there already: give another name") from error
    except OSError as error:
        raise FollowupError(f"{path}: can't be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise FollowupError(f"{path}: can't be written: {error.strerror}") from error
        raise
