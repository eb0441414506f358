"""Redis clients by the broker's URL; behind Sentinels, each new connection asks for the master."""

from __future__ import annotations

from typing import Any

from redis import Redis
from redis.sentinel import Sentinel

from followup.broker.address import sentinels_of


def redis_client(url: str, *, seconds: float, **options: Any) -> Redis:  # noqa: ANN401 - redis-py's own
    """Return a client that answers or fails in so many seconds; `options` are redis-py's.

    Each Sentinel that is away costs as much again. Raises `ValueError` for a URL of no broker.
    """
    options |= {"socket_timeout": seconds, "socket_connect_timeout": seconds}
    address = sentinels_of(url)
    if address is None:
        return Redis.from_url(url, **options)
    sentinels = Sentinel(  # type: ignore[no-untyped-call]
        address.hosts,
        sentinel_kwargs=options | address.sentinel_options,
        db=address.database,
        username=address.user,
        password=address.password,
        **options,
    )
    master: Redis = sentinels.master_for(address.master)  # type: ignore[no-untyped-call]
    return master
