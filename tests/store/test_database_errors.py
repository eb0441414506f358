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

from followup.audit.tree import sign_trail
from followup.context import AppContext
from followup.domain.errors import StoreUnavailable
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import LEGAL_MOVES, State
from followup.enrolment.enrol import enrol
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.reschedule import reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.jobs import JOBS
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.claim import claim_due
from followup.sending.kill_switches import activate_switch
from followup.sending.send_batch import send_batch
from followup.store.engine.session import Store
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.cli.conftest import CommandLine, document
from tests.support.apps import (
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
from tests.support.people import PROCEDURE_AT, SMS, request
from tests.web.conftest import key_for, served

pytestmark = pytest.mark.slow

USE_CASES: dict[str, Callable[[AppContext], object]] = {
    "enrol": lambda app: enrol(app, request(2), actor="web:test"),
    "reschedule": lambda app: reschedule(
        app, _first(app), PROCEDURE_AT.replace(hour=11), actor="web:test"
    ),
    "pause": lambda app: pause_enrolment(app, _first(app), actor="web:test"),
    "resume": lambda app: resume_enrolment(app, _first(app), actor="web:test"),
    "withdraw": lambda app: withdraw_enrolment(app, _first(app), reason="asked", actor="web:test"),
    "a text": lambda app: take_inbound(
        app, InboundText(provider_id="SM1", from_="+447700900001", to="", body="STOP")
    ),
    "switch": lambda app: activate_switch(app, SwitchScope.ALL, reason="test", actor="web:test"),
    "claim": claim_due,
    "send": tick,
    "sweeps": lambda app: [job.run(app) for job in JOBS],
    "seal": sign_trail,
}


def _first(app: AppContext):
    return rows(app, Message)[0].enrolment_id


class Cut:
    """Ends the connection in the server just before its nth statement, or its commit, once."""

    def __init__(self, app: AppContext, *, before: int | None) -> None:
        self._engine, self._before = app.store.engine, before
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
        reading = connection.get_execution_options().get("reading")
        if self._before is None and not self.done and not reading:
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


def cut_at_each_statement(app: AppContext, act: Callable[[AppContext], object]) -> int:
    """Cut the connection once before each statement of an act; return how many it has."""
    for before in range(1, 190):
        with Cut(app, before=before) as cut:
            try:
                act(app)
            except StoreUnavailable:
                # A reader is not tried again: whoever asked asks again.
                assert cut.done
        assert_whole(app)
        if not cut.done:
            return before - 1
    raise AssertionError("it never came to an end")


@pytest.mark.parametrize("name", USE_CASES)
def test_a_connection_that_is_cut_at_any_statement_leaves_nothing_half_done(
    postgres_app: AppContext, quickly, name
):
    app = postgres_app
    enrol_one(app, channels=(SMS,))
    if name == "resume":
        pause_enrolment(app, _first(app), actor="web:test")

    # Job by job: all of them for each statement of one would be thousands of runs.
    acts = [job.run for job in JOBS] if name == "sweeps" else [USE_CASES[name]]
    # Some have nothing to ask here, such as one for a mailbox that there is not.
    assert sum(cut_at_each_statement(app, act) for act in acts) >= 1

    run_jobs(app)
    balance_is_even(app)
    assert len(sms_of(app).taken) == len(
        {one.outgoing.message_id for one in sms_of(app).taken.values()}
    )


@pytest.mark.parametrize("name", USE_CASES)
def test_a_commit_that_nobody_knows_of_is_told_and_can_be_asked_for_again(
    postgres_app: AppContext, quickly, name
):
    app = postgres_app
    enrol_one(app, channels=(SMS,))
    if name == "resume":
        pause_enrolment(app, _first(app), actor="web:test")

    told = ""
    with Cut(app, before=None) as cut:
        try:
            USE_CASES[name](app)
        except StoreUnavailable as error:
            told = str(error)
    assert cut.done
    assert not told or "look whether the change was kept" in told
    assert_whole(app)
    USE_CASES[name](app)

    assert_whole(app)
    clock_of(app).advance(app.policy.lease * 4)
    for _ in range(3):
        run_jobs(app)
        clock_of(app).advance(app.policy.reconcile_after)
    balance_is_even(app)
    assert len(sms_of(app).taken) == len(
        {one.outgoing.message_id for one in sms_of(app).taken.values()}
    )


def assert_nothing_twice(app: AppContext) -> None:
    taken = [one.outgoing.message_id for one in sms_of(app).taken.values()]
    assert len(taken) == len(set(taken))


def assert_whole(app: AppContext) -> None:
    """Each message stands where the trail says that it was moved to, by legal moves."""
    moves: dict[object, list[tuple[str, str]]] = {}
    for told in sorted(rows(app, AuditEvent), key=lambda one: one.id):
        if told.message_id and told.detail and "to" in told.detail:
            moves.setdefault(told.message_id, []).append((told.detail["from"], told.detail["to"]))
    for one in rows(app, Message):
        made = moves.get(one.id, [])
        assert all(State(to) in LEGAL_MOVES[State(before)] for before, to in made)
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


def test_without_room_nothing_is_half_enrolled(sqlite_app: AppContext):
    with no_room(), pytest.raises(StoreUnavailable, match="its disk has room"):
        enrol_one(sqlite_app)

    assert rows(sqlite_app, Patient) == []
    enrol_one(sqlite_app)
    assert len(rows(sqlite_app, Patient)) == 1


def test_a_worker_goes_on_when_there_is_room_again(sqlite_app: AppContext):
    app = sqlite_app
    enrolment = enrol_one(app, channels=(SMS,))
    with no_room(), pytest.raises(StoreUnavailable):
        claim_due(app)
    assert message(app, enrolment, "going-home").state == "planned"

    run_jobs(app)

    assert message(app, enrolment, "going-home").state == "sent"


def test_an_outcome_that_there_was_no_room_for_is_found_out_and_not_sent_again(
    sqlite_app: AppContext,
):
    app = sqlite_app
    enrolment = enrol_one(app, channels=(SMS,))
    (batch,) = claim_due(app)
    full = no_room()
    sms_of(app).during_call = lambda _: full.__enter__()
    try:
        with pytest.raises(StoreUnavailable):
            send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR)
    finally:
        full.__exit__(None, None, None)
        sms_of(app).during_call = None
    assert message(app, enrolment, "going-home").state == "sending"

    clock_of(app).advance(app.policy.lease + app.policy.reconcile_after)
    run_jobs(app)

    assert message(app, enrolment, "going-home").state == "sent"
    assert len(sms_of(app).calls) == 1


def test_the_api_says_when_to_try_again(sqlite_app: AppContext):
    headers = key_for(sqlite_app)
    with served(sqlite_app) as client:
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
