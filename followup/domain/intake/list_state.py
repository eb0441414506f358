"""The states of an uploaded list of patients."""

from __future__ import annotations

from enum import StrEnum


class ListState(StrEnum):
    """Where an uploaded list stands. Both that end in -ing are worked on by a job."""

    COLUMNS = "columns"
    """A person is to say what its columns are."""
    CHECKING = "checking"
    CHECKED = "checked"
    """Every row was looked at: a person is to say whether to enrol."""
    ENROLLING = "enrolling"
    DONE = "done"
    FAILED = "failed"
    """It could not be worked off: nothing more is done with it."""
