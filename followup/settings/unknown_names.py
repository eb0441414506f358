"""Unknown FOLLOWUP_ names: a misspelt setting must not pass in silence."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from dotenv import dotenv_values

SETTING_PREFIX = "FOLLOWUP_"
ALIKE = 0.85


def unknown_names(fields: Collection[str], files: Sequence[Path]) -> tuple[str, ...]:
    """Return the names in the environment and the .env files that no field answers to."""
    given = {*os.environ, *(name for file in files for name in dotenv_values(file))}
    known = {f"{SETTING_PREFIX}{field}".upper() for field in fields}
    return tuple(
        sorted(
            name
            for name in given
            if name.upper().startswith(SETTING_PREFIX) and name.upper() not in known
        )
    )


def misspelt(unknown: Collection[str], fields: Collection[str]) -> Iterator[str]:
    """Yield a sentence for each unknown name that is nearly that of a setting.

    Others are left alone: a container platform adds such names for a service called followup.
    """
    for name in unknown:
        bare = name.upper().removeprefix(SETTING_PREFIX)
        meant = difflib.get_close_matches(bare, [field.upper() for field in fields], 1, ALIKE)
        if meant:
            yield f"{name} is no setting: write {SETTING_PREFIX}{meant[0]}, or unset it"
