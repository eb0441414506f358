"""The worklist: one item a subject, taken by one person, closed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.item_kind import ItemKind
from followup.worklist.items import (
    NewItem,
    close_item,
    open_item,
    open_items,
    settle_open_items,
    take_over_item,
)
from tests.support.apps import a_message, actions, clock_of, rows, tasks
from tests.support.people import CLINIC, ENROLLED_AT


def open_one(app: AppContext, subject: str = "failed:1", **more):
    task = NewItem(
        **{"subject": subject, "kind": ItemKind.FAILED, "clinic": CLINIC, "cause": "21606", **more}
    )
    return app.transact("worker", lambda unit: open_item(unit, task))


def test_an_item_says_what_went_wrong_and_how_soon_to_look(app: AppContext):
    item_id = open_one(app, more={"step": "dressing"})

    (item,) = tasks(app)
    assert (item.id, item.state, item.urgency) == (item_id, "open", 2)
    assert item.detail == {"cause": "21606", "step": "dressing"}
    # Four hours of the office's: it closes two hours from now, and opens again at nine.
    assert item.due_at == datetime(2026, 10, 20, 10, 0, tzinfo=UTC)
    assert actions(app) == ["worklist.opened"]


def test_what_nothing_undoes_is_not_urgent(app: AppContext):
    open_one(app, kind=ItemKind.DUPLICATE)

    assert tasks(app)[0].urgency == 3


def test_one_subject_is_one_item_however_often_it_is_found(app: AppContext):
    assert open_one(app) == open_one(app)
    assert open_one(app, "failed:2") != open_one(app)
    assert actions(app) == ["worklist.opened"] * 2


def test_one_subject_found_at_once_by_many_is_one_item(app: AppContext):
    together = Barrier(4)

    def find(_):
        together.wait()
        return open_one(app)

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(find, range(4)))

    assert len(ids) == len(tasks(app)) == 1


def test_an_item_is_taken_by_one_and_closed_once(app: AppContext):
    item_id = open_one(app)

    take_over_item(app, item_id, actor="web:ada")
    take_over_item(app, item_id, actor="web:ada")
    with pytest.raises(Conflict, match="web:ada has taken this"):
        take_over_item(app, item_id, actor="web:bob")
    close_item(app, item_id, outcome="rang", actor="web:bob")

    (item,) = tasks(app)
    assert (item.state, item.owner, item.outcome) == ("closed", "web:ada", "rang")
    assert (item.closed_by, item.closed_at) == ("web:bob", ENROLLED_AT)
    for again in (
        lambda: take_over_item(app, item_id, actor="web:ada"),
        lambda: close_item(app, item_id, outcome="rang", actor="web:ada"),
    ):
        with pytest.raises(Conflict, match="closed already"):
            again()


@pytest.mark.parametrize("outcome", ["", "Rang Mrs Smith", "x" * 41], ids=["none", "words", "long"])
def test_an_outcome_is_a_code(sqlite_app: AppContext, outcome):
    with pytest.raises(InvalidInput, match="use a code"):
        close_item(sqlite_app, open_one(sqlite_app), outcome=outcome, actor="web:ada")


def test_an_item_that_is_not_there_is_told_of(sqlite_app: AppContext):
    with pytest.raises(NotFound):
        take_over_item(sqlite_app, uuid4(), actor="web:ada")


def test_the_most_urgent_and_oldest_come_first(app: AppContext):
    open_one(app, "a", kind=ItemKind.NO_RECEIPT)
    clock_of(app).advance(timedelta(minutes=1))
    open_one(app, "b")
    clock_of(app).advance(timedelta(minutes=1))
    open_one(app, "c", clinic="elsewhere")
    close_item(app, open_one(app, "d"), outcome="rang", actor="web:ada")

    with app.store.read() as session:
        everywhere = [item.subject for item in open_items(session)]
        here = [item.subject for item in open_items(session, clinic=CLINIC)]

    assert everywhere == ["b", "c", "a"]
    assert here == ["b", "a"]


def test_only_what_nobody_took_up_settles_itself(app: AppContext):
    message_id = a_message(app)
    open_one(app, "a", message_id=message_id)
    taken = open_one(app, "b", message_id=message_id)
    open_one(app, "c", message_id=message_id, kind=ItemKind.DUPLICATE)
    open_one(app, "d")
    take_over_item(app, taken, actor="web:ada")

    with app.store.write() as session:
        settle_open_items(
            session, app.by("provider"), message_id, kinds=[ItemKind.FAILED], outcome="found"
        )

    assert {item.subject: item.state for item in tasks(app)} == {
        "a": "closed",
        "b": "taken",
        "c": "open",
        "d": "open",
    }
    assert len(rows(app, type(tasks(app)[0]))) == 4
