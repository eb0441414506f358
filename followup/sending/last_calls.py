"""Last calls of a batch: waited for, and settled, while its worker begins the next batch."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import BoundedSemaphore

import structlog

MOST = 2
"""How many batches of a process are settled aside at once."""

log = structlog.get_logger()


class LastCalls:
    """Batches whose attempts have all been begun. Safe to share between threads of one process.

    Nothing is promised that a batch alone would not: what is begun is committed, and a message that
    nobody settles, because its process was killed, is in doubt once its lease is over.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(MOST, thread_name_prefix="settling")
        self._free = BoundedSemaphore(MOST)

    def settle(self, finish: Callable[[], object]) -> None:
        """Have a batch finished aside; or at once, where others are still under way there."""
        if not self._free.acquire(blocking=False):
            finish()
            return
        try:
            self._threads.submit(self._finish, finish)
        except RuntimeError:
            # The process is being ended.
            self._free.release()
            finish()

    def close(self) -> None:
        """Return once all is settled."""
        self._threads.shutdown(wait=True)

    def _finish(self, finish: Callable[[], object]) -> None:
        try:
            finish()
        except Exception:
            # The edge of a thread. What became of these messages is found out as after a crash.
            log.exception("calls.not_settled")
        finally:
            self._free.release()
