"""Broker health probe: whether it can be reached and what waits in it, in bounded time."""

from __future__ import annotations

import redis
import structlog

from followup.broker.client import redis_client
from followup.monitoring.health import HealthProblem

BROKER_SECONDS = 2.0
BROKER_QUEUES = ("dispatch", "send", "sweeps")
"""Every queue that a task is routed to."""

log = structlog.get_logger()


def broker_client(url: str) -> redis.Redis:
    """Return a client that answers or fails in bounded time."""
    return redis_client(url, seconds=BROKER_SECONDS)


def broker_problems(client: redis.Redis | None) -> list[HealthProblem]:
    """Return what is wrong with the broker; nothing ever is with the embedded one, None."""
    if client is None:
        return []
    try:
        client.ping()
    except redis.RedisError as error:
        log.warning("broker.away", cause=type(error).__name__)
        return [
            HealthProblem(
                code="broker-away",
                sentence="the broker can't be reached: nothing is sent until it can, and nothing "
                "is lost; look whether Redis runs",
            )
        ]
    return []


def queue_lengths(client: redis.Redis) -> dict[str, int] | None:
    """Return how many tasks wait in each queue, or None where the broker can't be asked."""
    try:
        return {name: int(client.llen(name)) for name in BROKER_QUEUES}
    except redis.RedisError:
        return None
