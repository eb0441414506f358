# ruff: noqa: INP001 - Python looks for it in a folder that is no package.
"""Sets the clock of a Python process wrong by TEST_CLOCK_SKEW seconds: for fault runs alone.

Python imports this at its start where this folder is on PYTHONPATH. `time.time` and everything that
`datetime` says of now are wrong afterwards, in the product as in Celery; spans of time are not.
"""

from __future__ import annotations

import datetime as dt
import os
import time

_SKEW = float(os.environ["TEST_CLOCK_SKEW"])
_right_time = time.time
_Right = dt.datetime


class _Meta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _Right)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, _Right)


class _Wrong(_Right, metaclass=_Meta):
    """The class `datetime`, but for its idea of now; what it makes are ordinary values."""

    def __new__(cls, *args: object, **kwargs: object) -> dt.datetime:  # type: ignore[misc]
        return _Right(*args, **kwargs)  # type: ignore[arg-type]

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
        return _Right.now(tz) + dt.timedelta(seconds=_SKEW)

    @classmethod
    def utcnow(cls) -> dt.datetime:  # type: ignore[override]
        return _Right.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=_SKEW)


def _wrong_time() -> float:
    return _right_time() + _SKEW


time.time = _wrong_time
dt.datetime = _Wrong  # type: ignore[misc]
