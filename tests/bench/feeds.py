"""How soon HL7 messages are acknowledged that come at a steady pace, and when all are worked off.

Each has a time at which it is to be sent, and the acknowledgement is measured from there: a sender
that is held up makes those after it later, too.
"""

from __future__ import annotations

import os
import threading
import time
from datetime import timedelta
from statistics import quantiles

from followup.context import AppContext
from followup.intake.ledger import feed_ledger
from tests.bench.figures import Figures
from tests.bench.machinery import MORNING, Machinery, spent, stack_of
from tests.support.hl7 import INCOMPLETE, Hl7Sender, message
from tests.support.servers import free_port

CONNECTIONS = 6
SENDER = {4: "EXH"}
"""The sender of the site file that is shipped as an example."""
PROCEDURE_IN = timedelta(hours=2)
LONGEST_TO_WORK_OFF = 600.0


def measure(machinery: Machinery, figures: Figures, *, seconds: int, a_second: int) -> None:
    load = os.getloadavg()[0]
    figures.title(f"HL7 over MLLP, {a_second} messages a second for {seconds} s, PostgreSQL")
    figures.add("load average before", load)
    port = free_port()
    with stack_of(machinery) as (stack, app):
        listener = stack.hl7(port=port)
        stack.worker()
        stack.beat()
        used = spent(listener.process.pid)
        feed = _Feed(port, count=seconds * a_second, a_second=a_second)
        took = feed.send_all()
        used = spent(listener.process.pid) - used
        ended = time.monotonic()
        while (left := _waiting(app)) and time.monotonic() - ended < LONGEST_TO_WORK_OFF:
            time.sleep(0.5)
        worked_off = time.monotonic() - ended
        with app.store.read() as session:
            ledger = feed_ledger(session)
    cuts = quantiles(feed.waits, n=100)
    figures.add("sent a second", len(feed.waits) / took, "a second", wanted=f"{a_second}")
    figures.add("acknowledged with anything but AA", feed.refused, wanted="0")
    figures.add("acknowledged, half within", cuts[49], "s")
    figures.add("acknowledged, 99 of 100 within", cuts[98], "s", wanted="less than 1")
    figures.add("acknowledged, the last within", max(feed.waits), "s")
    figures.add("processor time of the listener", 1000 * used / len(feed.waits), "ms a message")
    figures.add("worked off, after the last came", worked_off, "s")
    figures.add("still waiting then", left, wanted="0")
    figures.add("remainder of the ledger", ledger.remainder, wanted="0")
    figures.add("load average after", os.getloadavg()[0])


class _Feed:
    """Messages that are due one after the other, over several connections."""

    def __init__(self, port: int, *, count: int, a_second: int) -> None:
        self.waits: list[float] = []
        self.refused = 0
        self._port, self._pace, self._left = port, a_second, iter(range(1, count + 1))
        self._lock = threading.Lock()
        self._began = 0.0

    def send_all(self) -> float:
        """Send all of them, and return how many seconds that took."""
        threads = [threading.Thread(target=self._send) for _ in range(CONNECTIONS)]
        self._began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - self._began

    def _send(self) -> None:
        with Hl7Sender(self._port) as sender:
            while True:
                with self._lock:
                    number = next(self._left, None)
                if number is None:
                    return
                text = _message(number)
                due = self._began + number / self._pace
                time.sleep(max(due - time.monotonic(), 0))
                answer = sender.ask(text)
                waited = time.monotonic() - due
                with self._lock:
                    self.waits.append(waited)
                    self.refused += answer.get("MSA", ["", ""])[1] != "AA"


def _message(number: int) -> str:
    return message(
        id_=f"B{number}",
        at=f"{MORNING:%Y%m%d%H%M%S}",
        serial=number,
        appointment=f"AP{number}",
        procedure=INCOMPLETE,
        time=MORNING + PROCEDURE_IN,
        msh=SENDER,
    )


def _waiting(app: AppContext) -> int:
    with app.store.read() as session:
        return feed_ledger(session).by_state["waiting"]
