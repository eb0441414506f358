"""Fixtures for HL7: an app that knows the made-up hospital, and a listener on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from followup.context import AppContext
from tests.support.apps import make_app
from tests.support.hl7 import Hl7Sender, catalogue_with, listening


@pytest.fixture
def app(migrated_url: str) -> Iterator[AppContext]:
    """Everything that the use cases work with, once on each database."""
    with closing(make_app(migrated_url, catalogue=catalogue_with())) as made:
        yield made


@pytest.fixture
def port(app: AppContext) -> Iterator[int]:
    """Where a listener of the product takes messages, over a real socket."""
    with listening(app) as at:
        yield at


@pytest.fixture
def sender(port: int) -> Iterator[Hl7Sender]:
    """A connection to it."""
    with Hl7Sender(port) as one:
        yield one
