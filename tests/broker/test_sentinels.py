"""Broker URLs that name Sentinels: read, handed to Celery, and followed to another master."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from kombu import Connection

from followup.broker import address
from followup.broker.address import SENTINEL_PORT, SentinelAddress, sentinels_of
from followup.monitoring.broker_probe import broker_client, broker_problems
from followup.providers.resilience.rate_limiter import RedisRateLimiter
from followup.settings.settings import Settings
from tasks.app import _broker_url, _transport
from tests.faults.scenes.sentinels import WatchedRedis

WHOLE = "sentinel://ann:p%40ss@a:26380,b,[::1]:1/3?master=m&sentinel_password=s%26t"


def test_an_address_is_read_as_it_is_written():
    assert sentinels_of(WHOLE) == SentinelAddress(
        hosts=(("a", 26380), ("b", SENTINEL_PORT), ("::1", 1)),
        master="m",
        database=3,
        user="ann",
        password="p@ss",
        sentinel_password="s&t",
    )
    assert sentinels_of(WHOLE).celery_url == (
        "sentinel://ann:p%40ss@a:26380/3;sentinel://ann:p%40ss@b:26379/3;"
        "sentinel://ann:p%40ss@[::1]:1/3"
    )
    assert "p@ss" not in repr(sentinels_of(WHOLE))
    assert "s&t" not in repr(sentinels_of(WHOLE))


def test_an_ipv6_address_is_read_where_python_refuses_one_behind_another_host(monkeypatch):
    def strict(url):
        if ",[" in url:
            raise ValueError("Invalid IPv6 URL")
        return urlsplit(url)

    monkeypatch.setattr(address, "urlsplit", strict)

    assert sentinels_of(WHOLE).hosts[-1] == ("::1", 1)


@pytest.mark.parametrize("url", ["memory://", "redis://h:6379/0", "rediss://:x@h/1"])
def test_one_redis_or_none_has_no_sentinels(url):
    assert sentinels_of(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "sentinel:///0?master=m",
        "sentinel://a,/0?master=m",
        "sentinel://a/0",
        "sentinel://a/zero?master=m",
        "sentinel://a/0?master=m&masters=n",
        "sentinel://a:99999/0?master=m",
        "sentinel://a,[::1/0?master=m",
        "sentinel:/a/0?master=m",
        "amqp://h",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match=r"Sentinel|database|no broker"):
        sentinels_of(url)


def test_another_master_is_found_by_the_probe_the_pace_and_celery():
    with WatchedRedis() as redis:
        settings = Settings(_env_file=None, broker_url=redis.url())
        probe, pace = broker_client(redis.url()), RedisRateLimiter(redis.url())
        assert broker_problems(probe) == []
        first = redis.master

        assert redis.kill_master() is not first

        assert broker_problems(probe) == []
        with Connection(_broker_url(settings), transport_options=_transport(settings)) as celery:
            celery.SimpleQueue("send").put({"x": 1})
        assert probe.llen("send") == 1
        pace.close()
        probe.close()
