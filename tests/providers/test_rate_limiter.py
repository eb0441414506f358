"""Keeping each sender to its pace, within a process and across processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from redis import Redis

from followup.providers.resilience.rate_limiter import (
    CALM_SECONDS,
    LEAST_SHARE,
    RECOVERY_SECONDS,
    SHARE_ALONE,
    Grant,
    InProcessRateLimiter,
    RedisRateLimiter,
)
from followup.providers.resilience.shared_redis import LEFT_ALONE
from tests.support.redis_time import RedisTime
from tests.support.servers import RedisServer, free_port

NO_WAIT = timedelta(0)
SENDER = "+447700900999"
OTHER = "+447700900998"


@pytest.fixture
def pace(seconds):
    return InProcessRateLimiter(seconds=seconds)


def test_a_quiet_sender_may_start_with_a_seconds_worth(pace):
    first = pace.take(SENDER, 15, per_second=10)
    second = pace.take(SENDER, 1, per_second=10)

    assert first == Grant(10, timedelta(seconds=0.5))
    assert second == Grant(0, timedelta(seconds=0.1))


def test_a_sender_gets_its_pace_back_as_time_passes(pace, seconds):
    pace.take(SENDER, 10, per_second=10)
    seconds.passed += 0.35

    assert pace.take(SENDER, 10, per_second=10).granted == 3


def test_no_more_than_a_seconds_worth_is_ever_saved_up(pace, seconds):
    pace.take(SENDER, 10, per_second=10)
    seconds.passed += 3600

    assert pace.take(SENDER, 100, per_second=10).granted == 10


def test_senders_do_not_slow_each_other(pace):
    pace.take(SENDER, 10, per_second=10)

    assert pace.take(OTHER, 10, per_second=10) == Grant(10, NO_WAIT)


def test_a_slow_sender_may_send_one_at_a_time(pace, seconds):
    grants = []
    for _ in range(4):
        grants.append(pace.take(SENDER, 1, per_second=0.5).granted)
        seconds.passed += 1.0

    assert grants == [1, 0, 1, 0]


def test_after_the_wait_that_is_told_the_rest_may_go_and_not_before(pace, seconds):
    pace.take(SENDER, 10, per_second=10)
    wait = pace.take(SENDER, 4, per_second=10).wait

    seconds.passed += wait.total_seconds() - 0.001
    early = pace.take(SENDER, 4, per_second=10)
    seconds.passed += early.wait.total_seconds()

    assert early.granted == 3
    assert pace.take(SENDER, 1, per_second=10).granted == 1


def test_over_a_minute_the_pace_is_kept_to_whoever_asks_how_often(pace, seconds):
    granted = 0
    for _ in range(6000):
        granted += pace.take(SENDER, 7, per_second=20).granted
        seconds.passed += 0.01

    assert 60 * 20 <= granted <= 61 * 20 + 1


def test_a_sender_that_was_told_to_slow_down_waits_and_starts_gently(pace, seconds):
    pace.slow_down(SENDER, timedelta(seconds=5))

    held = pace.take(SENDER, 3, per_second=10)
    seconds.passed += 5.25
    after = pace.take(SENDER, 10, per_second=10)

    assert held == Grant(0, timedelta(seconds=5))
    assert after.granted == 1


def test_a_shorter_hold_does_not_end_a_longer_one(pace, seconds):
    pace.slow_down(SENDER, timedelta(seconds=60))
    pace.slow_down(SENDER, timedelta(seconds=1))
    seconds.passed += 30

    assert pace.take(SENDER, 1, per_second=10) == Grant(0, timedelta(seconds=30))


def sent_over(pace, seconds, span, *, per_second=100):
    """Ask for everything, ten times a second; return how much may go."""
    granted = 0
    for _ in range(round(span * 10)):
        seconds.passed += 0.1
        granted += pace.take(SENDER, 10_000, per_second=per_second).granted
    return granted


def test_a_sender_that_was_told_to_slow_down_goes_on_at_half_its_pace_and_recovers(pace, seconds):
    pace.take(SENDER, 100, per_second=100)
    pace.slow_down(SENDER, timedelta(seconds=1))
    seconds.passed += 1

    first = sent_over(pace, seconds, 1)
    later = sent_over(pace, seconds, 30)
    whole = sent_over(pace, seconds, 1)

    assert 50 <= first <= 52
    # It rises from half to all of 100 a second.
    assert 2150 <= later <= 2350
    assert 99 <= whole <= 101


def test_answers_to_calls_made_side_by_side_slow_a_sender_once(pace, seconds):
    for _ in range(32):
        pace.slow_down(SENDER, timedelta(seconds=0.2))
    seconds.passed += 0.2

    assert pace.take(SENDER, 0, per_second=100).per_second == pytest.approx(50)


def test_a_sender_told_again_and_again_never_stops(pace, seconds):
    for _ in range(10):
        pace.slow_down(SENDER, timedelta(seconds=0.1))
        seconds.passed += CALM_SECONDS + 0.1
    rate = pace.take(SENDER, 0, per_second=100).per_second

    assert LEAST_SHARE * 100 <= rate <= LEAST_SHARE * 100 + 5


def test_a_sender_whose_provider_was_away_begins_again_slowly(pace, seconds):
    pace.take(SENDER, 1, per_second=100)
    pace.slow_down(SENDER, timedelta(0))
    pace.begin_again(SENDER)

    first = sent_over(pace, seconds, 1)
    seconds.passed += RECOVERY_SECONDS
    again = pace.take(SENDER, 1000, per_second=100)

    assert 5 <= first <= 7
    assert again.granted == 100


def test_how_much_could_go_is_told_and_not_taken(pace, seconds):
    span = timedelta(seconds=10)

    assert pace.ahead(SENDER, span, per_second=10) == 110
    pace.take(SENDER, 10, per_second=10)
    assert pace.ahead(SENDER, span, per_second=10) == 100
    pace.slow_down(SENDER, timedelta(seconds=5))
    held = pace.ahead(SENDER, span, per_second=10)
    assert 25 <= held <= 28
    seconds.passed += 5
    assert pace.ahead(SENDER, timedelta(seconds=5), per_second=10) == held
    assert pace.ahead(SENDER, timedelta(0), per_second=10) == 0


def test_threads_together_get_no_more_than_the_pace(pace):
    with ThreadPoolExecutor(16) as threads:
        grants = threads.map(lambda _: pace.take(SENDER, 3, per_second=100), range(200))

    assert sum(grant.granted for grant in grants) == 100


# ---------------------------------------------------------------------------------- with Redis


@pytest.fixture
def shared(redis_url):
    """Two processes' worth of pace on one Redis."""
    paces = [RedisRateLimiter(redis_url), RedisRateLimiter(redis_url)]
    yield paces
    for one in paces:
        one.close()


@pytest.fixture
def redis_time(redis_url):
    with RedisTime(redis_url) as time:
        yield time


def let_pass(redis_time, seconds):
    key = f"followup:pace:{SENDER}"
    redis_time.let_pass(seconds, key, "at", "held_until", "share_at", "slowed_at")


def test_processes_share_one_pace(shared):
    one, other = shared

    # In all the time that a test has, not a tenth of a token comes back.
    first = one.take(SENDER, 1, per_second=1 / 3600)
    second = other.take(SENDER, 1, per_second=1 / 3600)

    assert first == Grant(1, NO_WAIT)
    assert second.granted == 0
    assert timedelta(minutes=50) < second.wait <= timedelta(hours=1)


def test_processes_share_what_may_go_at_once(shared, redis_time):
    with redis_time.around() as taking:
        granted = [each.take(SENDER, 6, per_second=10).granted for each in shared]

    _, passed = taking.since(taking)
    assert granted[0] == 6
    assert 10 <= sum(granted) <= 10 + 10 * passed


def test_a_shared_pace_is_given_back_as_time_passes(shared, redis_time):
    one, other = shared
    with redis_time.around() as first:
        one.take(SENDER, 50, per_second=50)
    let_pass(redis_time, 0.5)

    with redis_time.around() as then:
        granted = other.take(SENDER, 50, per_second=50).granted
    least, most = then.since(first)

    assert min(50, int(50 * least)) <= granted <= 50 * most


def test_a_shared_sender_that_was_told_to_slow_down_waits_everywhere(shared):
    one, other = shared
    one.take(OTHER, 1, per_second=10)

    one.slow_down(SENDER, timedelta(hours=1))
    one.slow_down(SENDER, timedelta(seconds=1))

    for pace in shared:
        held = pace.take(SENDER, 3, per_second=10)
        assert held.granted == 0
        assert timedelta(minutes=50) < held.wait <= timedelta(hours=1)
    assert other.take(OTHER, 1, per_second=10).granted == 1


def test_a_shared_pace_recovers_as_one_in_a_process_does(shared, redis_time):
    one, other = shared
    alone = InProcessRateLimiter(seconds=redis_time)
    for pace in (one, alone):
        pace.take(SENDER, 1000, per_second=1000)
    with redis_time.around() as slowing:
        for pace in (one, alone):
            pace.slow_down(SENDER, timedelta(seconds=0.2))
            pace.slow_down(SENDER, timedelta(seconds=0.2))
    granted, between = {one: 0, alone: 0}, 0.0

    for _ in range(30):
        let_pass(redis_time, 0.05)
        with redis_time.around() as taking:
            for pace in granted:
                granted[pace] += pace.take(SENDER, 1000, per_second=1000).granted
        between += taking.since(taking)[1]
    with redis_time.around() as looking:
        rates = [each.take(SENDER, 0, per_second=1000).per_second for each in (one, other, alone)]
        ahead = [
            each.ahead(SENDER, timedelta(seconds=60), per_second=1000)
            for each in (one, other, alone)
        ]
    least, most = (0.5 + (passed - 0.2) / RECOVERY_SECONDS for passed in looking.since(slowing))

    # They are asked one after the other, so they may differ by what comes in meanwhile.
    assert granted[one] == pytest.approx(granted[alone], abs=2 + 1000 * between)
    assert all(1000 * least - 1 <= rate <= 1000 * most + 1 for rate in rates)
    between = looking.since(looking)[1]
    assert ahead == pytest.approx([ahead[2]] * 3, abs=2 + 1000 * between)


def test_a_shared_sender_begins_again_slowly_everywhere(shared, redis_time):
    one, other = shared
    with redis_time.around() as beginning:
        one.begin_again(SENDER)
        rate = other.take(SENDER, 0, per_second=100).per_second

    _, passed = beginning.since(beginning)
    assert LEAST_SHARE * 100 <= rate <= (LEAST_SHARE + passed / RECOVERY_SECONDS) * 100 + 0.01


def test_a_shared_hold_ends_without_a_burst(shared, redis_time):
    one, other = shared
    with redis_time.around() as held:
        one.slow_down(SENDER, timedelta(seconds=5))
    let_pass(redis_time, 5.01)

    with redis_time.around() as then:
        granted = other.take(SENDER, 20, per_second=20).granted
    _, passed = then.since(held)

    assert granted <= 20 * (passed - 5)


def test_threads_of_processes_together_get_no_more_than_the_pace(shared, redis_time):
    def take(number: int) -> int:
        return shared[number % 2].take(SENDER, 3, per_second=100).granted

    with redis_time.around() as taking, ThreadPoolExecutor(16) as threads:
        granted = sum(threads.map(take, range(200)))

    _, passed = taking.since(taking)
    assert 100 <= granted <= 100 + 100 * passed


def test_what_redis_keeps_of_a_sender_is_soon_gone_and_names_no_patient(shared, redis_url):
    shared[0].take(SENDER, 1, per_second=0.001)

    with Redis.from_url(redis_url) as redis:
        (key,) = redis.keys()
        assert key == f"followup:pace:{SENDER}".encode()
        assert 0 < redis.ttl(key) <= 1001


def test_a_flushed_redis_only_gives_the_pace_back(shared, redis_url):
    shared[0].take(SENDER, 10, per_second=10)
    with Redis.from_url(redis_url) as redis:
        redis.flushall()
        redis.script_flush()

    assert shared[0].take(SENDER, 10, per_second=10).granted == 10


def test_without_redis_a_process_goes_on_alone_at_a_part_of_the_pace(seconds):
    pace = RedisRateLimiter(f"redis://127.0.0.1:{free_port()}/0", seconds=seconds)

    first = pace.take(SENDER, 100, per_second=40)
    pace.slow_down(OTHER, timedelta(seconds=5))

    assert first.granted == 40 * SHARE_ALONE
    assert pace.take(OTHER, 1, per_second=40).granted == 0
    pace.close()


def test_a_sender_is_slowed_down_also_without_redis(seconds):
    pace = RedisRateLimiter(f"redis://127.0.0.1:{free_port()}/0", seconds=seconds)

    pace.slow_down(SENDER, timedelta(seconds=5))

    assert pace.take(SENDER, 1, per_second=40) == Grant(0, timedelta(seconds=5))
    pace.close()


def test_a_redis_that_does_not_answer_is_left_alone_for_a_while(seconds):
    with RedisServer() as server:
        pace = RedisRateLimiter(server.url(), seconds=seconds)
        pace.take(SENDER, 1, per_second=1000)
        server.kill()
        assert pace.take(SENDER, 1000, per_second=1000).granted == 1000 * SHARE_ALONE
        server.start()

        meanwhile = pace.take(OTHER, 1000, per_second=1000)
        seconds.passed += LEFT_ALONE
        again = pace.take(OTHER, 1000, per_second=1000)

        assert meanwhile.granted == 1000 * SHARE_ALONE
        assert again.granted == 1000
        pace.close()
