"""Shared Redis that any process can do without for a while."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from time import monotonic
from typing import Any

import structlog
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

from followup.broker.client import redis_client

LEFT_ALONE = 2.0
"""Seconds for which Redis is not asked again after it could not be reached."""

REDIS_TIMEOUT = 0.5
"""Seconds that one question to Redis may take; a batch waits for it."""

log = structlog.get_logger()


class SharedRedis:
    """Runs scripts where Redis answers; says None, at once, where it lately did not.

    Safe to share between threads. `seconds` tells the time that passes.
    """

    def __init__(self, url: str, *, seconds: Callable[[], float] = monotonic) -> None:
        self._redis = redis_client(url, seconds=REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0))
        self._seconds = seconds
        self._ask_again_at = float("-inf")

    def script(self, *names: str) -> Script:
        """Return a script made of these files of `followup.providers`, one after the other."""
        folder = files("followup.providers.resilience")
        parts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
        return self._redis.register_script("\n".join(parts))

    def run(self, script: Script, *, key: str, args: Sequence[float]) -> Any | None:  # noqa: ANN401 - what the script returns
        """Return what a script on one key returns, or None where Redis can't be asked."""
        if self._seconds() < self._ask_again_at:
            return None
        try:
            return script(keys=[key], args=list(args))
        except RedisError as error:
            self._ask_again_at = self._seconds() + LEFT_ALONE
            log.warning("redis.alone", cause=type(error).__name__)
            return None

    def close(self) -> None:
        """Give back connections."""
        self._redis.close()
