"""How soon a red flag is at the top of the worklist while replies come in by the thousand.

Texts come by real HTTP, signed, to the processes of each way to run the product. Who posts one is
answered when it is committed; beside that, somebody reads the top of the worklist again and again.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
from sqlalchemy import func, select

from followup.store.engine.session import Store, make_engine
from followup.store.models.messages import InboundMessage
from followup.store.models.worklist import WorklistItem
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery
from tests.support.servers import free_port
from tests.support.stacks import Stack
from tests.web.conftest import AUTH_TOKEN, sid, twilio_post

FLAGS = 100
SENDERS = 900
AT_ONCE = 8
LOOK_EVERY = 0.2
NOISE = (
    "thanks",
    "ok",
    "where do I park",
    "STOP",
    "my sugar is 12",
    "still sore",
    "who is this",
)
FLAG = "cant feel my legs"


WAYS = {"sqlite": "embedded, SQLite", "postgresql": "PostgreSQL and Redis"}


def measure(machinery: Machinery, figures: Figures, *, replies: int, on: Iterable[str]) -> None:
    for way in map(WAYS.__getitem__, on):
        figures.title(f"{FLAGS} red flags among {replies:,} replies, {way}")
        figures.add("load average before", os.getloadavg()[0])
        with ExitStack() as servers:
            if way.startswith("embedded"):
                url, store = servers.enter_context(_embedded())
            else:
                url, store = servers.enter_context(_on_servers(machinery))
            _flood(figures, url=url, store=store, replies=replies)


def _environment(url: str) -> dict[str, str]:
    return {
        "FOLLOWUP_PUBLIC_URL": url,
        "FOLLOWUP_TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "FOLLOWUP_LOG_LEVEL": "warning",
    }


@contextmanager
def _embedded() -> Iterator[tuple[str, Store]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with Stack(_environment(url)) as stack:
        stack.migrate()
        running = stack.embedded("--port", str(port))
        stack.wait_for(lambda: _answers(url), what="the web server", of=running)
        path = Path(stack.environment["FOLLOWUP_DATA_DIR"]) / "followup.db"
        with closing(Store(make_engine(f"sqlite:///{path}"))) as store:
            yield url, store


@contextmanager
def _on_servers(machinery: Machinery) -> Iterator[tuple[str, Store]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with machinery.database() as database_url:
        urls = {
            "FOLLOWUP_DATABASE_URL": database_url,
            "FOLLOWUP_BROKER_URL": machinery.redis.url(),
        }
        with (
            Stack({**_environment(url), **urls}) as stack,
            closing(Store(make_engine(database_url))) as store,
        ):
            stack.worker(concurrency=1)
            stack.beat()
            stack.web(port=port)
            yield url, store


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=1).is_success
    except httpx.HTTPError:
        return False


def _flood(figures: Figures, *, url: str, store: Store, replies: int) -> None:
    every = replies // FLAGS
    watch = _Watch(store)
    committed: list[float] = []
    refused: list[int] = []

    def post(serial: int) -> None:
        is_flag = serial % every == every // 2
        form = {
            "MessageSid": sid(serial + 1),
            "From": f"+4477009{serial % SENDERS:05d}",
            "To": "+447700900500",
            "Body": FLAG if is_flag else NOISE[serial % len(NOISE)],
            "NumMedia": "0",
        }
        answer = twilio_post(client, "/hooks/twilio/inbound", form, public_url=url)
        if is_flag:
            committed.append(time.monotonic())
        if not answer.is_success:
            refused.append(serial)

    began = time.monotonic()
    with httpx.Client(base_url=url, timeout=120) as client, watch:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(post, range(replies)))
        took = time.monotonic() - began
        watch.wait_for(FLAGS)
    waits = sorted(watch.seen_at(count) - at for count, at in enumerate(sorted(committed), 1))
    with store.read() as session:
        kept = session.scalar(select(func.count()).select_from(InboundMessage)) or 0
    figures.add("taken a second", replies / took, "a second")
    figures.add("refused", len(refused), wanted="0")
    figures.add("replies kept", kept, wanted=f"{replies}")
    figures.add("red flags at the top", watch.most, wanted=f"{FLAGS}")
    figures.add("times that anything stood above one", watch.overtaken, wanted="0")
    figures.add("committed to seen at the top, half within", max(waits[len(waits) // 2], 0), "s")
    figures.add("the last within", max(waits[-1], 0), "s", wanted="less than 5")


class _Watch:
    """Somebody who reads the top of the worklist again and again, and counts the red flags."""

    def __init__(self, store: Store) -> None:
        self.overtaken = 0
        self.most = 0
        self._store = store
        self._seen: list[float] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._ends.set()
        self._thread.join()

    def seen_at(self, count: int) -> float:
        """Return when so many stood at the top for the first time."""
        return self._seen[count - 1]

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + 60
        while len(self._seen) < count and time.monotonic() < deadline:
            time.sleep(LOOK_EVERY)

    def _look(self) -> None:
        while not self._ends.wait(LOOK_EVERY):
            with self._store.read() as session:
                top = session.scalars(
                    select(WorklistItem)
                    .where(WorklistItem.state != "closed")
                    .order_by(WorklistItem.urgency, WorklistItem.opened_at, WorklistItem.id)
                    .limit(2 * FLAGS)
                ).all()
            causes = [item.detail.get("cause") for item in top]
            flags = next((n for n, one in enumerate(causes) if one != "red-flag"), len(causes))
            self.overtaken += "red-flag" in causes[flags:]
            self.most = max(self.most, flags)
            self._seen += [time.monotonic()] * (flags - len(self._seen))
