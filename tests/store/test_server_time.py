"""The time by the database server's clock."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

from followup.store.engine.server_time import server_time
from followup.store.engine.session import Store, make_engine


def test_the_server_tells_its_time_in_utc(postgres_url: str):
    before = datetime.now(UTC)
    with closing(Store(make_engine(postgres_url))) as store:
        told = server_time(store.engine)

    assert told is not None
    assert told.tzinfo is UTC
    assert before <= told <= datetime.now(UTC)


def test_a_server_that_is_away_tells_nothing():
    url = "postgresql+psycopg://postgres@127.0.0.1:1/none"
    with closing(Store(make_engine(url))) as store:
        assert server_time(store.engine) is None
