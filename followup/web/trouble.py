"""Service problems, told alike by `/readyz` and the system page."""

from __future__ import annotations

import redis
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.monitoring.alarms import open_alarms
from followup.monitoring.anomalies import delayed_messages
from followup.monitoring.broker_probe import broker_problems
from followup.monitoring.health import HealthProblem, health_problems


def trouble(app: AppContext, broker: redis.Redis | None) -> list[HealthProblem]:
    """Return all that is wrong; the broker is asked in bounded time. None is the embedded one."""
    found = [*health_problems(app), *delayed_messages(app)]
    with app.store.read() as session:
        found = with_alarms(session, found)
    return [*found, *broker_problems(broker)]


def with_alarms(session: Session, found: list[HealthProblem]) -> list[HealthProblem]:
    """Return what is wrong, with the alarms that are up for what shows over time."""
    codes = {one.code for one in found}
    up = [HealthProblem(code=it.code, sentence=it.sentence) for it in open_alarms(session)]
    # Whether the broker is away is asked anew: an alarm clears some time after the broker is back.
    return [*found, *(one for one in up if one.code not in codes and one.code != "broker-away")]
