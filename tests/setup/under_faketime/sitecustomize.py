# ruff: noqa: INP001 - Python looks for it in a folder that is no package.
"""Lets Python sleep while libfaketime moves its clock: for `tests.setup.moved_clock` alone.

libfaketime 0.9.10 refuses the system call that `time.sleep` makes once it is told to leave the
monotonic clock alone; without that, waiting for a lock with a time limit never ends.
"""

from __future__ import annotations

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex) -> None:
    select.select((), (), (), float(seconds))


time.sleep = _sleep
