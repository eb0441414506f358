"""Leaving a provider alone that is away, within a process and across processes."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from redis import Redis

from followup.providers.resilience.circuit_breaker import (
    LONGEST_OPEN,
    LOOK_AGAIN,
    PROBE_MESSAGES,
    PROBE_TAKES,
    SHORTEST_OPEN,
    Change,
    InProcessCircuitBreaker,
    RedisCircuitBreaker,
)
from followup.providers.resilience.rate_limiter import Grant
from followup.providers.resilience.shared_redis import LEFT_ALONE
from tests.support.redis_time import RedisTime
from tests.support.servers import RedisServer, free_port

ACCOUNT = "twilio:+447700900999"
OTHER = "smtp:mail.example.com"
NO_WAIT = timedelta(0)
WELL, ILL = True, False


@pytest.fixture
def breaker(seconds):
    return InProcessCircuitBreaker(opens_after=3, seconds=seconds)


def trip(breaker, times=3):
    return [breaker.note(ACCOUNT, [ILL]) for _ in range(times)][-1]


def test_all_goes_while_all_is_well(breaker):
    breaker.note(ACCOUNT, [WELL, WELL])

    assert breaker.take(ACCOUNT, 500) == Grant(500, NO_WAIT)
    assert not breaker.is_open(ACCOUNT)


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    assert trip(breaker, 2) is Change.NONE
    assert breaker.take(ACCOUNT, 500).granted == 500

    assert trip(breaker, 1) is Change.OPENED
    assert breaker.take(ACCOUNT, 500) == Grant(0, timedelta(seconds=SHORTEST_OPEN))
    assert breaker.is_open(ACCOUNT)


def test_failures_that_others_went_well_between_do_not_open_it(breaker):
    breaker.note(ACCOUNT, [ILL, ILL, WELL, ILL])
    breaker.note(ACCOUNT, [ILL])
    breaker.note(ACCOUNT, [WELL])
    breaker.note(ACCOUNT, [ILL, ILL])

    assert not breaker.is_open(ACCOUNT)
    assert breaker.note(ACCOUNT, [WELL, ILL, ILL, ILL]) is Change.OPENED


def test_one_account_does_not_stand_for_another(breaker):
    trip(breaker)

    assert breaker.take(OTHER, 5).granted == 5
    assert not breaker.is_open(OTHER)


def test_after_a_while_a_few_go_as_probes(breaker, seconds):
    trip(breaker)
    seconds.passed += SHORTEST_OPEN

    assert breaker.look(ACCOUNT, 500) == Grant(PROBE_MESSAGES, timedelta(seconds=LOOK_AGAIN))
    assert breaker.take(ACCOUNT, 500).granted == PROBE_MESSAGES
    assert breaker.take(ACCOUNT, 500) == Grant(0, timedelta(seconds=LOOK_AGAIN))
    assert breaker.look(ACCOUNT, 500).granted == 0


def test_looking_or_wanting_nothing_takes_no_probe(breaker, seconds):
    trip(breaker)
    seconds.passed += SHORTEST_OPEN
    breaker.look(ACCOUNT, 500)
    breaker.take(ACCOUNT, 0)

    assert breaker.take(ACCOUNT, 2).granted == 2


def test_a_probe_that_is_taken_closes_it(breaker, seconds):
    trip(breaker)
    seconds.passed += SHORTEST_OPEN
    breaker.take(ACCOUNT, 500)

    assert breaker.note(ACCOUNT, [WELL]) is Change.CLOSED
    assert breaker.take(ACCOUNT, 500) == Grant(500, NO_WAIT)
    assert trip(breaker, 2) is Change.NONE


def test_a_probe_that_fails_keeps_it_open_for_twice_as_long_within_bounds(breaker, seconds):
    trip(breaker)
    spans = []
    for _ in range(6):
        seconds.passed += breaker.take(ACCOUNT, 1).wait.total_seconds()
        breaker.take(ACCOUNT, 500)
        assert breaker.note(ACCOUNT, [ILL, ILL, ILL]) is Change.NONE
        spans.append(breaker.take(ACCOUNT, 1).wait.total_seconds())

    assert spans == [10, 20, 40, LONGEST_OPEN, LONGEST_OPEN, LONGEST_OPEN]


def test_calls_that_end_while_it_is_open_do_not_prolong_it(breaker, seconds):
    trip(breaker)
    seconds.passed += 1
    breaker.note(ACCOUNT, [ILL] * 50)

    assert breaker.take(ACCOUNT, 1).wait == timedelta(seconds=SHORTEST_OPEN - 1)


def test_a_late_answer_closes_it_while_it_is_open(breaker):
    trip(breaker)

    assert breaker.note(ACCOUNT, [WELL]) is Change.CLOSED
    assert breaker.take(ACCOUNT, 5).granted == 5


def test_a_probe_that_was_never_heard_of_is_followed_by_others(breaker, seconds):
    trip(breaker)
    seconds.passed += SHORTEST_OPEN
    breaker.take(ACCOUNT, 500)
    seconds.passed += PROBE_TAKES

    assert breaker.take(ACCOUNT, 500).granted == PROBE_MESSAGES


# ---------------------------------------------------------------------------------- with Redis


@pytest.fixture
def shared(redis_url):
    """Two processes' worth of breakers on one Redis."""
    breakers = [RedisCircuitBreaker(redis_url, opens_after=3) for _ in range(2)]
    yield breakers
    for one in breakers:
        one.close()


@pytest.fixture
def redis_time(redis_url):
    with RedisTime(redis_url) as time:
        yield time


def let_pass(redis_time, seconds):
    """Let time pass for the breaker in Redis: move what it waits for back."""
    redis_time.let_pass(seconds, f"followup:breaker:{ACCOUNT}", "open_until", "probed_until")


def test_processes_share_one_breaker(shared, redis_time):
    one, other = shared

    assert trip(one, 2) is Change.NONE
    assert trip(other, 1) is Change.OPENED
    assert one.take(ACCOUNT, 9).granted == 0
    assert one.is_open(ACCOUNT)
    assert other.is_open(ACCOUNT)

    let_pass(redis_time, SHORTEST_OPEN)
    assert one.look(ACCOUNT, 9).granted == PROBE_MESSAGES
    assert one.take(ACCOUNT, 9) == Grant(PROBE_MESSAGES, timedelta(seconds=LOOK_AGAIN))
    assert not one.is_open(ACCOUNT)
    assert other.take(ACCOUNT, 9).granted == 0

    assert other.note(ACCOUNT, [WELL]) is Change.CLOSED
    assert one.note(ACCOUNT, [WELL]) is Change.NONE
    assert one.take(ACCOUNT, 9) == Grant(9, NO_WAIT)


def test_a_shared_breaker_stays_open_for_longer_each_time(shared, redis_time):
    one, other = shared
    with redis_time.around() as opening:
        trip(one)
    waits, passed = [], 0.0
    for _ in range(5):
        with redis_time.around() as asking:
            waits.append(one.take(ACCOUNT, 1).wait.total_seconds())
        passed = max(passed, asking.since(opening)[1])
        let_pass(redis_time, LONGEST_OPEN)
        one.take(ACCOUNT, 1)
        assert other.note(ACCOUNT, [ILL]) is Change.NONE
        with redis_time.around() as opening:
            other.note(ACCOUNT, [ILL, ILL])

    # Some more, as a machine's clock may be set a little back or forth meanwhile.
    assert waits == pytest.approx([5, 10, 20, 40, 60], abs=passed + 0.5)


def test_a_shared_breaker_that_is_closed_leaves_nothing_in_redis(shared, redis_url):
    trip(shared[0])
    with Redis.from_url(redis_url) as redis:
        assert redis.keys() == [f"followup:breaker:{ACCOUNT}".encode()]
        assert redis.ttl(redis.keys()[0]) > 60
        shared[0].note(ACCOUNT, [WELL])
        assert redis.keys() == []


def test_a_lost_probe_is_followed_by_others_across_processes(shared, redis_time):
    one, other = shared
    trip(one)
    let_pass(redis_time, SHORTEST_OPEN)
    one.take(ACCOUNT, 9)
    let_pass(redis_time, PROBE_TAKES)

    assert other.take(ACCOUNT, 9).granted == PROBE_MESSAGES


def test_a_flushed_redis_only_closes_it(shared, redis_url):
    trip(shared[0])
    with Redis.from_url(redis_url) as redis:
        redis.flushall()

    assert shared[1].take(ACCOUNT, 9).granted == 9


def test_without_redis_a_process_goes_by_its_own_calls(seconds):
    breaker = RedisCircuitBreaker(
        f"redis://127.0.0.1:{free_port()}/0", opens_after=3, seconds=seconds
    )

    assert trip(breaker) is Change.OPENED
    assert breaker.take(ACCOUNT, 5).granted == 0
    assert breaker.is_open(ACCOUNT)
    seconds.passed += SHORTEST_OPEN
    assert breaker.take(ACCOUNT, 5).granted == PROBE_MESSAGES
    assert not breaker.is_open(ACCOUNT)
    breaker.close()


def test_what_a_process_saw_counts_when_redis_goes_away(seconds):
    with RedisServer() as server:
        breaker = RedisCircuitBreaker(server.url(), opens_after=3, seconds=seconds)
        trip(breaker, 2)
        server.kill()

        assert trip(breaker, 1) is Change.OPENED
        assert breaker.take(ACCOUNT, 5).granted == 0

        server.start()
        seconds.passed += LEFT_ALONE
        assert breaker.take(ACCOUNT, 5).granted == 5
        breaker.close()


def test_redis_and_a_process_agree_step_by_step(shared, redis_time):
    """The same rules stand in two languages; whatever happens, they answer alike."""
    alone, one = InProcessCircuitBreaker(opens_after=3, seconds=redis_time), shared[0]
    chance, between = random.Random(20261024), 0.0
    for _ in range(300):
        step = chance.choice(["note", "note", "take", "look", "wait"])
        if step == "note":
            signs = [chance.random() < 0.25 for _ in range(chance.randint(1, 4))]
            with redis_time.around() as noting:
                assert one.note(ACCOUNT, signs) is alone.note(ACCOUNT, signs)
            between += noting.since(noting)[1]
        elif step == "wait":
            let_pass(redis_time, chance.choice([1.0, 5.5, 10.5, 70.0]))
        else:
            with redis_time.around() as asking:
                theirs, ours = getattr(one, step)(ACCOUNT, 9), getattr(alone, step)(ACCOUNT, 9)
            assert theirs.granted == ours.granted
            # They were opened, and are asked, one after the other.
            between += asking.since(asking)[1]
            assert theirs.wait.total_seconds() == pytest.approx(
                ours.wait.total_seconds(), abs=between
            )


def test_time_in_redis_is_its_own(shared, redis_time):
    trip(shared[0])
    first = shared[1].take(ACCOUNT, 1).wait
    let_pass(redis_time, 1.0)

    assert shared[1].take(ACCOUNT, 1).wait < first - timedelta(seconds=0.9)
