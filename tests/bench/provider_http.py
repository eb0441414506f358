"""Processor time of one call to a provider: our HTTP client beside urllib3, taking turns.

docs/decisions/0013 says what follows. All call one stand-in, which answers with as many headers as
Twilio does; urllib3 is measured at its least and as it comes.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection

from followup.providers.http import deadlines as bounded
from followup.providers.http.connection_pool import Connections
from tests.bench.figures import Figures
from tests.bench.lean_twilio import LeanTwilio

CALLS = 1000
THREADS = 16
LATENCY = 0.02
SECONDS = 10.0

TARGET = "/2010-04-01/Accounts/AC00000000000000000000000000000000/Messages.json"
HEADERS = {
    "User-Agent": "twilio-python/9.13.0 (Linux x86_64) Python/3.11.7",
    "X-Twilio-Client": "python-9.13.0",
    "Accept-Charset": "utf-8",
    "Content-Type": "application/x-www-form-urlencoded",
    "Accept": "application/json",
    "Authorization": "Basic QUMwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDp0b2tlbg==",
}
BODY = b"To=%2B447700900001&From=%2B447700900999&Body=" + b"x" * 250 + b"&ValidityPeriod=3600"


class Contestant(Protocol):
    """Makes one call after the other, from several threads."""

    def call(self) -> int:
        """Post one text; return the status of the answer."""

    def close(self) -> None:
        """Close what is open."""


def measure(figures: Figures, *, rounds: int) -> None:
    turns = 3 * rounds
    figures.title(f"One call to a provider, medians of {turns} turns of {CALLS} calls each")
    made: dict[str, Callable[[str], Contestant]] = {
        "our HTTP client": Ours,
        "urllib3's connections with a deadline": WithDeadline,
        "urllib3's pool as it comes": AsItComes,
    }
    with LeanTwilio(latency=LATENCY, all_headers=True) as twilio:
        contestants = {name: make(twilio.url) for name, make in made.items()}
        costs: dict[str, list[float]] = {name: [] for name in made}
        for _ in range(turns):
            for name, contestant in contestants.items():
                costs[name].append(_cost(contestant))
        for contestant in contestants.values():
            contestant.close()
    ours, *_ = costs.values()
    for name, found in costs.items():
        figures.add(name, median(found), "ms of processor time")
    for name, found in list(costs.items())[1:]:
        pairs = [theirs - own for theirs, own in zip(found, ours, strict=True)]
        figures.add(f"{name}, more than ours", median(pairs), "ms a message")


def _cost(contestant: Contestant) -> float:
    """Return milliseconds of this process's processor time a call."""
    with ThreadPoolExecutor(THREADS) as pool:
        # Its connections are open when the time begins.
        list(pool.map(lambda _: contestant.call(), range(2 * THREADS)))
        before = time.process_time()
        statuses = set(pool.map(lambda _: contestant.call(), range(CALLS)))
        spent = time.process_time() - before
    if statuses != {201}:
        raise RuntimeError(f"the stand-in answered {statuses}")
    return 1000 * spent / CALLS


class Ours:
    """What sends messages."""

    def __init__(self, url: str) -> None:
        self._connections = Connections(
            url, connect_timeout=SECONDS, read_timeout=SECONDS, keep=THREADS
        )

    def call(self) -> int:
        answer = self._connections.request("POST", TARGET, body=BODY, headers=HEADERS)
        _ = answer.text
        return answer.status

    def close(self) -> None:
        self._connections.close()


class AsItComes:
    """urllib3's pool: its time-out is one for each wait, and a trickle goes on for ever."""

    def __init__(self, url: str) -> None:
        self._pool = urllib3.connection_from_url(url, maxsize=THREADS, retries=False)

    def call(self) -> int:
        answer = self._pool.request("POST", TARGET, body=BODY, headers=HEADERS, timeout=SECONDS)
        _ = answer.data.decode()
        return answer.status

    def close(self) -> None:
        self._pool.close()


class WithDeadline:
    """The least of urllib3 that bounds a whole exchange and writes a request at once.

    What tells "not reached" from "answer lost" would come on top.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname or "", parts.port
        self._idle: deque[_Connection] = deque()

    def call(self) -> int:
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = _Connection(*self._address, timeout=SECONDS)
            connection.connect()
        # Whether the server has closed it is looked at before each use, by ours as well.
        if not connection.is_connected:
            raise RuntimeError("the stand-in closed a connection")
        cast("_Wire", connection.sock).left = bounded.after(SECONDS)
        connection.request("POST", TARGET, BODY, HEADERS, preload_content=False)
        answer = connection.getresponse()
        _ = answer.read(1_000_000).decode()
        self._idle.append(connection)
        return answer.status

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Connection(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = cast("Any", _Wire(self.sock))


class _Wire:
    """A socket whose waits share one deadline, in place of the one of the connection."""

    left: bounded.Left

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._waiting = b""
        self.fileno, self.close = sock.fileno, sock.close

    def sendall(self, data: bytes) -> None:
        self._waiting += data

    def makefile(self, _mode: str) -> io.BufferedReader:
        request, self._waiting = self._waiting, b""
        self._sock.settimeout(self.left())
        self._sock.sendall(request)
        return bounded.reader(self._sock, self.left)

    def settimeout(self, _seconds: float | None) -> None:
        """Leave it: each wait is as long as is left."""
