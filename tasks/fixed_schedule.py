"""Beat's schedule as it stands in the configuration, which does not change while beat runs."""

from __future__ import annotations

from typing import Any

from celery.beat import Scheduler


class FixedSchedule(Scheduler):
    """Celery's scheduler, but for its look, several times a second, whether anything changed."""

    def schedules_equal(self, old_schedules: Any, new_schedules: Any) -> bool:  # noqa: ANN401
        """Say whether the schedule is the one that was looked at before."""
        return old_schedules is not None and new_schedules is not None
