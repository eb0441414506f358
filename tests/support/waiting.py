"""Waiting for what another thread or process does: by looking again and again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

BETWEEN_LOOKS = 0.01
SECONDS = 10.0
"""Far more than anything takes that comes at all, on a machine that is busy with other things."""


def wait_until(condition: Callable[[], object], *, seconds: float = SECONDS) -> None:
    """Wait until something has come true; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen within {seconds} seconds")
        time.sleep(BETWEEN_LOOKS)
