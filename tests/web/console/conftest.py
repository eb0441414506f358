"""The console on a database of its own, and people of each role at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile

import pytest
from fastapi import FastAPI

from followup.domain.roles import Role
from followup.kit import Kit
from followup.web.app import create_app
from tests.kits import make_kit
from tests.web.conftest import settings_for
from tests.web.console.visitors import HOME, Visitor, join


def make_app(kit: Kit, **given: object) -> FastAPI:
    return create_app(kit, settings_for(public_url=HOME, twilio_auth_token=None, **given))


@pytest.fixture(scope="module")
def shared_kit(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    """A kit for all tests of a module that look and change nothing."""
    file = tmp_path_factory.mktemp("shared") / "shared.sqlite3"
    copyfile(migrated_sqlite, file)
    with closing(make_kit(f"sqlite:///{file}")) as made:
        yield made


@pytest.fixture(scope="module")
def shared_app(shared_kit: Kit) -> FastAPI:
    """The web process over `shared_kit`."""
    return make_app(shared_kit)


@pytest.fixture
def app(sqlite_kit: Kit) -> FastAPI:
    """The web process over `sqlite_kit`."""
    return make_app(sqlite_kit)


@pytest.fixture
def nobody(app: FastAPI) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(app)


@pytest.fixture
def admin(sqlite_kit: Kit, app: FastAPI) -> Visitor:
    """Somebody who enrols and manages."""
    return join(sqlite_kit, app, Role.ENROL)


@pytest.fixture
def auditor(sqlite_kit: Kit, app: FastAPI) -> Visitor:
    """Somebody who reads and audits."""
    return join(sqlite_kit, app, Role.AUDIT)


@pytest.fixture
def manager(sqlite_kit: Kit, app: FastAPI) -> Visitor:
    """Somebody who manages content and team."""
    return join(sqlite_kit, app, Role.MANAGE)


@pytest.fixture
def joined(sqlite_kit: Kit, app: FastAPI) -> Callable[..., Visitor]:
    """Let somebody of any roles and clinics sign in."""
    return lambda *roles, **given: join(sqlite_kit, app, *roles, **given)
