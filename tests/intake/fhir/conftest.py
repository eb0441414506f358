"""Fixtures for FHIR that is sent: an app that knows the made-up hospital."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from followup.context import AppContext
from tests.support.apps import make_app
from tests.support.fhir import fhir_site
from tests.support.hl7 import catalogue_with


@pytest.fixture
def app(migrated_sqlite_url: str) -> Iterator[AppContext]:
    """Everything that the use cases work with, on SQLite."""
    with closing(make_app(migrated_sqlite_url, catalogue=catalogue_with(fhir_site()))) as made:
        yield made


@pytest.fixture
def both_app(migrated_url: str) -> Iterator[AppContext]:
    """The same, once on each database."""
    with closing(make_app(migrated_url, catalogue=catalogue_with(fhir_site()))) as made:
        yield made


@pytest.fixture
def postgres_app(migrated_postgres_url: str) -> Iterator[AppContext]:
    """The same on PostgreSQL alone."""
    catalogue = catalogue_with(fhir_site())
    with closing(make_app(migrated_postgres_url, catalogue=catalogue, pool_size=10)) as made:
        yield made
