"""Double follow-ups: one procedure that two records of one person know of.

The same protocol on the same day is one procedure, as it is at enrolment. One follow-up of it goes
on; the other ends, and what the patient was told by it counts as told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from followup.domain.lifecycle import ONGOING_STATES, EnrolmentState
from followup.domain.merging.facts import Decisions, Question, Side


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp:
    """An enrolment of one of the records; `day` is that of its procedure, where it took place."""

    id: UUID
    side: Side
    protocol: str
    day: date
    state: EnrolmentState
    answers: Mapping[str, object]

    @property
    def is_ended(self) -> bool:
        """Whether staff or a hospital's system ended it early."""
        return self.state is EnrolmentState.WITHDRAWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Double:
    """Two follow-ups of one procedure: the one that goes on, and the one that goes into it."""

    kept: FollowUp
    ended: FollowUp

    @property
    def answers_differ(self) -> bool:
        """Whether what is sent depends on which of the two goes on."""
        return not self.ended.is_ended and self.kept.answers != self.ended.answers


def double_follow_ups(
    follow_ups: Iterable[FollowUp], *, decisions: Decisions
) -> tuple[Double, ...]:
    """Return which follow-ups of the two records are of one procedure.

    The one whose answers were decided for goes on, else one of which something is to come, else the
    survivor's. One that was ended early never goes on, and of two such neither does.
    """
    by_procedure: defaultdict[tuple[str, date], list[FollowUp]] = defaultdict(list)
    for each in follow_ups:
        by_procedure[each.protocol, each.day].append(each)
    chosen = decisions.get(Question.ANSWERS)
    found = []
    for same in by_procedure.values():
        kept = max(
            (each for each in same if not each.is_ended),
            key=lambda each: (
                each.side is chosen,
                each.state in ONGOING_STATES,
                each.side is Side.SURVIVOR,
                each.id,
            ),
            default=None,
        )
        if kept is not None:
            found += [Double(kept=kept, ended=each) for each in same if each.side is not kept.side]
    return tuple(sorted(found, key=lambda each: each.ended.id))
