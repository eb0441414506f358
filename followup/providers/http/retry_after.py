"""Retry-After headers: how long whoever answers asks to be left alone."""

from __future__ import annotations

from datetime import timedelta

MOST_DIGITS = 9
"""Read by its beginning: whoever answers may write more digits than can be counted."""


def delay_of(retry_after: str) -> timedelta | None:
    """Return the delay that a header of seconds asks for; None for a date and anything else."""
    if not retry_after.isdecimal():
        return None
    return timedelta(seconds=int(retry_after[:MOST_DIGITS]))
