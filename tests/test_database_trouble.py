"""A database that goes away or is full in the middle of anything: kept whole, or not at all."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import psycopg
import pytest
from sqlalchemy import event

from followup.audit import seal_trail
from followup.changes import pause, reschedule, resume, withdraw
from followup.channels.twilio_hooks import Inbound
from followup.dispatch import claim_due
from followup.domain.errors import StoreUnavailable
from followup.domain.lifecycle import MOVES, State
from followup.enrol import enrol
from followup.kit import Kit
from followup.replies import take_inbound
from followup.send import deliver
from followup.store.models import AuditEvent, Message, Patient
from followup.store.session import Store
from followup.store.switches import SwitchScope
from followup.sweeps import JOBS
from followup.switches import throw
from tests.cli.conftest import CommandLine, document
from tests.kits import (
    EXECUTOR,
    balance_is_even,
    clock_of,
    enrol_one,
    message,
    rows,
    run_jobs,
    sms_of,
    tick,
)
from tests.people import PROCEDURE_AT, SMS, request
from tests.web.conftest import key_for, served

pytestmark = pytest.mark.slow

USE_CASES: dict[str, Callable[[Kit], object]] = {
    "enrol": lambda kit: enrol(kit, request(2), actor="web:test"),
    "reschedule": lambda kit: reschedule(
        kit, _first(kit), PROCEDURE_AT.replace(hour=11), actor="web:test"
    ),
    "pause": lambda kit: pause(kit, _first(kit), actor="web:test"),
    "resume": lambda kit: resume(kit, _first(kit), actor="web:test"),
    "withdraw": lambda kit: withdraw(kit, _first(kit), reason="asked", actor="web:test"),
    "a text": lambda kit: take_inbound(
        kit, Inbound(provider_id="SM1", from_="+447700900001", to="", body="STOP")
    ),
    "switch": lambda kit: throw(kit, SwitchScope.ALL, reason="test", actor="web:test"),
    "claim": claim_due,
    "send": tick,
    "sweeps": lambda kit: [job.run(kit) for job in JOBS],
    "seal": seal_trail,
}


def _first(kit: Kit):
    return rows(kit, Message)[0].enrolment_id


class Cut:
    """Ends the connection in the server just before its nth statement, or its commit, once."""

    def __init__(self, kit: Kit, *, before: int | None) -> None:
        self._engine, self._before = kit.store.engine, before
        self._seen = 0
        self.done = False

    def __enter__(self) -> Self:
        event.listen(self._engine, "before_cursor_execute", self._on_statement)
        event.listen(self._engine, "commit", self._on_commit)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._on_statement)
        event.remove(self._engine, "commit", self._on_commit)

    def _on_statement(self, connection, *_rest):
        self._seen += 1
        if self._seen == self._before:
            self._cut(connection)

    def _on_commit(self, connection):
        if self._before is None and not self.done:
            self._cut(connection)

    def _cut(self, connection) -> None:
        self.done = True
        url = self._engine.url
        pid = connection.connection.dbapi_connection.info.backend_pid
        with psycopg.connect(
            host=url.host, port=url.port, user=url.username, dbname=url.database, autocommit=True
        ) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decide as ever whether to try again, and wait for nothing."""
    pause_of = Store._pause
    monkeypatch.setattr(
        Store,
        "_pause",
        lambda self, error, **known: None if pause_of(self, error, **known) is None else 0.0,
    )


@pytest.mark.parametrize("name", USE_CASES)
def test_a_connection_that_is_cut_at_any_statement_leaves_nothing_half_done(
    postgres_kit: Kit, quickly, name
):
    kit, cuts = postgres_kit, 0
    enrol_one(kit, channels=(SMS,))
    if name == "resume":
        pause(kit, _first(kit), actor="web:test")

    for before in range(1, 200):
        with Cut(kit, before=before) as cut:
            try:
                USE_CASES[name](kit)
            except StoreUnavailable:
                # A reader is not tried again: whoever asked asks again.
                assert cut.done
        assert_whole(kit)
        if not cut.done:
            break
        cuts += 1

    assert 1 <= cuts < 190
    run_jobs(kit)
    balance_is_even(kit)
    assert len(sms_of(kit).taken) == len(
        {one.outgoing.message_id for one in sms_of(kit).taken.values()}
    )


@pytest.mark.parametrize("name", USE_CASES)
def test_a_commit_that_nobody_knows_of_is_told_and_can_be_asked_for_again(
    postgres_kit: Kit, quickly, name
):
    kit = postgres_kit
    enrol_one(kit, channels=(SMS,))
    if name == "resume":
        pause(kit, _first(kit), actor="web:test")

    told = ""
    with Cut(kit, before=None) as cut:
        try:
            USE_CASES[name](kit)
        except StoreUnavailable as error:
            told = str(error)
    assert cut.done
    assert not told or "look whether the change was kept" in told
    assert_whole(kit)
    USE_CASES[name](kit)

    assert_whole(kit)
    clock_of(kit).advance(kit.policy.lease * 4)
    for _ in range(3):
        run_jobs(kit)
        clock_of(kit).advance(kit.policy.reconcile_after)
    balance_is_even(kit)
    assert len(sms_of(kit).taken) == len(
        {one.outgoing.message_id for one in sms_of(kit).taken.values()}
    )


def assert_nothing_twice(kit: Kit) -> None:
    taken = [one.outgoing.message_id for one in sms_of(kit).taken.values()]
    assert len(taken) == len(set(taken))


def assert_whole(kit: Kit) -> None:
    """Each message stands where the trail says that it was moved to, by legal moves."""
    moves: dict[object, list[tuple[str, str]]] = {}
    for told in sorted(rows(kit, AuditEvent), key=lambda one: one.id):
        if told.message_id and told.detail and "to" in told.detail:
            moves.setdefault(told.message_id, []).append((told.detail["from"], told.detail["to"]))
    for one in rows(kit, Message):
        made = moves.get(one.id, [])
        assert all(State(to) in MOVES[State(before)] for before, to in made)
        assert not made or made[-1][1] == one.state
        assert made or one.state in {"planned", "expired", "suppressed"}


# ------------------------------------------------------------------------------ no room


@contextmanager
def no_room() -> Iterator[None]:
    """Let no file of this process grow: what a write meets is an error, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    cached, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # half a file would stay
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        sys.dont_write_bytecode = cached


def test_without_room_nothing_is_half_enrolled(sqlite_kit: Kit):
    with no_room(), pytest.raises(StoreUnavailable, match="its disk has room"):
        enrol_one(sqlite_kit)

    assert rows(sqlite_kit, Patient) == []
    enrol_one(sqlite_kit)
    assert len(rows(sqlite_kit, Patient)) == 1


def test_a_worker_goes_on_when_there_is_room_again(sqlite_kit: Kit):
    kit = sqlite_kit
    enrolment = enrol_one(kit, channels=(SMS,))
    with no_room(), pytest.raises(StoreUnavailable):
        claim_due(kit)
    assert message(kit, enrolment, "going-home").state == "planned"

    run_jobs(kit)

    assert message(kit, enrolment, "going-home").state == "sent"


def test_an_outcome_that_there_was_no_room_for_is_found_out_and_not_sent_again(sqlite_kit: Kit):
    kit = sqlite_kit
    enrolment = enrol_one(kit, channels=(SMS,))
    (batch,) = claim_due(kit)
    full = no_room()
    sms_of(kit).during_call = lambda _: full.__enter__()
    try:
        with pytest.raises(StoreUnavailable):
            deliver(kit, batch.token, batch.message_ids, executor=EXECUTOR)
    finally:
        full.__exit__(None, None, None)
        sms_of(kit).during_call = None
    assert message(kit, enrolment, "going-home").state == "sending"

    clock_of(kit).advance(kit.policy.lease + kit.policy.reconcile_after)
    run_jobs(kit)

    assert message(kit, enrolment, "going-home").state == "sent"
    assert len(sms_of(kit).calls) == 1


def test_the_api_says_when_to_try_again(sqlite_kit: Kit):
    headers = key_for(sqlite_kit)
    with served(sqlite_kit) as client:
        with no_room():
            answer = client.post("/api/v1/enrolments", json=document(), headers=headers)
        again = client.post("/api/v1/enrolments", json=document(), headers=headers)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert again.status_code == 201


def test_a_command_says_what_to_do(migrated_sqlite_url: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    followup = CommandLine(tmp_path, migrated_sqlite_url)
    with no_room():
        answer = followup("enrol", "--json", "-", stdin=json.dumps(document()))

    assert answer.code == 1
    assert "look whether its disk has room" in answer.err
    assert followup("enrol", "--json", "-", stdin=json.dumps(document())).code == 0
