"""Moves: legal ones write state and audit event together, the others change nothing."""

from __future__ import annotations

import ast
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from sqlalchemy import select

import followup
from followup.context import AppContext
from followup.domain.errors import IllegalMove
from followup.domain.lifecycle import LEASED_STATES, LEGAL_MOVES, State
from followup.store.message_state import (
    InFlight,
    count_in_flight,
    earliest_in_queues,
    lock_due,
    lock_in,
    move_messages,
    oldest_claimable,
    postpone,
)
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Message
from tests.support.apps import a_message, clock_of, enrol_many, rows, tick
from tests.support.people import ENROLLED_AT, SMS

PAIRS = [pytest.param(a, b, id=f"{a} to {b}") for a, b in product(State, State)]
LATER, SECOND = timedelta(hours=1), timedelta(seconds=1)


def read(app: AppContext, message_id) -> Message:
    with app.store.read() as session:
        return session.get_one(Message, message_id)


def moved(app: AppContext, ids, **move_to):
    with app.store.write() as session:
        return move_messages(session, app.by("cli:test"), ids, **move_to)


@pytest.mark.parametrize(("current", "wanted"), PAIRS)
def test_a_move_is_made_and_told_of_or_refused_and_not(sqlite_app: AppContext, current, wanted):
    message_id = a_message(sqlite_app, current)

    if wanted in LEGAL_MOVES[current]:
        assert moved(sqlite_app, [message_id], expected=current, to=wanted, reason="because") == {
            message_id
        }
        (event,) = rows(sqlite_app, AuditEvent)
        assert read(sqlite_app, message_id).state == wanted.value
        assert (event.action, event.message_id) == (f"message.{wanted}", message_id)
        assert event.detail == {"from": current.value, "to": wanted.value, "reason": "because"}
    else:
        with pytest.raises(IllegalMove):
            moved(sqlite_app, [message_id], expected=current, to=wanted)
        assert read(sqlite_app, message_id).state == current.value
        assert rows(sqlite_app, AuditEvent) == []


def test_a_message_that_has_left_the_expected_state_is_left_alone(app: AppContext):
    still, gone = a_message(app), a_message(app, State.CANCELLED)

    result = moved(app, [still, gone, uuid4()], expected=State.PLANNED, to=State.HELD, reason="r")

    assert result == {still}
    assert read(app, gone).state == "cancelled"
    assert [event.message_id for event in rows(app, AuditEvent)] == [still]


def test_a_condition_narrows_a_move(app: AppContext):
    mine, theirs = a_message(app, lease_token=uuid4()), a_message(app, lease_token=uuid4())

    result = moved(
        app,
        [mine, theirs],
        expected=State.PLANNED,
        to=State.HELD,
        only=Message.lease_token == read(app, mine).lease_token,
    )

    assert result == {mine}


def test_moving_nothing_asks_the_database_nothing(sqlite_app: AppContext):
    assert moved(sqlite_app, [], expected=State.PLANNED, to=State.HELD) == set()


def test_a_move_and_its_event_are_undone_together(app: AppContext):
    message_id = a_message(app)

    def work(session):
        move_messages(session, app.by("x"), [message_id], expected=State.PLANNED, to=State.HELD)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        app.store.transact(work)

    assert read(app, message_id).state == "planned"
    assert rows(app, AuditEvent) == []


@pytest.mark.parametrize("to", [state for state in State if state not in LEASED_STATES], ids=str)
def test_a_lease_ends_with_the_states_that_have_one(sqlite_app: AppContext, to):
    origin = next(
        state
        for state in State
        if (state in LEASED_STATES and to in LEGAL_MOVES[state]) or to in LEGAL_MOVES[state]
    )
    message_id = a_message(
        sqlite_app, origin, lease_token=uuid4(), lease_until=ENROLLED_AT, receipt_due_at=ENROLLED_AT
    )

    moved(sqlite_app, [message_id], expected=origin, to=to)

    after = read(sqlite_app, message_id)
    assert (after.lease_token, after.lease_until) == (None, None)
    if to is not State.SENT:
        assert after.receipt_due_at is None


def test_of_many_rivals_for_one_move_exactly_one_wins(app: AppContext):
    message_id = a_message(app)
    start, wins = Barrier(4), []

    def rival():
        start.wait()
        if app.store.transact(
            lambda session: move_messages(
                session,
                app.by("rival"),
                [message_id],
                expected=State.PLANNED,
                to=State.CLAIMED,
            )
        ):
            wins.append(True)

    threads = [Thread(target=rival) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(wins) == 1
    assert len(rows(app, AuditEvent)) == 1


def test_due_messages_come_longest_due_first_within_one_lane(app: AppContext):
    second = a_message(app, claimable_at=ENROLLED_AT - timedelta(minutes=1))
    first = a_message(app, claimable_at=ENROLLED_AT - timedelta(minutes=2))
    a_message(app, priority=1)
    a_message(app, channel="email")
    a_message(app, claimable_at=ENROLLED_AT + timedelta(seconds=1))
    a_message(app, State.HELD)

    with app.store.write() as session:
        found = lock_due(session, (5, "sms"), now=ENROLLED_AT, limit=10)
        only_one = lock_due(session, (5, "sms"), now=ENROLLED_AT, limit=1)
        urgent_first = [lane for lane, _ in earliest_in_queues(session)]

    assert list(found) == [first, second]
    assert list(only_one) == [first]
    assert urgent_first == [(1, "sms"), (5, "email"), (5, "sms")]


def test_rows_that_a_rival_has_locked_are_passed_over(postgres_app: AppContext):
    app = postgres_app
    locked, free = a_message(app), a_message(app)

    with app.store.write() as rival, app.store.write() as session:
        rival.execute(select(Message).where(Message.id == locked).with_for_update())
        found = lock_due(session, (5, "sms"), now=ENROLLED_AT, limit=10)

    assert list(found) == [free]


def test_messages_in_some_states_are_told_apart_and_in_order(app: AppContext):
    ids = [a_message(app), a_message(app), a_message(app, State.HELD), a_message(app, State.SENT)]

    with app.store.write() as session:
        found = lock_in(session, (State.PLANNED, State.HELD, State.CLAIMED))

    assert found == {
        State.PLANNED: sorted(ids[:2]),
        State.HELD: [ids[2]],
        State.CLAIMED: [],
    }


def test_what_is_in_flight_is_counted_by_channel(app: AppContext):
    for state in State:
        a_message(app, state)
    a_message(app, State.SENDING, channel="email")

    with app.store.read() as session:
        found = count_in_flight(session, since=ENROLLED_AT, at_most=10)

    assert found == InFlight(by_channel={"sms": 2, "email": 1}, sending=2, started=0)


def test_calls_begun_lately_are_counted_up_to_a_limit(app: AppContext):
    enrol_many(app, 5, channels=(SMS,))
    tick(app)
    clock_of(app).advance(SECOND)
    a_message(app, State.SENDING)

    def started(*, since: datetime, at_most: int) -> int:
        with app.store.read() as session:
            return count_in_flight(session, since=since, at_most=at_most).started

    assert started(since=ENROLLED_AT, at_most=10) == 5
    assert started(since=ENROLLED_AT, at_most=3) == 3
    assert started(since=ENROLLED_AT + SECOND, at_most=10) == 0


def test_the_oldest_claimable_is_found_over_all_priorities(app: AppContext):
    with app.store.read() as session:
        assert oldest_claimable(session) is None
    a_message(app, priority=1)
    a_message(app, priority=9, claimable_at=ENROLLED_AT - LATER)
    a_message(app, State.HELD, claimable_at=ENROLLED_AT - 2 * LATER)

    with app.store.read() as session:
        assert oldest_claimable(session) == ENROLLED_AT - LATER


def test_only_what_is_planned_can_be_put_off(app: AppContext):
    planned, held = a_message(app), a_message(app, State.HELD)

    with app.store.write() as session:
        postpone(session, [planned, held], until=ENROLLED_AT + LATER)

    assert read(app, planned).claimable_at == ENROLLED_AT + LATER
    assert read(app, held).claimable_at == ENROLLED_AT


# ------------------------------------------------------------- nothing else writes a state


def _is_message(node: ast.expr) -> bool:
    """Say whether an expression may be a message: by its name, as this code base names things."""
    return isinstance(node, ast.Name) and "message" in node.id.lower()


def _writes_of_state(tree: ast.AST) -> list[int]:
    """Return the lines that set `state` on a message or pass it to an update of messages."""
    lines = []
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        lines += [
            target.lineno
            for target in targets
            if isinstance(target, ast.Attribute)
            and target.attr == "state"
            and _is_message(target.value)
        ]
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "values"
            and not any(
                f"update({other})" in ast.unparse(node.func)
                for other in ("Enrolment", "UploadedList")
            )
            and any(keyword.arg == "state" for keyword in node.keywords)
        ):
            lines.append(node.lineno)
    return lines


def test_nothing_but_move_writes_the_state_of_a_message():
    root = Path(followup.__file__).parent
    writers = {
        (path.relative_to(root).as_posix(), line)
        for folder in (root, root.parent / "tasks")
        for path in folder.rglob("*.py")
        for line in _writes_of_state(ast.parse(path.read_text()))
        if "migrations" not in path.parts
    }

    assert {path for path, _ in writers} == {"store/message_state.py"}
    assert len(writers) == 1


def test_the_search_for_writers_finds_one():
    offender = "message.state = 'sent'\nupdate(Message).values(state='sent')"

    assert _writes_of_state(ast.parse(offender)) == [1, 2]
