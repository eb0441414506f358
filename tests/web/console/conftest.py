"""The console on a database of its own, and people of each role at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from followup.context import AppContext
from followup.domain.roles import Role
from followup.web.app import create_app
from tests.support.apps import make_app
from tests.web.conftest import settings_for
from tests.web.console.visitors import HOME, Visitor, join


@pytest.fixture(autouse=True)
def _passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare each sign-in the work that makes guessing dear: see `tests/staff/test_passwords.py`."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    monkeypatch.setattr("followup.staff.passwords._hasher", lambda: quick)


def make_asgi(app: AppContext, **given: object) -> FastAPI:
    return create_app(app, settings_for(public_url=HOME, twilio_auth_token=None, **given))


@pytest.fixture(scope="module")
def shared_app(migrated_sqlite: Path, sqlite_folder: Path) -> Iterator[AppContext]:
    """An app context for all tests of a module that look and change nothing."""
    with TemporaryDirectory(dir=sqlite_folder) as folder:
        copyfile(migrated_sqlite, file := Path(folder) / "shared.sqlite3")
        with closing(make_app(f"sqlite:///{file}")) as made:
            yield made


@pytest.fixture(scope="module")
def shared_asgi(shared_app: AppContext) -> FastAPI:
    """The web process over `shared_app`."""
    return make_asgi(shared_app)


@pytest.fixture
def asgi(sqlite_app: AppContext) -> FastAPI:
    """The web process over `sqlite_app`."""
    return make_asgi(sqlite_app)


@pytest.fixture
def nobody(asgi: FastAPI) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(asgi)


@pytest.fixture
def admin(sqlite_app: AppContext, asgi: FastAPI) -> Visitor:
    """Somebody who enrols and manages."""
    return join(sqlite_app, asgi, Role.ENROL)


@pytest.fixture
def auditor(sqlite_app: AppContext, asgi: FastAPI) -> Visitor:
    """Somebody who reads and audits."""
    return join(sqlite_app, asgi, Role.AUDIT)


@pytest.fixture
def manager(sqlite_app: AppContext, asgi: FastAPI) -> Visitor:
    """Somebody who manages content and team."""
    return join(sqlite_app, asgi, Role.MANAGE)


@pytest.fixture
def joined(sqlite_app: AppContext, asgi: FastAPI) -> Callable[..., Visitor]:
    """Let somebody of any roles and clinics sign in."""
    return lambda *roles, **given: join(sqlite_app, asgi, *roles, **given)
