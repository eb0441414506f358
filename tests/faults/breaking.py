"""Safety mechanisms broken on purpose, to see that the fault runs notice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BROKEN = Path(__file__).with_name("broken")
VARIABLE = "TEST_BREAK"


@contextmanager
def breaking(mechanism: str) -> Iterator[None]:
    """Break a mechanism in every process of the product that is started in the block."""
    os.environ[VARIABLE] = mechanism
    try:
        yield
    finally:
        del os.environ[VARIABLE]


def broken(path: str) -> dict[str, str]:
    """Return the environment for processes of the product whose PYTHONPATH is `path`."""
    mechanism = os.environ.get(VARIABLE)
    return {"PYTHONPATH": f"{BROKEN}:{path}", VARIABLE: mechanism} if mechanism else {}
