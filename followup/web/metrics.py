"""Prometheus exposition of the service's metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from threading import Lock
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from followup.context import AppContext
from followup.monitoring.message_balance import Balance, balance
from followup.monitoring.metrics import MOST_OVERDUE, ServiceMetrics, collect_metrics

FRESH_SECONDS = 5.0
"""However many scrape at once, the database counts its messages no more often than that."""
BALANCE_SECONDS = 30.0
"""The balance sheet counts what is not summed once and for all: so old a scrape's sheet may be."""

Read = TypeVar("Read")


class Scrapes:
    """Makes the text of a scrape, at most every few seconds. Safe to share between threads."""

    def __init__(self, app: AppContext, *, now: Callable[[], float] = time.monotonic) -> None:
        self._lock = Lock()
        self._sheet = _Kept(lambda: balance(app), seconds=BALANCE_SECONDS, now=now)
        self._text = _Kept(
            lambda: exposition(collect_metrics(app), self._sheet.read()),
            seconds=FRESH_SECONDS,
            now=now,
        )

    def text(self) -> bytes:
        """Return the text; raise `StoreUnavailable` where there is nothing to tell."""
        with self._lock:
            return self._text.read()


class _Kept(Generic[Read]):
    """Something that is read anew once it is so many seconds old."""

    def __init__(
        self, read: Callable[[], Read], *, seconds: float, now: Callable[[], float]
    ) -> None:
        self._read, self._seconds, self._now = read, seconds, now
        self._kept: tuple[float, Read] | None = None

    def read(self) -> Read:
        if self._kept is None or self._now() - self._kept[0] >= self._seconds:
            self._kept = (self._now(), self._read())
        return self._kept[1]


def exposition(read: ServiceMetrics, sheet: Balance) -> bytes:
    """Return figures in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Once(read, sheet))
    return generate_latest(registry)


class _Once(Collector):
    """Figures as prometheus-client collects them."""

    def __init__(self, read: ServiceMetrics, sheet: Balance) -> None:
        self._read, self._sheet = read, sheet

    def collect(self) -> Iterable[Metric]:
        yield from _of_messages(self._read)
        yield from _of_the_balance(self._sheet)
        yield from _of_sweeps(self._read)
        yield from _of_trouble(self._read)
        yield from _of_people(self._read)
        yield from _of_returned_mails(self._read)
        yield from _of_feeds(self._read)
        yield from _of_processes(self._read)
        yield from _of_the_replica(self._read)


def _of_messages(read: ServiceMetrics) -> Iterator[Metric]:
    messages = _gauge("messages", "Messages, by the state that they are in.", "state")
    for state, count in read.messages.items():
        messages.add_metric([state], count)
    yield messages
    waiting = _gauge(
        "overdue_messages", f"Messages that wait to be claimed, counted up to {MOST_OVERDUE}."
    )
    waiting.add_metric([], read.overdue)
    yield waiting
    overdue = _gauge(
        "oldest_overdue_seconds", "How long the oldest due message has waited to be claimed."
    )
    overdue.add_metric([], read.oldest_overdue.total_seconds())
    yield overdue
    unknown = _gauge(
        "oldest_unknown_seconds", "How long the oldest unknown outcome has waited to be settled."
    )
    unknown.add_metric([], read.oldest_unknown.total_seconds())
    yield unknown


def _of_the_balance(sheet: Balance) -> Iterator[Metric]:
    classes = _gauge("balance", "What became of the messages that fell due.", "class")
    figures_of_it = sheet.as_dict()
    due, remainder = figures_of_it.pop("due"), figures_of_it.pop("remainder")
    for name, count in figures_of_it.items():
        classes.add_metric([name], count)
    yield classes
    for name, documentation, count in (
        ("due", "Messages that have fallen due.", due),
        ("remainder", "Messages that nothing accounts for: anything but 0 is an alarm.", remainder),
    ):
        single = _gauge(f"balance_{name}", documentation)
        single.add_metric([], count)
        yield single


def _of_trouble(read: ServiceMetrics) -> Iterator[Metric]:
    alarms = _gauge("alarm", "1 for each alarm that is up.", "code")
    for code in read.alarms:
        alarms.add_metric([code], 1)
    yield alarms
    breakers = _gauge(
        "provider_away", "1 while a provider is left alone by its breaker.", "channel", "provider"
    )
    for (channel, provider), is_away in sorted(read.providers.items()):
        breakers.add_metric([channel, provider], int(is_away))
    yield breakers
    count = _gauge("switches_on", "Kill switches that are on.")
    count.add_metric([], len(read.switches))
    yield count
    switches = _gauge("switch_on", "1 for each kill switch that is on.", "scope", "value")
    for scope, value in read.switches:
        switches.add_metric([scope, value], 1)
    yield switches
    standing_in = _gauge(
        "second_account_seconds", "How long a second account has stood in for the first.", "channel"
    )
    for channel, age in read.second_account.items():
        standing_in.add_metric([channel], age.total_seconds())
    yield standing_in


def _of_returned_mails(read: ServiceMetrics) -> Iterator[Metric]:
    taken = _gauge(
        "returned_mails", "Mails of the bounce mailbox, by what became of them.", "outcome"
    )
    for outcome, count in read.returned_mails.items():
        taken.add_metric([outcome], count)
    yield taken
    waiting = _gauge(
        "returned_mails_unmatched", "Mails of the bounce mailbox that wait for a person."
    )
    waiting.add_metric([], read.unmatched)
    yield waiting


def _of_feeds(read: ServiceMetrics) -> Iterator[Metric]:
    taken = _gauge("feed_messages", "Messages of feeds, by what became of them.", "state")
    for state, count in read.feeds.by_state.items():
        taken.add_metric([state], count)
    yield taken
    oldest = _gauge(
        "feed_oldest_waiting_seconds", "How long the oldest message of a feed has waited."
    )
    oldest.add_metric([], read.oldest_feed_message.total_seconds())
    yield oldest
    left = _gauge("feed_remainder", "Messages of feeds that are unaccounted for: 0, always.")
    left.add_metric([], read.feeds.remainder)
    yield left


def _of_the_replica(read: ServiceMetrics) -> Iterator[Metric]:
    if read.replica is None:
        return
    used = _gauge("replica_used", "1 where figures are read from the replica, 0 where it can't be.")
    used.add_metric([], 1 if read.replica.trouble is None else 0)
    yield used
    if read.replica.behind is not None:
        behind = _gauge("replica_behind_seconds", "How old the replica for figures is.")
        behind.add_metric([], read.replica.behind.total_seconds())
        yield behind


def _of_sweeps(read: ServiceMetrics) -> Iterator[Metric]:
    ages = _gauge("sweep_age_seconds", "Since a periodic job last ended well.", "sweep")
    limits = _gauge("sweep_late_after_seconds", "At which age a periodic job is late.", "sweep")
    found = _gauge("sweep_found", "How much the last run of a periodic job found.", "sweep")
    failed = _gauge("sweep_failed", "1 where the last run of a periodic job failed.", "sweep")
    failures = _gauge("sweep_failures", "How many runs in a row have failed.", "sweep")
    for sweep in read.sweeps:
        if sweep.age is not None:
            ages.add_metric([sweep.name], sweep.age.total_seconds())
        if sweep.limit is not None:
            limits.add_metric([sweep.name], sweep.limit.total_seconds())
        found.add_metric([sweep.name], sweep.found)
        failed.add_metric([sweep.name], int(sweep.failures > 0))
        failures.add_metric([sweep.name], sweep.failures)
    yield from (ages, limits, found, failed, failures)


def _of_people(read: ServiceMetrics) -> Iterator[Metric]:
    items = _gauge("worklist_open", "What waits for a person.", "kind", "urgency")
    for (kind, urgency), count in sorted(read.worklist.items()):
        items.add_metric([kind, str(urgency)], count)
    yield items
    late = _gauge("worklist_late", "What has waited for a person longer than it should.")
    late.add_metric([], read.worklist_late)
    yield late


def _of_processes(read: ServiceMetrics) -> Iterator[Metric]:
    beats = _gauge(
        "heartbeat_age_seconds",
        "Since the last heartbeat of a process.",
        "component",
        "instance",
    )
    for (component, instance), age in sorted(read.heartbeats.items()):
        beats.add_metric([component, instance], age.total_seconds())
    yield beats


def _gauge(name: str, documentation: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"followup_{name}", documentation, labels=labels)
