"""What is shown while the database is away or being brought up to date: one page, and no data."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from followup.domain.errors import StoreUnavailable


@pytest.fixture
def away(monkeypatch, sqlite_app, admin):
    """A console whose database has gone away since somebody signed in."""

    def refuse(*_args, **_given):
        raise StoreUnavailable("the database can't be used at present")

    for name in ("read", "write", "transact"):
        monkeypatch.setattr(type(sqlite_app.store), name, refuse)


@pytest.mark.parametrize("path", ["/", "/patients", "/team", "/system", "/audit", "/sign-in"])
def test_every_page_says_so_while_the_database_is_away(admin, away, path):
    page = admin.get(path, status=503)

    assert page.heading == "The service is not available just now"
    assert "messages that fall due wait" in page.text


def test_it_says_when_to_come_again(admin, away):
    assert admin.client.get("/").headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("revision", "status"),
    [("0000", 503), (None, 500)],
    ids=["at another schema", "at the right one"],
)
def test_a_table_that_is_not_there_is_our_mistake_only_at_the_right_schema(
    sqlite_app, admin, monkeypatch, revision, status
):
    def fail(*_args, **_given):
        raise ProgrammingError("SELECT", {}, Exception("relation does not exist"))

    if revision is not None:
        with sqlite_app.store.engine.begin() as connection:
            connection.execute(text(f"UPDATE alembic_version SET version_num = '{revision}'"))
    monkeypatch.setattr(type(sqlite_app.store), "read", fail)

    ours = admin.get("/patients", status=status).heading == "Something went wrong here"
    assert ours == (revision is None)
