"""What a member of staff may do, said as verbs."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A member of staff has one or more of these."""

    ENROL = "enrol"
    """Enrols patients, works off what needs attention, changes and stops follow-up."""
    AUDIT = "audit"
    """Reads everything, changes nothing, and answers for what patients were told."""
    MANAGE = "manage"
    """Looks after content, team and system; sees no patient."""


EVERY_ROLE = tuple(Role)
