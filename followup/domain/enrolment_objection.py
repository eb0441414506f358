"""An objection in force, as far as it covers what an enrolment may send."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from followup.domain.channel import ChannelKind
from followup.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolmentObjection:
    """What the patient wants no more of: one channel or, where that is None, every message.

    `since` is service time. `covers_all` says that nothing of the enrolment will be sent, because
    the patient agreed to no other channel.
    """

    channel: ChannelKind | None
    since: datetime
    covers_all: bool

    @property
    def reason(self) -> Reason:
        """Return for what reason its messages are not sent."""
        return Reason.OBJECTION if self.channel is None else Reason.OBJECTION_TO_CHANNEL
