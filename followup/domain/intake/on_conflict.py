"""What a request asks for where an enrolment that is there already stands in its way."""

from __future__ import annotations

from enum import StrEnum


class OnConflict(StrEnum):
    """The words are those of the API; each asks for all that those before it do."""

    REFUSE = "refuse"
    """Change nothing, and say what differs."""
    UPDATE = "update"
    """Apply what differs, as staff would."""
    REOPEN = "reopen"
    """Open an enrolment again that was ended, too."""

    def allows(self, needed: OnConflict | None) -> bool:
        """Say whether what is needed was asked for; None is what nothing allows."""
        order = tuple(OnConflict)
        return needed is not None and order.index(self) >= order.index(needed)
