"""Work measured by what is done, not by the clock: a busy machine counts the same.

assert steps_of(lambda: sort(4 * text)) < 8 * steps_of(lambda: sort(text))
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def steps_of(work: Callable[[], object]) -> int:
    """Return how many lines of Python run while this thread works; each turn of a loop counts."""
    counted = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal counted
        counted += event == "line"
        return trace

    # Coverage may trace as well: it goes on where it was, and misses what is counted here.
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return counted
