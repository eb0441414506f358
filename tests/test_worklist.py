"""The worklist: one item a subject, taken by one person, closed once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.kit import Kit
from followup.worklist import Task, close, open_item, open_items, settle_items, take
from tests.kits import a_message, actions, clock_of, rows, tasks
from tests.people import CLINIC, ENROLLED_AT


def open_one(kit: Kit, subject: str = "failed:1", **more):
    task = Task(
        **{"subject": subject, "kind": "failed", "clinic": CLINIC, "cause": "21606", **more}
    )
    return kit.store.transact(lambda session: open_item(session, kit, kit.deed("worker"), task))


def test_an_item_says_what_went_wrong_and_how_soon_to_look(kit: Kit):
    item_id = open_one(kit, more={"step": "dressing"})

    (item,) = tasks(kit)
    assert (item.id, item.state, item.urgency) == (item_id, "open", 2)
    assert item.detail == {"cause": "21606", "step": "dressing"}
    # Four hours of the office's: it closes two hours from now, and opens again at nine.
    assert item.due_at == datetime(2026, 10, 20, 10, 0, tzinfo=UTC)
    assert actions(kit) == ["worklist.opened"]


def test_a_kind_that_nobody_ranked_is_not_urgent(kit: Kit):
    open_one(kit, kind="duplicate")

    assert tasks(kit)[0].urgency == 3


def test_one_subject_is_one_item_however_often_it_is_found(kit: Kit):
    assert open_one(kit) == open_one(kit)
    assert open_one(kit, "failed:2") != open_one(kit)
    assert actions(kit) == ["worklist.opened"] * 2


def test_one_subject_found_at_once_by_many_is_one_item(kit: Kit):
    together = Barrier(4)

    def find(_):
        together.wait()
        return open_one(kit)

    with ThreadPoolExecutor(4) as pool:
        ids = set(pool.map(find, range(4)))

    assert len(ids) == len(tasks(kit)) == 1


def test_an_item_is_taken_by_one_and_closed_once(kit: Kit):
    item_id = open_one(kit)

    take(kit, item_id, actor="web:ada")
    take(kit, item_id, actor="web:ada")
    with pytest.raises(Conflict, match="web:ada has taken this"):
        take(kit, item_id, actor="web:bob")
    close(kit, item_id, outcome="rang", actor="web:bob")

    (item,) = tasks(kit)
    assert (item.state, item.owner, item.outcome) == ("closed", "web:ada", "rang")
    assert (item.closed_by, item.closed_at) == ("web:bob", ENROLLED_AT)
    for again in (
        lambda: take(kit, item_id, actor="web:ada"),
        lambda: close(kit, item_id, outcome="rang", actor="web:ada"),
    ):
        with pytest.raises(Conflict, match="dealt with already"):
            again()


@pytest.mark.parametrize("outcome", ["", "Rang Mrs Smith", "x" * 41], ids=["none", "words", "long"])
def test_an_outcome_is_a_code(sqlite_kit: Kit, outcome):
    with pytest.raises(InvalidInput, match="use a code"):
        close(sqlite_kit, open_one(sqlite_kit), outcome=outcome, actor="web:ada")


def test_an_item_that_is_not_there_is_told_of(sqlite_kit: Kit):
    with pytest.raises(NotFound):
        take(sqlite_kit, uuid4(), actor="web:ada")


def test_the_most_urgent_and_oldest_come_first(kit: Kit):
    open_one(kit, "a", kind="no-receipt")
    clock_of(kit).advance(timedelta(minutes=1))
    open_one(kit, "b")
    clock_of(kit).advance(timedelta(minutes=1))
    open_one(kit, "c", clinic="elsewhere")
    close(kit, open_one(kit, "d"), outcome="rang", actor="web:ada")

    with kit.store.read() as session:
        everywhere = [item.subject for item in open_items(session)]
        here = [item.subject for item in open_items(session, clinic=CLINIC)]

    assert everywhere == ["b", "c", "a"]
    assert here == ["b", "a"]


def test_only_what_nobody_took_up_settles_itself(kit: Kit):
    message_id = a_message(kit)
    open_one(kit, "a", message_id=message_id)
    taken = open_one(kit, "b", message_id=message_id)
    open_one(kit, "c", message_id=message_id, kind="duplicate")
    open_one(kit, "d")
    take(kit, taken, actor="web:ada")

    with kit.store.write() as session:
        settle_items(session, kit.deed("provider"), message_id, kinds=["failed"], outcome="found")

    assert {item.subject: item.state for item in tasks(kit)} == {
        "a": "closed",
        "b": "taken",
        "c": "open",
        "d": "open",
    }
    assert len(rows(kit, type(tasks(kit)[0]))) == 4
