"""A break that no longer fits the product is told of: it would pass for a mechanism that counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.breaking import BROKEN, breaking, require_well_broken
from tests.support.stacks import StackError

FRAME = f'Traceback (most recent call last):\n  File "{BROKEN}/sitecustomize.py", line 66, in x\n'
MISFIT = f"{FRAME}TypeError: prepared() got an unexpected keyword argument\n"
OF_THE_PRODUCT = f"{FRAME}followup.domain.errors.StoreUnavailable: the database can't be used\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker-0.log"


def test_a_mistake_in_a_break_ends_the_run(log: Path):
    log.write_text(OF_THE_PRODUCT + MISFIT, encoding="utf-8")

    with breaking("lease-check"), pytest.raises(StackError, match="does not fit"):
        require_well_broken([log])


def test_what_follows_from_a_break_does_not(log: Path):
    log.write_text(OF_THE_PRODUCT, encoding="utf-8")

    with breaking("lease-check"):
        require_well_broken([log])


def test_nothing_is_looked_for_where_nothing_is_broken(log: Path):
    log.write_text(MISFIT, encoding="utf-8")

    require_well_broken([log])
