"""The threads of a pool do everything that they are given, however they are given it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from followup.sending.thread_pool import IN_A_ROW, WorkerPool

MANY = 20 * IN_A_ROW
HOUR = 3600


def twice(number: int) -> int:
    return 2 * number


def all_of(turns: WorkerPool[int, int]) -> list[int]:
    made: list[int] = []
    while turns.under_way:
        made += turns.wait(10, seconds=5)
    return sorted(made)


@pytest.mark.parametrize("most", [1, 3, 100])
def test_everything_is_done_once_also_what_is_added_later(most):
    with ThreadPoolExecutor(4) as executor:
        turns = WorkerPool(executor, twice, most=most)
        turns.add(range(MANY))
        first = turns.wait(MANY, seconds=5)
        turns.add(range(MANY, 2 * MANY))

        made = sorted(first) + all_of(turns)

    assert made == [2 * number for number in range(2 * MANY)]


def test_no_more_is_done_at_once_than_may_be():
    lock, at_once, most_seen = threading.Lock(), [0], [0]

    def work(number: int) -> int:
        with lock:
            at_once[0] += 1
            most_seen[0] = max(most_seen[0], at_once[0])
        threading.Event().wait(0.002)
        with lock:
            at_once[0] -= 1
        return number

    with ThreadPoolExecutor(8) as executor:
        turns = WorkerPool(executor, work, most=3)
        turns.add(range(30))
        turns.add(range(30))
        all_of(turns)

    assert most_seen == [3]


def test_whoever_waits_is_woken_when_it_is_enough_and_gets_nothing_twice():
    gate = threading.Event()

    def work(number: int) -> int:
        if number >= 4:
            gate.wait(10)
        return number

    with ThreadPoolExecutor(2) as executor:
        turns = WorkerPool(executor, work, most=2)
        turns.add(range(8))
        # Far longer than a test may take: whoever is not woken is still waiting when it is over.
        first = turns.wait(4, seconds=HOUR)
        none = turns.wait(1, seconds=0.01)
        gate.set()
        rest = []
        while turns.under_way:
            rest += turns.wait(10, seconds=HOUR)

    assert sorted(first) == [0, 1, 2, 3]
    assert none == []
    assert sorted(rest) == [4, 5, 6, 7]


def test_two_users_of_a_pool_take_turns():
    order: list[str] = []

    def work(name: str) -> str:
        order.append(name)
        return name

    with ThreadPoolExecutor(1) as executor:
        gate = threading.Event()
        executor.submit(gate.wait, 10)
        users = [WorkerPool(executor, work, most=1) for _ in range(2)]
        for user, name in zip(users, "ab", strict=True):
            user.add(name * 3 * IN_A_ROW)
        gate.set()
        for user in users:
            while user.under_way:
                user.wait(3 * IN_A_ROW, seconds=5)

    assert "".join(order) == ("a" * IN_A_ROW + "b" * IN_A_ROW) * 3


def test_what_is_under_way_when_the_pool_is_shut_down_is_finished_all_the_same():
    executor, gate = ThreadPoolExecutor(1), threading.Event()

    def work(number: int) -> int:
        gate.wait(10)
        return number

    turns = WorkerPool(executor, work, most=1)
    turns.add(range(MANY))
    executor.shutdown(wait=False)
    gate.set()
    first = all_of(turns)
    turns.add([MANY])

    assert first == list(range(MANY))
    assert all_of(turns) == [MANY]
