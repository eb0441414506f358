"""Threads of their own for what takes much memory: passwords and passphrases are made to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import BoundedSemaphore
from typing import TypeVar

Result = TypeVar("Result")

AT_ONCE = 2
"""Each takes 64 MiB for a password, and 256 for a passphrase, of which one at a time is checked."""
WAITING = 20
"""How many more may wait for these, some seconds at most."""

_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="costly")
_places = BoundedSemaphore(AT_ONCE + WAITING)


async def run_costly(work: Callable[[], Result]) -> Result | None:
    """Return what `work` returns, or None at once where too many wait already.

    It is off the threads that pages and provider webhooks share: those go on meanwhile.
    """
    if not _places.acquire(blocking=False):
        return None
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, copy_context().run, work)
    finally:
        _places.release()
