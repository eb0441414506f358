"""Fixtures for feeds: an app that knows the made-up hospital."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from followup.context import AppContext
from tests.support.apps import make_app
from tests.support.hl7 import catalogue_with


@pytest.fixture
def app(migrated_url: str) -> Iterator[AppContext]:
    """Everything that the use cases work with, once on each database."""
    with closing(make_app(migrated_url, catalogue=catalogue_with())) as made:
        yield made


@pytest.fixture
def sqlite_app(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """The same on SQLite alone."""
    with closing(make_app(migrated_sqlite_url, catalogue=catalogue_with())) as made:
        yield made
