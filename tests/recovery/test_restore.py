"""After a restore of an older backup nothing is sent twice, and nothing is lost in silence."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from followup.context import AppContext
from followup.delivery.receipts import TakenReceipt, take_receipt
from followup.domain.errors import ConfigurationError, Conflict
from followup.domain.kill_switch import SwitchScope
from followup.enrolment.reschedule import reschedule
from followup.monitoring.health import watched
from followup.monitoring.message_balance import balance
from followup.providers.interface import Listed, ProviderReport, ReportedStatus
from followup.recovery.backup import make_backup
from followup.recovery.catch_up import CatchUpProgress, catch_up
from followup.recovery.restore import mark_restored, require_no_pending_restore, require_stopped
from followup.sending.claim import claim_due
from followup.sending.kill_switches import activate_switch, deactivate_switch
from followup.store.models.messages import Attempt
from followup.store.models.operations import Restore, Switch
from followup.store.models.patients import Objection
from tests.support.apps import (
    a_message,
    clock_of,
    email_of,
    enrol_one,
    make_app,
    message,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
    state_of,
    sweep,
    tasks,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.support.scripted_channel import LOST, ScriptedChannel, refuse
from tests.support.servers import HOST, PostgresServer

pytestmark = pytest.mark.slow

DAY = timedelta(days=1)
ALL_OVER = ENROLLED_AT + timedelta(days=50)
MOBILE = "+447700900001"

Restored = Callable[[AppContext], AppContext]


class ListingChannel(ScriptedChannel):
    """A provider that also lists what went through it, as Twilio does."""

    def __init__(self, kind):
        super().__init__(kind)
        self.came_in: list[Listed] = []

    def listed_since(self, since):
        sent = [
            Listed(
                provider_id=one.id,
                came_in=False,
                from_=self.sender,
                to=one.outgoing.to,
                body=one.outgoing.text,
                media_count=0,
                created_at=None,
            )
            for one in self.taken.values()
        ]
        return [*sent, *self.came_in]

    def hears(self, body: str, *, from_: str = MOBILE) -> Listed:
        """Let a phone text us; return the text as the provider lists it."""
        text = Listed(
            provider_id=f"SM{len(self.came_in):032d}",
            came_in=True,
            from_=from_,
            to=self.sender,
            body=body,
            media_count=0,
            created_at=None,
        )
        self.came_in.append(text)
        return text


@pytest.fixture
def app(migrated_url: str) -> Iterator[AppContext]:
    channels = {SMS: ListingChannel(SMS), EMAIL: ScriptedChannel(EMAIL)}
    channels[EMAIL].can_look = False
    with closing(make_app(migrated_url, channels=channels)) as made:
        yield made


class Backups:
    """Backups by the tools that an operator has: ours on SQLite, pg_dump on PostgreSQL."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self.file = folder / "backup"
        self.server = server
        self.databases: list[str] = []
        self.apps: list[AppContext] = []

    def take(self, app: AppContext) -> None:
        url = app.store.engine.url
        if self.server is None:
            make_backup(Path(url.database), self.file, at=app.clock.real_now())
        else:
            self._run("pg_dump", "--format=custom", f"--file={self.file}", url.database)

    def restore(self, app: AppContext) -> AppContext:
        """Return an app on what the backup holds, at the same time, with the same providers."""
        url = f"sqlite:///{self.file}"
        if self.server is not None:
            database = self.server.create_database()
            self.databases.append(database)
            self._run("pg_restore", "--exit-on-error", f"--dbname={database}", str(self.file))
            url = self.server.url(database)
        made = make_app(url, clock=app.clock, channels=app.channels)
        self.apps.append(made)
        return made

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.server._programs / program), "--host", HOST]
        command += ["--port", str(self.server.port), "--username", "postgres", *arguments]
        subprocess.run(command, check=True, timeout=60)

    def close(self) -> None:
        for one in self.apps:
            one.store.close()
        for database in self.databases:
            self.server.drop_database(database)


@pytest.fixture
def backups(app: AppContext, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Backups]:
    server = None if app.store.is_sqlite else request.getfixturevalue("postgres_server")
    with closing(Backups(tmp_path, server)) as made:
        yield made


def resume_sending(app: AppContext) -> None:
    """Let messages go again, as a person does at the end."""
    with app.store.read() as session:
        ids = session.scalars(select(Switch.id).where(Switch.lifted_at.is_(None))).all()
    for id_ in ids:
        deactivate_switch(app, id_, actor="cli:test")


def restored(app: AppContext, backups: Backups, **options) -> AppContext:
    anew = backups.restore(app)
    mark_restored(anew, taken_at=None, actor="cli:test", **options)
    return anew


def made_up_for(app: AppContext) -> CatchUpProgress:
    return catch_up(app, actor="cli:test", rest=clock_of(app).advance)


def assert_nothing_twice(app: AppContext) -> None:
    for channel in (sms_of(app), email_of(app)):
        calls = Counter(one.message_id for one in channel.calls)
        assert {id_: count for id_, count in calls.items() if count > 1} == {}


def test_what_went_out_since_the_backup_does_not_go_again(app, backups):
    enrolment = enrol_one(app, channels=(SMS,), diabetic=True)
    backups.take(app)
    run_until(app, ENROLLED_AT + 3 * DAY)
    sent_before = len(sms_of(app).calls)

    anew = restored(app, backups)
    assert made_up_for(anew).settled
    resume_sending(anew)
    run_until(anew, ALL_OVER)

    assert sent_before >= 3
    assert len(sms_of(app).calls) == len(messages(anew, enrolment)) > sent_before
    assert_nothing_twice(anew)
    assert {one.state for one in messages(anew, enrolment)} == {"sent"}
    assert balance(anew).remainder == 0


@pytest.mark.parametrize("early", [True, False], ids=["before it is in doubt", "afterwards"])
def test_a_receipt_settles_what_the_backup_knows_nothing_of(app, backups, early):
    enrolment = enrol_one(app, channels=(SMS,))
    backups.take(app)
    tick(app)
    (attempt,) = rows(app, Attempt)
    anew = backups.restore(app)
    # Nobody else can say what became of it.
    sms_of(app).looks_away = True

    def heard() -> TakenReceipt:
        report = ProviderReport(provider_id=attempt.provider_id, status=ReportedStatus.DELIVERED)
        ids = {"message_id": attempt.message_id, "attempt_id": attempt.id}
        return take_receipt(anew, report, provider="scripted", **ids)

    if early:
        assert heard() is TakenReceipt.PARKED
    mark_restored(anew, taken_at=None, actor="cli:test")
    assert message(anew, enrolment, "going-home").state == "unknown"
    assert sweep(anew, "apply-parked") == 1 if early else heard() is TakenReceipt.APPLIED

    assert message(anew, enrolment, "going-home").state == "delivered"
    assert_nothing_twice(anew)


def test_nothing_at_all_goes_before_a_person_lets_it(app, backups):
    enrol_one(app, channels=(SMS,))
    backups.take(app)

    anew = restored(app, backups)
    made_up_for(anew)
    run_jobs(anew)

    assert sms_of(anew).calls == []


def test_what_did_not_go_out_meanwhile_goes_once_the_provider_surely_lacks_it(app, backups):
    enrolment = enrol_one(app, channels=(SMS,))
    backups.take(app)
    clock_of(app).advance(timedelta(minutes=5))

    anew = restored(app, backups)
    resume_sending(anew)
    run_jobs(anew)
    assert message(anew, enrolment, "going-home").state == "unknown"
    clock_of(anew).advance(anew.policy.reconcile_after)
    run_jobs(anew)
    run_jobs(anew)

    assert message(anew, enrolment, "going-home").state == "sent"
    assert len(sms_of(anew).calls) == 1


def test_an_email_that_may_have_gone_goes_to_a_person(app, backups):
    enrolment = enrol_one(app, channels=(EMAIL,))
    backups.take(app)
    run_until(app, ENROLLED_AT + timedelta(minutes=5))
    assert len(email_of(app).calls) == 1

    anew = restored(app, backups)
    standing = made_up_for(anew)
    resume_sending(anew)
    run_until(anew, ENROLLED_AT + timedelta(hours=1))

    assert standing.settled
    assert standing.with_a_person == 1
    assert message(anew, enrolment, "going-home").state == "unknown"
    assert [item.detail["cause"] for item in tasks(anew)] == ["restored"]
    assert len(email_of(anew).calls) == 1
    assert balance(anew).remainder == 0


def test_what_a_worker_had_in_hand_at_the_backup_is_looked_for_too(app, backups):
    one, two = (enrol_one(app, serial, channels=(SMS,)) for serial in (1, 2))
    claim_due(app)
    claimed = {message(app, each, "going-home").state for each in (one, two)}
    backups.take(app)
    clock_of(app).advance(timedelta(minutes=2))
    run_jobs(app)
    run_jobs(app)

    anew = restored(app, backups)
    assert made_up_for(anew).settled
    resume_sending(anew)
    run_until(anew, ENROLLED_AT + 3 * DAY)

    assert claimed == {"claimed"}
    assert_nothing_twice(anew)


def test_a_lost_answer_from_before_the_backup_that_was_sent_after_it(app, backups):
    enrolment = enrol_one(app, channels=(SMS,))
    sms_of(app).lists = False
    sms_of(app).script(replace(LOST, takes=False))
    tick(app)
    backups.take(app)
    clock_of(app).advance(app.policy.reconcile_after * 2)
    run_jobs(app)
    run_jobs(app)
    assert message(app, enrolment, "going-home").state == "sent"

    anew = restored(app, backups)
    run_jobs(anew)
    # The provider does not list yet what it took a moment before the restore.
    assert message(anew, enrolment, "going-home").state == "unknown"
    sms_of(app).lists = True
    assert made_up_for(anew).settled

    assert message(anew, enrolment, "going-home").state == "sent"
    assert len(sms_of(anew).taken) == 1


def test_a_text_that_failed_meanwhile_asks_a_person_instead_of_sending_an_email(app, backups):
    enrolment = enrol_one(app, channels=(SMS, EMAIL))
    with_fallback = [one for one in messages(app, enrolment) if one.may_fall_back]
    assert with_fallback, "the test needs a step that falls back"
    backups.take(app)
    sms_of(app).for_recipient[MOBILE] = refuse("30008")
    run_until(app, ENROLLED_AT + 3 * DAY)
    emails = len(email_of(app).calls)

    anew = restored(app, backups)
    made_up_for(anew)
    resume_sending(anew)
    run_until(anew, ENROLLED_AT + 3 * DAY + timedelta(hours=1))

    assert emails > 0
    assert len(email_of(anew).calls) == emails
    assert_nothing_twice(anew)


def test_who_said_stop_after_the_backup_is_not_written_to(app, backups):
    enrol_one(app, channels=(SMS,))
    run_jobs(app)
    backups.take(app)
    sms_of(app).hears("STOP")

    anew = restored(app, backups)
    standing = made_up_for(anew)
    resume_sending(anew)
    run_until(anew, ALL_OVER)

    assert standing.texts_in == 1
    assert len(sms_of(anew).calls) == 1, "neither more advice, nor a second answer"
    with anew.store.read() as session:
        assert session.scalars(select(Objection.source)).all() == ["sms"]


def test_a_patient_enrolled_after_the_backup_can_be_enrolled_again(app, backups):
    backups.take(app)
    enrol_one(app, channels=(SMS,))
    run_until(app, ENROLLED_AT + timedelta(hours=1))
    assert len(sms_of(app).calls) >= 1

    anew = restored(app, backups)
    standing = made_up_for(anew)
    assert standing.strangers == len(sms_of(app).calls)
    enrolment = enrol_one(anew, channels=(SMS,))
    resume_sending(anew)
    run_until(anew, ENROLLED_AT + 3 * DAY)

    due = [one for one in messages(anew, enrolment) if one.due_at <= anew.clock.now()]
    assert len(sms_of(anew).taken) == len(due) > 1
    assert {one.state for one in due} == {"sent"}
    assert balance(anew).remainder == 0


def test_a_patient_moved_forward_after_the_backup_is_paused_for_a_person_to_look_at(app, backups):
    later = PROCEDURE_AT + 7 * DAY
    enrolment = enrol_one(app, channels=(SMS,), procedure_at=later)
    backups.take(app)
    reschedule(app, enrolment, PROCEDURE_AT, actor="cli:test")
    run_until(app, ENROLLED_AT + 3 * DAY)
    sent = len(sms_of(app).calls)
    assert sent > 0

    anew = restored(app, backups)
    standing = made_up_for(anew)
    resume_sending(anew)
    run_until(anew, later + 3 * DAY)

    assert standing.unaccounted == 1
    assert [item.kind for item in tasks(anew) if item.kind == "restored"] == ["restored"]
    assert len(sms_of(anew).calls) == sent
    assert made_up_for(anew).unaccounted == 1


def test_what_falls_due_later_is_never_in_doubt(app, backups):
    enrolment = enrol_one(app, channels=(EMAIL,))
    run_jobs(app)
    backups.take(app)

    anew = restored(app, backups)
    doubted = {one.state for one in messages(anew, enrolment)} - {"planned", "sent"}
    resume_sending(anew)
    run_until(anew, ENROLLED_AT + 3 * DAY)

    assert doubted == set()
    later = [one for one in messages(anew, enrolment) if one.due_at <= anew.clock.now()]
    assert len(later) > 1
    assert {one.state for one in later} == {"sent"}


def test_a_backup_in_place_lets_nothing_start_before_it_is_said_to_be_one(sqlite_app, tmp_path):
    url = sqlite_app.store.engine.url
    make_backup(Path(url.database), tmp_path / "backup", at=sqlite_app.clock.real_now())

    with closing(make_app(f"sqlite:///{tmp_path / 'backup'}")) as by_hand:
        with pytest.raises(ConfigurationError, match="followup after-restore"):
            require_no_pending_restore(by_hand.store)
        mark_restored(by_hand, taken_at=None, actor="cli:test")
        require_no_pending_restore(by_hand.store)


def test_when_the_backup_was_taken_is_never_believed_to_be_later_than_the_last_sign_of_life(app):
    alive = clock_of(app).real_now()
    activate_switch(app, SwitchScope.ALL, reason="a heartbeat", actor="cli:test")
    clock_of(app).advance(DAY)

    marked = mark_restored(app, taken_at=clock_of(app).real_now(), actor="cli:test")

    assert marked.taken_at == alive


def test_a_database_that_something_works_on_is_not_taken_for_restored(sqlite_app):
    def works(span):
        clock_of(sqlite_app).advance(span)
        watched(sqlite_app, "dispatch", lambda: 1)

    works(timedelta())

    with pytest.raises(Conflict, match="stop every worker"):
        require_stopped(sqlite_app, rest=works)
    require_stopped(sqlite_app, rest=clock_of(sqlite_app).advance)


def test_a_database_that_was_never_restored_has_nothing_to_make_up_for(sqlite_app):
    with pytest.raises(Conflict, match="never restored"):
        made_up_for(sqlite_app)


def test_a_message_of_nobody_is_put_in_doubt_like_any_other(sqlite_app):
    answer = a_message(sqlite_app)

    mark_restored(sqlite_app, taken_at=None, actor="cli:test")

    assert state_of(sqlite_app, answer) in {"planned", "unknown"}
    with sqlite_app.store.read() as session:
        assert session.scalars(select(Restore.restored_by)).all() == ["cli:test"]
