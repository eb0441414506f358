"""The scene of a fault run: the real product, a provider that fails, and somebody who keeps count.

    with Scene(seed=7) as scene:
        workers = scene.start(workers=2, beats=2)
        scene.enrol(200, over=20)
        workers[0].kill()
        scene.settle()
        assert scene.reckon().clean

All servers and processes are this run's own, on loopback, and end with it.
"""

from __future__ import annotations

import base64
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import ColumnElement, func, select

from followup.catalogue.load import load_catalogue
from followup.clock import parse_clock
from followup.context import AppContext
from followup.domain.lifecycle import FINAL_STATES, State
from followup.enrolment.enrol import enrol
from followup.store.models.messages import Message
from followup.store.models.operations import Sweep
from tests.faults.breaking import broken, require_well_broken
from tests.faults.scenes.clinics import Rules, request_due_at
from tests.faults.scenes.reckoning import Reckoning, Taken, reckon, taken_by_twilio
from tests.faults.scenes.report import Result
from tests.stand_ins.twilio import TwilioStandIn
from tests.support.apps import make_app
from tests.support.servers import PostgresServer, RedisServer, free_port
from tests.support.stacks import Running, Stack, StackError

SECOND = timedelta(seconds=1)
SENT = State.SENT.value
SENDER = "+447700900998"
QUICK: Mapping[str, str] = {
    "FOLLOWUP_LEASE": "4",
    "FOLLOWUP_RECONCILE_AFTER": "3",
    "FOLLOWUP_PROVIDER_TIMEOUT": "1.5",
    "FOLLOWUP_PROVIDER_CONNECT_TIMEOUT": "1",
    "FOLLOWUP_TICK": "0.3",
    "FOLLOWUP_SMS_PER_SECOND": "2000",
    "FOLLOWUP_VERSION_PER_MINUTE": "1000000",
    "FOLLOWUP_PATIENT_PER_DAY": "1000",
    "FOLLOWUP_LOG_LEVEL": "warning",
}
"""Everything that waits, waits seconds where production waits minutes."""
LISTED_AFTER = 1.5
"""Seconds until the provider lists a message: less than it is waited for, as it must be."""


class Scene:
    """One run's servers, processes and patients."""

    def __init__(
        self,
        *,
        seed: int,
        rules: Rules = Rules(),  # noqa: B008 - frozen
        settings: Mapping[str, str] | None = None,
        chances: Mapping[str, float] | None = None,
        forked: bool = True,
        **behaviour: float | bool,
    ) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.kills: Counter[str] = Counter()
        usual = {"list_delay": LISTED_AFTER, "latency": 0.02}
        self.twilio = TwilioStandIn(port=0, **(usual | behaviour))
        self.rules = rules
        self._chances = chances or {}
        self._forked = forked
        self._settings = {**QUICK, **(settings or {})}
        self._enrolled = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._set_up()
        except BaseException:
            self._open.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._open.close()

    def _set_up(self) -> None:
        self._open.enter_context(self.twilio)
        self.twilio.chances(self._chances, seed=self.seed)
        self.web_port = free_port()
        key = self.random.randbytes(32)
        places = self._places()
        self.stack = self._open.enter_context(
            Stack(
                {
                    **places,
                    "FOLLOWUP_MASTER_KEYS": base64.b64encode(key).decode(),
                    "FOLLOWUP_MODE": "practice",
                    "FOLLOWUP_SMS_CHANNEL": "twilio",
                    "FOLLOWUP_TWILIO_ACCOUNT_SID": self.twilio.account_sid,
                    "FOLLOWUP_TWILIO_AUTH_TOKEN": self.twilio.auth_token,
                    "FOLLOWUP_TWILIO_API_URL": self.twilio.url,
                    "FOLLOWUP_TWILIO_FROM": SENDER,
                    "FOLLOWUP_PUBLIC_URL": f"http://127.0.0.1:{self.web_port}",
                    **self._settings,
                },
                forked=self._forked,
            )
        )
        self.stack.environment.update(broken(self.stack.environment["PYTHONPATH"]))
        config = self.rules.write(self.stack.folder / "config")
        self.stack.environment["FOLLOWUP_CONFIG_DIR"] = str(config)
        self.app = self._observer(places["FOLLOWUP_DATABASE_URL"], config, key)
        self._open.callback(self.app.close)

    def _places(self) -> dict[str, str]:
        """Start the servers that the product needs, and return the settings with their addresses.

        PostgreSQL and Redis are this run's own; the embedded stack needs neither.
        """
        self.postgres = self._open.enter_context(PostgresServer())
        self.redis = self._open.enter_context(RedisServer())
        return {
            "FOLLOWUP_DATABASE_URL": self.postgres.url(self.postgres.create_database()),
            "FOLLOWUP_BROKER_URL": self.redis.url(),
        }

    def _observer(self, database: str, config: Path, key: bytes) -> AppContext:
        """Return an app context of the test's own, to enrol with and to look at the database."""
        return make_app(
            database,
            clock=parse_clock(self._settings.get("FOLLOWUP_CLOCK")),
            catalogue=load_catalogue(config),
            master_keys=(key,),
        )

    # -------------------------------------------------------------------------- doing

    def start(self, *, workers: int = 2, beats: int = 1, concurrency: int = 1) -> list[Running]:
        """Start workers and beats; return the workers."""
        for _ in range(beats):
            self.stack.beat()
        return [self.stack.worker(concurrency=concurrency) for _ in range(workers)]

    def web(self) -> Running:
        """Start the web process, where the provider's reports come in."""
        return self.stack.web(port=self.web_port)

    def enrol(self, patients: int, *, over: float, begin: float = 2.0) -> None:
        """Enrol so many patients, whose first messages fall due evenly over so many seconds.

        Seconds are of real time, also under a time-lapse clock.
        """
        clock = self.app.clock
        start = clock.now()
        second = SECOND / clock.real_delay(SECOND) * SECOND
        for place in range(patients):
            due_at = start + second * (begin + over * place / patients)
            request = request_due_at(self._enrolled, due_at, channels=self.rules.channels)
            enrol(self.app, request, actor="cli:test")
            self._enrolled += 1

    def wait_until_running(self, *, since: datetime | None = None) -> None:
        """Wait until the dispatcher has run (again, `since`): processes take seconds to start."""
        self.wait_until(lambda: self._dispatched(since), seconds=60)

    def finish(self, *, short: bool) -> None:
        """Wait for the end of a run: until all is handed over, or until nothing more happens."""
        if short:
            self.wait_until_handed_over(seconds=240)
        else:
            self.settle(seconds=300)

    def settle(self, *, seconds: float = 90.0) -> None:
        """Wait until every message is where it stays; raise if for so long none comes there."""
        self._wait_for_none(self.unsettled, seconds=seconds)

    def wait_until_handed_over(self, *, seconds: float = 90.0) -> None:
        """Wait until every message has been taken, though receipts are missing; raise likewise."""
        self._wait_for_none(self.unsent, seconds=seconds)

    def _wait_for_none(self, count: Callable[[], int], *, seconds: float) -> None:
        """Wait until none is left, however slow the machine, as long as there are ever fewer."""
        left = count()
        while left:

            def fewer(than: int = left) -> bool:
                return count() < than

            self.wait_until(fewer, seconds=seconds)
            left = count()

    def wait_until(self, condition: Callable[[], bool], *, seconds: float) -> None:
        """Wait until a condition holds, which may do something meanwhile; raise if it does not."""
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {one.name}\n{one.end_of_log()}" for one in self._alive())
                raise StackError(f"not settled: {self.states()}\n{self.reckon()}\n{logs}")
            time.sleep(0.2)

    # ------------------------------------------------------------------------ looking

    def states(self) -> dict[str, int]:
        """Return how many messages are in each state."""
        with self.app.store.read() as session:
            rows = session.execute(select(Message.state, func.count()).group_by(Message.state))
            return {row[0]: row[1] for row in rows}

    def unsettled(self) -> int:
        """Return how many messages something is still going to happen to."""
        return self._count((Message.state != SENT) | Message.receipt_due_at.is_not(None))

    def unsent(self) -> int:
        """Return how many messages are still to be handed over."""
        return self._count(Message.state != SENT)

    def _dispatched(self, since: datetime | None) -> bool:
        with self.app.store.read() as session:
            tick = session.get(Sweep, "dispatch")
        return tick is not None and (since is None or tick.started_real_at > since)

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        settled = [state.value for state in FINAL_STATES]
        with self.app.store.read() as session:
            return session.scalars(
                select(func.count()).where(Message.state.not_in(settled), *conditions)
            ).one()

    def taken(self) -> list[Taken]:
        """Return everything that the provider took."""
        return taken_by_twilio(self.twilio.messages())

    def reckon(self) -> Reckoning:
        """Return the account of all messages as it stands."""
        return reckon(self.app, self.taken())

    def result(self, name: str, *, since: float) -> Result:
        """Return what the run came to; `since` is when it began, by `time.monotonic`."""
        require_well_broken(self.stack.folder.glob("*.log"))
        provider = self.twilio.faults()
        injected = Counter(provider["counts"]) + self.kills
        # A process that was killed may have had more than one request under way.
        planned = injected.pop("accept-kill-caller", 0)
        if killed := len(provider["killed"]):
            injected["SIGKILL as the provider takes it"] = killed
            injected["request of a process that died"] = planned - killed
        return Result(
            name=name,
            seed=self.seed,
            seconds=time.monotonic() - since,
            injected=injected,
            account=self.reckon(),
        )

    def _alive(self) -> list[Running]:
        return [one for one in self.stack.running if one.is_running]
