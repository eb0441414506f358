"""A process that delivers is killed again and again: nothing is lost, nothing out of order."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest
from sqlalchemy import text

from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.audit import AuditEvent
from tests.outbox.conftest import subscribe
from tests.support.apps import rows
from tests.support.fork_server import INTERPRETER, Forked, fork_server
from tests.support.people import CLINIC

ROOT = Path(__file__).parents[2]
WRITERS, EACH = 3, 20
EVERY = 13
"""One webhook of so many kills its sender before that has read the answer."""


class Sender:
    """The process, started anew whenever it was killed."""

    def __init__(self, database_url: str, *, log: Path) -> None:
        self._database_url = database_url
        self._log = log
        self._process: Forked | None = None
        self._lock = Lock()
        self.kills = 0

    def keep_running(self) -> None:
        with self._lock:
            if self._process is None:
                self._process = fork_server().start(
                    "tests.outbox.telling_process",
                    [self._database_url],
                    environment=INTERPRETER,
                    folder=ROOT,
                    log=self._log,
                )
            assert self._process.poll() is None, self._log.read_text("utf-8")

    def kill(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.wait()
                self._process, self.kills = None, self.kills + 1


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_out_of_order_when_the_sender_is_killed(
    telling, receiver, migrated_url, tmp_path
):
    subscribe(telling, receiver)
    sender, taking = Sender(migrated_url, log=tmp_path / "log"), receiver.take

    def take(path, headers, body):
        answer = taking(path, headers, body)
        if len(receiver.received) % EVERY == 0:
            # The answer is lost with its reader; the event was taken all the same.
            sender.kill()
        return answer

    receiver.take = take

    def write(serial: int) -> None:
        """Write events as use cases do: some transactions last while others come and go."""
        for number in range(EACH):
            with telling.store.write() as session:
                entry = AuditEntry(action="worklist.opened", clinic=CLINIC)
                record_event(session, telling.by(f"cli:{serial}"), entry, entry)
                if number % 5 == serial and not telling.store.is_sqlite:
                    session.execute(text("SELECT pg_sleep(0.05)"))

    try:
        with ThreadPoolExecutor(WRITERS) as pool:
            writing = [pool.submit(write, serial) for serial in range(WRITERS)]
            while not all(one.done() for one in writing):
                sender.keep_running()
                time.sleep(0.01)
            [one.result() for one in writing]
        found = rows(telling, AuditEvent)
        wanted = sorted(one.id for one in found if one.action == "worklist.opened")
        while set(receiver.numbers) != set(wanted):
            sender.keep_running()
            time.sleep(0.01)
    finally:
        sender.kill()

    first_seen = list(dict.fromkeys(receiver.numbers))
    assert len(wanted) == WRITERS * EACH * 2
    assert first_seen == wanted
    assert sender.kills >= WRITERS * EACH * 2 // EVERY
    # Told twice are those alone of which the sender never heard that they were taken.
    assert len(receiver.numbers) - len(wanted) <= sender.kills
    ids = {one.number: one.id for one in receiver.received}
    assert all(ids[one.number] == one.id for one in receiver.received)
