"""Outlook: what will become of a message that is yet to go, with what is known of its patient now.

The row of a message says "planned" until it falls due, and only then is it judged. What lasts (an
objection, an address that does not work) is known before: whoever looks is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from followup.domain.channel import ChannelKind
from followup.domain.eligibility import Candidate, Objections, lasting_obstacle
from followup.domain.reasons import LEAVE_OTHER_CHANNEL_OPEN, Reason


@dataclass(frozen=True, slots=True)
class Outlook:
    """What stands in a message's way, and by which channel it goes instead; None: it won't go."""

    reason: Reason
    instead_by: ChannelKind | None = None

    @property
    def is_lost(self) -> bool:
        """Say whether the patient will not be sent it at all."""
        return self.instead_by is None


def foresee(
    message: Candidate, objections: Objections, *, otherwise: Candidate | None = None
) -> Outlook | None:
    """Return what will become of a message; None where it goes as it is planned.

    `otherwise` is the same message by the channel that may take its place, where one may.
    """
    stop = lasting_obstacle(message, objections)
    if stop is None:
        return None
    if otherwise is None or stop.reason not in LEAVE_OTHER_CHANNEL_OPEN:
        return Outlook(stop.reason)
    is_open = lasting_obstacle(otherwise, objections) is None
    return Outlook(stop.reason, otherwise.channel if is_open else None)
