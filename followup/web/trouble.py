"""What is wrong with the service, told alike by `/readyz` and by the system's page."""

from __future__ import annotations

import redis
from sqlalchemy.orm import Session

from followup.alarms import open_alarms
from followup.broker import broker_ailments
from followup.health import Ailment, ailments
from followup.kit import Kit
from followup.symptoms import held_up


def trouble(kit: Kit, broker: redis.Redis | None) -> list[Ailment]:
    """Return all that is wrong; the broker is asked in bounded time. None is the embedded one."""
    found = [*ailments(kit), *held_up(kit)]
    with kit.store.read() as session:
        found = with_alarms(session, found)
    return [*found, *broker_ailments(broker)]


def with_alarms(session: Session, found: list[Ailment]) -> list[Ailment]:
    """Return what is wrong, with the alarms that are up for what shows over time."""
    codes = {one.code for one in found}
    up = [Ailment(code=it.code, sentence=it.sentence) for it in open_alarms(session)]
    # Whether the broker is away is asked anew: an alarm clears some time after the broker is back.
    return [*found, *(one for one in up if one.code not in codes and one.code != "broker-away")]
