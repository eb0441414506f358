"""Kills between receiving, keeping, acknowledging and working off HL7 messages."""

from __future__ import annotations

import multiprocessing
import random
import socket
import threading
import time
from collections import Counter
from contextlib import closing

from followup.intake.ledger import feed_ledger
from followup.intake.work_off import work_off_feeds
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import FeedMessage
from tests.faults import feed_listener
from tests.faults.kills import Plan
from tests.faults.scenes.reckoning import Reckoning
from tests.faults.scenes.report import KILLED, Result
from tests.support.apps import make_app, rows
from tests.support.hl7 import Hl7Sender, catalogue_with, message
from tests.support.people import CLINIC
from tests.support.servers import HOST, PostgresServer

SENDERS = 4
LONGEST_LIFE = 0.25
"""Seconds of a listener, from when it listens: some are killed before they have taken anything."""
MESSAGES_A_KILL = 10
START_SECONDS = 60.0
PORT_OF_ANY = 0


class Senders:
    """Other systems: each sends its messages one by one, and each again until it hears AA."""

    def __init__(self, port: int, *, most: int) -> None:
        self.acknowledged: list[str] = []
        self.repeated = 0
        self.stopping = threading.Event()
        self._port, self._most = port, most
        self._lock = threading.Lock()
        self._next = 0
        self._threads = [threading.Thread(target=self._send_all) for _ in range(SENDERS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Let each hear of what it has sent last, and end."""
        self.stopping.set()
        for thread in self._threads:
            thread.join()

    def _send_all(self) -> None:
        while not self.stopping.is_set():
            with self._lock:
                self._next += 1
                number = self._next
            if number > self._most:
                self.stopping.wait()
                return
            self._send(number)

    def _send(self, number: int) -> None:
        id_ = f"K{number}"
        text = message(id_=id_, serial=number, appointment=f"AP{number}")
        tried = 0
        while True:
            tried += 1
            try:
                with Hl7Sender(self._port) as sender:
                    answer = sender.ask(text)
            except OSError:
                answer = {}
            if answer.get("MSA", ["", ""])[1] == "AA":
                break
            time.sleep(0.005)
        with self._lock:
            self.acknowledged.append(id_)
            self.repeated += tried - 1


def feed_kills(plan: Plan) -> Result:
    """Kill a listener that also works off, again and again, while others send until AA."""
    began, dice = time.monotonic(), random.Random(plan.seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([feed_listener.__name__])
    with PostgresServer() as server, socket.socket() as listener:
        url = server.url(server.create_database())
        listener.bind((HOST, PORT_OF_ANY))
        listener.listen(128)
        with closing(make_app(url, catalogue=catalogue_with())) as app:
            senders = Senders(listener.getsockname()[1], most=plan.kills * MESSAGES_A_KILL)
            senders.start()
            for _ in range(plan.kills):
                ready = context.Event()
                child = context.Process(target=feed_listener.serve, args=(url, listener, ready))
                child.start()
                ready.wait(START_SECONDS)
                time.sleep(dice.random() * LONGEST_LIFE)
                child.kill()
                child.join()
            ready = context.Event()
            last = context.Process(target=feed_listener.serve, args=(url, listener, ready))
            last.start()
            ready.wait(START_SECONDS)
            senders.finish()
            last.kill()
            last.join()
            while work_off_feeds(app):
                pass
            account = _reckon(app, senders)
    return Result(
        name="feeds",
        seed=plan.seed,
        seconds=time.monotonic() - began,
        injected={KILLED: plan.kills, "sent again": senders.repeated},
        account=account,
    )


def _reckon(app, senders: Senders) -> Reckoning:
    kept = Counter(row.control_id for row in rows(app, FeedMessage))
    enrolled = Counter(row.reference for row in rows(app, Enrolment) if row.clinic == CLINIC)
    with app.store.read() as session:
        ledger = feed_ledger(session)
    numbers = [id_.removeprefix("K") for id_ in senders.acknowledged]
    return Reckoning(
        due=len(senders.acknowledged),
        taken=ledger.received,
        states=ledger.by_state,
        remainder=ledger.remainder + ledger.by_state["waiting"],
        lost=[
            f"AP{number}"
            for number in numbers
            if not kept[f"K{number}"] or not enrolled[f"made-up:AP{number}"]
        ],
        doubled=[
            *(id_ for id_, times in kept.items() if times > 1),
            *(str(reference) for reference in enrolled if "/" in str(reference)),
        ],
        wrong=[
            f"{row.control_id} is {row.state}: {row.reason}"
            for row in rows(app, FeedMessage)
            if row.state != "enrolled"
        ],
    )
