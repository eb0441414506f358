"""An enrolment finishes once nothing of it is to come, and what comes later still finds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import event, select, text, update

from followup.consent.objections import lodge_objection
from followup.context import AppContext, UnitOfWork
from followup.delivery.receipts import take_receipt
from followup.domain.errors import AlreadyEnrolled, Conflict
from followup.domain.lifecycle import ONGOING_STATES, EnrolmentState
from followup.enrolment.finish import LOOK_AGAIN, finish_enrolments
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.reschedule import plan_again, preview_reschedule, reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.jobs import JOBS
from followup.providers.interface import ReportedStatus
from followup.replies.check_in import CHANGE_OF_MIND
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Objection, Patient
from followup.store.schema.current import migrate
from tests.replies.test_check_in import asking, without_receipts
from tests.replies.test_inbound import take as take_text
from tests.support.apps import (
    a_message,
    actions,
    balance_is_even,
    clock_of,
    enrol_many,
    enrol_one,
    make_app,
    message,
    messages,
    rows,
    run_jobs,
    run_until,
    sms_of,
    states,
    sweep,
    tasks,
    tick,
)
from tests.support.people import ENROLLED_AT, PROCEDURE_AT, SMS

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ALL_OVER = PROCEDURE_AT + 60 * DAY
NAME = "finish-enrolments"
FINISHED, ACTIVE = EnrolmentState.FINISHED, EnrolmentState.ACTIVE


def enrolment_of(app: AppContext, enrolment_id: UUID) -> Enrolment:
    with app.store.read() as session:
        return session.get_one(Enrolment, enrolment_id)


def state_of(app: AppContext, enrolment_id: UUID) -> str:
    return enrolment_of(app, enrolment_id).state


def last_window(app: AppContext, enrolment_id: UUID) -> datetime:
    return max(one.not_after for one in messages(app, enrolment_id))


def told(app: AppContext, action: str) -> list[AuditEvent]:
    return [one for one in rows(app, AuditEvent) if one.action == action]


def finished(app: AppContext, serial: int = 1, **changes: object) -> UUID:
    """Return an enrolment that has finished, months after its procedure."""
    enrolment_id = enrol_one(app, serial, **changes)
    tick(app)
    let_pass(app, ALL_OVER)
    assert state_of(app, enrolment_id) == FINISHED
    return enrolment_id


def let_pass(app: AppContext, moment: datetime) -> None:
    """Let all time up to then pass at once: what is not sent by then is too late."""
    clock_of(app).advance_to(moment)
    run_jobs(app)


def set_all(app: AppContext, model: type[Message | Enrolment], **values: object) -> None:
    with app.store.write() as session:
        session.execute(update(model).values(**values))


# ------------------------------------------------------------------------- when it finishes


def test_it_finishes_when_its_last_window_is_over_and_the_trail_says_so(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    set_all(app, Message, state="delivered")
    ends = last_window(app, enrolment_id)

    clock_of(app).advance_to(ends - SECOND)
    sweep(app, NAME)
    before = state_of(app, enrolment_id)
    clock_of(app).advance_to(ends)
    sweep(app, NAME)

    enrolment = enrolment_of(app, enrolment_id)
    assert before == ACTIVE
    assert (enrolment.state, enrolment.ended_at, enrolment.finish_due_at) == (FINISHED, ends, None)
    (one,) = told(app, "enrolment.finished")
    assert (one.actor, one.enrolment_id, one.patient_id, one.clinic, one.at, one.detail) == (
        "sweeper",
        enrolment_id,
        enrolment.patient_id,
        enrolment.clinic,
        ends,
        {"from": "active"},
    )


def test_six_weeks_of_messages_end_with_a_finished_enrolment_and_an_even_balance(app: AppContext):
    enrolment_id = enrol_one(app, diabetic=True)

    run_until(app, ALL_OVER)

    assert state_of(app, enrolment_id) == FINISHED
    assert set(states(app, enrolment_id).values()) == {"sent"}
    assert actions(app).count("enrolment.finished") == 1
    balance_is_even(app)


@pytest.mark.parametrize(
    ("state", "columns"),
    [
        ("planned", {}),
        ("held", {}),
        ("claimed", {"lease_until": ALL_OVER + DAY}),
        ("sending", {"lease_until": ALL_OVER + DAY}),
        ("unknown", {"lease_until": ALL_OVER + DAY}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_it_waits_for_what_another_sweep_has_still_to_settle(app: AppContext, state, columns):
    enrolment_id = enrol_one(app)
    set_all(app, Message, state=state, **columns)
    clock_of(app).advance_to(ALL_OVER)

    assert sweep(app, NAME) == 1

    enrolment = enrolment_of(app, enrolment_id)
    assert (enrolment.state, enrolment.finish_due_at) == (ACTIVE, ALL_OVER + LOOK_AGAIN)
    set_all(app, Message, state="expired")
    clock_of(app).advance(LOOK_AGAIN)
    sweep(app, NAME)
    assert state_of(app, enrolment_id) == FINISHED


@pytest.mark.parametrize("state", ["delivered", "failed", "expired", "suppressed", "cancelled"])
def test_it_finishes_with_messages_that_are_final(app: AppContext, state):
    enrolment_id = enrol_one(app)
    set_all(app, Message, state=state)
    clock_of(app).advance_to(ALL_OVER)

    sweep(app, NAME)

    assert state_of(app, enrolment_id) == FINISHED


def test_it_waits_for_a_receipt_until_a_person_was_asked(app: AppContext):
    enrolment_id = enrol_one(app)
    due = ALL_OVER + DAY
    set_all(app, Message, state="sent", receipt_due_at=due)
    clock_of(app).advance_to(ALL_OVER)

    sweep(app, NAME)
    assert enrolment_of(app, enrolment_id).finish_due_at == due

    clock_of(app).advance_to(due)
    sweep(app, NAME)
    assert state_of(app, enrolment_id) == ACTIVE
    # As after the sweep that asks a person: it stays sent, and nobody waits for more.
    set_all(app, Message, receipt_due_at=None)
    clock_of(app).advance(LOOK_AGAIN)
    sweep(app, NAME)
    assert state_of(app, enrolment_id) == FINISHED


def test_what_no_provider_can_tell_is_with_a_person_and_does_not_keep_it_open(app: AppContext):
    enrolment_id = enrol_one(app)
    set_all(app, Message, state="unknown", lease_until=None)
    clock_of(app).advance_to(ALL_OVER)

    sweep(app, NAME)

    assert state_of(app, enrolment_id) == FINISHED


def test_it_waits_until_the_time_for_an_answer_is_over(migrated_url):
    with closing(make_app(migrated_url, catalogue=asking(within="1440h"))) as app:
        enrolment_id = enrol_one(without_receipts(app))
        run_until(app, ENROLLED_AT + 59 * DAY)
        (question,) = [one for one in messages(app) if one.answer_due_at]
        assert enrolment_of(app, enrolment_id).finish_due_at == question.answer_due_at

        let_pass(app, question.answer_due_at - SECOND)
        before = state_of(app, enrolment_id)
        clock_of(app).advance_to(question.answer_due_at)
        sweep(app, "chase-answers")
        sweep(app, NAME)

        assert before == ACTIVE
        assert [item.kind for item in tasks(app)] == ["no-answer"]
        assert state_of(app, enrolment_id) == FINISHED


def test_one_that_is_paused_finishes_too_for_to_resume_it_would_send_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")

    let_pass(app, ALL_OVER)

    assert set(states(app, enrolment_id).values()) == {"expired"}
    assert state_of(app, enrolment_id) == FINISHED
    assert told(app, "enrolment.finished")[0].detail == {"from": "paused"}


def test_a_paused_one_with_a_window_open_stays_paused(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")

    let_pass(app, ENROLLED_AT + 7 * DAY)

    assert state_of(app, enrolment_id) == EnrolmentState.PAUSED


@pytest.mark.parametrize("deceased", [False, True], ids=["withdrawn", "died"])
def test_one_that_was_ended_stays_ended(app: AppContext, deceased):
    enrolment_id = enrol_one(app)
    withdraw_enrolment(app, enrolment_id, reason="asked", actor="cli:test", deceased=deceased)

    let_pass(app, ALL_OVER)

    enrolment = enrolment_of(app, enrolment_id)
    assert (enrolment.state, enrolment.finish_due_at) == (EnrolmentState.WITHDRAWN, None)
    assert told(app, "enrolment.finished") == []


def test_one_that_was_ended_is_not_looked_at_for_ever(app: AppContext):
    enrolment_id = enrol_one(app)
    set_all(app, Enrolment, state="withdrawn")
    clock_of(app).advance_to(ALL_OVER)

    sweep(app, NAME)

    enrolment = enrolment_of(app, enrolment_id)
    assert (enrolment.state, enrolment.finish_due_at) == (EnrolmentState.WITHDRAWN, None)


def test_one_without_messages_waits_for_its_procedure(app: AppContext):
    at = PROCEDURE_AT + 5 * DAY
    enrolment_id = enrol_one(app, procedure_at=at)
    with app.store.write() as session:
        session.execute(text("DELETE FROM messages"))
        session.execute(update(Enrolment).values(finish_due_at=ENROLLED_AT))

    sweep(app, NAME)
    assert enrolment_of(app, enrolment_id).finish_due_at == at

    clock_of(app).advance_to(at)
    sweep(app, NAME)
    assert state_of(app, enrolment_id) == FINISHED


def test_a_wish_to_stop_does_not_end_it_before_its_windows_do(app: AppContext):
    """Until then START plans again what STOP cancelled."""
    enrolment_id = enrol_one(app)
    tick(app)
    take_text(app, "STOP")

    let_pass(app, ENROLLED_AT + 10 * DAY)
    assert state_of(app, enrolment_id) == ACTIVE
    take_text(app, "START")
    assert "planned" in states(app, enrolment_id).values()

    let_pass(app, ALL_OVER)
    assert state_of(app, enrolment_id) == FINISHED


def test_the_windows_of_a_timeline_that_was_replaced_count_no_more(app: AppContext):
    enrolment_id = enrol_one(app, procedure_at=PROCEDURE_AT + 7 * DAY)
    before = last_window(app, enrolment_id)
    reschedule(app, enrolment_id, PROCEDURE_AT, actor="cli:test")
    now_last = max(one.not_after for one in messages(app, enrolment_id) if one.generation == 2)
    assert now_last < before

    let_pass(app, now_last + DAY)

    assert state_of(app, enrolment_id) == FINISHED


def test_a_window_of_an_earlier_timeline_counts_if_its_message_went(app: AppContext):
    """It may yet fail, and go by the other channel."""
    enrolment_id = enrol_one(app)
    clock_of(app).advance_to(ALL_OVER)
    with app.store.write() as session:
        session.execute(update(Message).values(state="sent", receipt_due_at=None))
        session.execute(update(Message).values(not_after=ALL_OVER + DAY))
        session.execute(update(Enrolment).values(generation=2))

    sweep(app, NAME)

    assert enrolment_of(app, enrolment_id).finish_due_at == ALL_OVER + DAY


# --------------------------------------------------------------------- what comes afterwards


def test_a_late_receipt_settles_its_message_and_the_enrolment_stays_finished(app: AppContext):
    enrolment_id = finished(app)
    first = message(app, enrolment_id, "going-home")
    provider_id = next(iter(sms_of(app).taken))

    take_receipt(
        app, sms_of(app).reaches(provider_id, ReportedStatus.DELIVERED), provider="scripted"
    )

    assert [one.state for one in messages(app) if one.id == first.id] == ["delivered"]
    assert state_of(app, enrolment_id) == FINISHED
    balance_is_even(app)


def test_a_late_failure_goes_to_a_person_and_sends_nothing_more(app: AppContext):
    enrolment_id = finished(app)
    known = {item.id for item in tasks(app)}
    calls = len(sms_of(app).calls)
    provider_id = next(iter(sms_of(app).taken))

    take_receipt(
        app,
        sms_of(app).reaches(provider_id, ReportedStatus.FAILED, code="30003"),
        provider="scripted",
    )
    run_jobs(app)

    assert [item.kind for item in tasks(app) if item.id not in known] == ["failed"]
    assert len(sms_of(app).calls) == calls
    assert state_of(app, enrolment_id) == FINISHED
    balance_is_even(app)


def test_a_reply_after_the_end_is_triaged_and_finds_its_enrolment(app: AppContext):
    enrolment_id = finished(app)

    answer = take_text(app, "My leg is numb")
    run_jobs(app)

    (item,) = [one for one in tasks(app) if one.kind == "reply"]
    assert answer == "reply-red-flag"
    assert (item.enrolment_id, item.urgency) == (enrolment_id, 1)
    assert message_to(app, "reply-red-flag").state == "sent"
    assert state_of(app, enrolment_id) == FINISHED


def message_to(app: AppContext, step: str) -> Message:
    (found,) = [one for one in messages(app) if one.step == step]
    return found


def test_a_stop_after_the_end_holds_for_whatever_comes_later(app: AppContext):
    finished(app)

    assert take_text(app, "STOP") == "reply-stopped"

    assert [one.channel for one in rows(app, Objection)] == [None]
    again = enrol_one(app, reference="NEW", procedure_at=ALL_OVER)
    tick(app)
    assert set(states(app, again).values()) == {"cancelled"}


def test_a_start_after_the_end_plans_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    take_text(app, "STOP")
    let_pass(app, ALL_OVER)
    before = len(messages(app, enrolment_id))

    take_text(app, "START")

    assert len(messages(app, enrolment_id)) == before
    assert state_of(app, enrolment_id) == FINISHED


def test_an_answer_to_our_question_is_kept_after_the_end(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url, catalogue=asking())) as app:
        enrolment_id = enrol_one(without_receipts(app))
        run_until(app, ENROLLED_AT + 8 * DAY)
        set_all(app, Enrolment, state="finished", finish_due_at=None)

        assert take_text(app, "2") == "reply-calling"

        (item,) = tasks(app)
        assert (item.kind, item.enrolment_id) == ("call-wanted", enrolment_id)
        assert CHANGE_OF_MIND > HOUR


def test_a_reply_is_about_the_enrolment_that_goes_on(app: AppContext):
    earlier = enrol_one(app, reference="A", procedure_at=PROCEDURE_AT)
    later = enrol_one(app, reference="B", procedure_at=PROCEDURE_AT + DAY)
    with app.store.write() as session:
        session.execute(update(Enrolment).where(Enrolment.id == later).values(state="finished"))

    take_text(app, "It itches a bit")

    (item,) = tasks(app)
    assert item.enrolment_id == earlier


@pytest.mark.parametrize("ended", ["withdrawn", "finished"])
def test_a_reply_is_about_one_that_finished_rather_than_one_that_was_withdrawn(
    app: AppContext, ended
):
    one = enrol_one(app, reference="A", procedure_at=PROCEDURE_AT)
    other = enrol_one(app, reference="B", procedure_at=PROCEDURE_AT + DAY)
    states_then = {one: "finished", other: ended}
    with app.store.write() as session:
        for id_, state in states_then.items():
            session.execute(update(Enrolment).where(Enrolment.id == id_).values(state=state))

    take_text(app, "It itches a bit")

    (item,) = tasks(app)
    assert item.enrolment_id == (one if ended == "withdrawn" else other)


# ------------------------------------------------------------------------ what staff do then


@pytest.mark.parametrize("change", [pause_enrolment, resume_enrolment])
def test_there_is_nothing_to_pause_or_resume(app: AppContext, change):
    enrolment_id = finished(app)

    with pytest.raises(Conflict, match="has finished: no message is left"):
        change(app, enrolment_id, actor="cli:test")

    assert state_of(app, enrolment_id) == FINISHED


def test_a_moved_procedure_with_messages_to_come_makes_it_active_again(app: AppContext):
    enrolment_id = finished(app)
    at = app.clock.now() + DAY

    changed = reschedule(app, enrolment_id, at, actor="web:nurse")

    enrolment = enrolment_of(app, enrolment_id)
    assert changed.to_come > 0
    assert (enrolment.state, enrolment.ended_at) == (ACTIVE, None)
    assert enrolment.finish_due_at == max(one.not_after for one in changed.timeline)
    (one,) = told(app, "enrolment.reopened")
    assert (one.actor, one.detail) == ("web:nurse", {"to_come": changed.to_come})
    run_until(app, at + 2 * DAY)
    assert "sent" in states(app, enrolment_id).values()
    let_pass(app, at + 60 * DAY)
    assert state_of(app, enrolment_id) == FINISHED
    assert actions(app).count("enrolment.finished") == 2
    balance_is_even(app)


def test_a_moved_procedure_with_nothing_to_come_leaves_it_finished(app: AppContext):
    enrolment_id = enrol_one(app)
    set_all(app, Enrolment, state="finished", finish_due_at=None)
    clock_of(app).advance_to(PROCEDURE_AT + 42 * DAY)
    set_all(app, Message, state="delivered")

    changed = reschedule(app, enrolment_id, PROCEDURE_AT + HOUR, actor="cli:test")

    enrolment = enrolment_of(app, enrolment_id)
    assert changed.to_come == 0
    assert (enrolment.state, enrolment.finish_due_at) == (FINISHED, None)
    assert enrolment.procedure_at == PROCEDURE_AT + HOUR
    assert told(app, "enrolment.reopened") == []


def test_a_preview_of_a_move_reopens_nothing(app: AppContext):
    enrolment_id = finished(app)

    assert preview_reschedule(app, enrolment_id, app.clock.now() + DAY).to_come > 0

    assert state_of(app, enrolment_id) == FINISHED


def test_a_new_procedure_is_a_new_enrolment_and_the_old_one_stays_finished(app: AppContext):
    old = finished(app)

    new = enrol_one(app, reference="NEW", procedure_at=app.clock.now())

    assert (state_of(app, old), state_of(app, new)) == (FINISHED, ACTIVE)
    with pytest.raises(AlreadyEnrolled):
        reschedule(app, old, enrolment_of(app, new).procedure_at, actor="cli:test")


def test_one_that_has_finished_can_be_withdrawn(app: AppContext):
    enrolment_id = finished(app)

    assert withdraw_enrolment(app, enrolment_id, reason="a mistake", actor="cli:test") == 0

    assert state_of(app, enrolment_id) == EnrolmentState.WITHDRAWN


def test_a_death_ends_what_goes_on_and_leaves_what_had_finished(app: AppContext):
    old = finished(app)
    new = enrol_one(app, reference="NEW", procedure_at=app.clock.now())

    withdraw_enrolment(app, new, reason="told by the GP", actor="cli:test", deceased=True)

    assert (state_of(app, old), state_of(app, new)) == (FINISHED, EnrolmentState.WITHDRAWN)


def test_a_death_can_be_recorded_where_all_has_finished(app: AppContext):
    enrolment_id = finished(app)

    withdraw_enrolment(app, enrolment_id, reason="told by the GP", actor="cli:test", deceased=True)

    (patient,) = rows(app, Patient)
    assert patient.deceased_at == app.clock.now()
    assert state_of(app, enrolment_id) == EnrolmentState.WITHDRAWN
    assert take_text(app, "Who is this?") is None


def test_a_lifted_objection_plans_nothing_of_a_finished_enrolment(app: AppContext):
    enrolment_id = finished(app)
    with app.store.write() as session:
        patient = session.scalars(select(Patient)).one()
        lodge_objection(
            session,
            app.by("cli:test"),
            patient=patient,
            channel=None,
            source="staff",
        )

    with app.store.write() as session:
        assert plan_again(UnitOfWork(session, app, app.by("cli:test")), patient_id=patient.id) == 0

    assert state_of(app, enrolment_id) == FINISHED


# --------------------------------------------------------------------- many, twice, at once


def test_it_is_done_in_batches_and_only_once(app: AppContext):
    enrol_many(app, 5)
    set_all(app, Message, state="expired")
    clock_of(app).advance_to(ALL_OVER)

    assert [finish_enrolments(app, limit=2) for _ in range(4)] == [2, 2, 1, 0]

    assert {one.state for one in rows(app, Enrolment)} == {FINISHED}
    assert actions(app).count("enrolment.finished") == 5


def test_one_that_cannot_finish_does_not_keep_others_from_it(app: AppContext):
    first, *others = enrol_many(app, 3)
    set_all(app, Message, state="expired")
    a_message(app, enrolment_id=first, kind="advice")
    with app.store.write() as session:
        session.execute(
            update(Enrolment).where(Enrolment.id == first).values(finish_due_at=ENROLLED_AT)
        )
    clock_of(app).advance_to(ALL_OVER)

    assert [finish_enrolments(app, limit=1) for _ in range(4)] == [1, 1, 1, 0]

    assert state_of(app, first) == ACTIVE
    assert {state_of(app, one) for one in others} == {FINISHED}


def test_what_is_not_due_is_not_looked_at(app: AppContext):
    enrol_many(app, 3)

    assert finish_enrolments(app) == 0


def test_four_sweeps_at_once_finish_each_once(migrated_url):
    with closing(make_app(migrated_url)) as app:
        enrol_many(app, 12)
        set_all(app, Message, state="expired")
        clock_of(app).advance_to(ALL_OVER)
        together = Barrier(4)

        def run(_: int) -> None:
            together.wait()
            while finish_enrolments(app, limit=3):
                pass

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(run, range(4)))
        sweep(app, NAME)

        assert {one.state for one in rows(app, Enrolment)} == {FINISHED}
        assert actions(app).count("enrolment.finished") == 12


def test_one_that_is_moved_at_the_same_moment_ends_up_active_with_its_messages(migrated_url):
    with closing(make_app(migrated_url)) as app:
        enrolment_id = enrol_one(app)
        set_all(app, Message, state="expired")
        clock_of(app).advance_to(ALL_OVER)
        together = Barrier(2)

        def act(number: int) -> None:
            together.wait()
            if number:
                finish_enrolments(app)
            else:
                reschedule(app, enrolment_id, ALL_OVER + DAY, actor="cli:test")

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(act, range(2)))

        enrolment = enrolment_of(app, enrolment_id)
        assert enrolment.state == ACTIVE
        assert enrolment.finish_due_at is not None
        assert enrolment.finish_due_at > ALL_OVER
        assert "planned" in states(app, enrolment_id).values()


def statements_of(app: AppContext, run: object) -> list[tuple[str, object]]:
    """Return the statements, with parameters, that a call makes."""
    seen: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, *_):
        seen.append((statement, parameters))

    event.listen(app.store.engine, "before_cursor_execute", note)
    try:
        run()  # type: ignore[operator]
    finally:
        event.remove(app.store.engine, "before_cursor_execute", note)
    return seen


def test_a_run_with_nothing_due_asks_one_question_of_one_index(app: AppContext):
    """What it costs depends on what is due, however many enrolments and messages there are."""
    enrol_many(app, 3)
    [(statement, parameters)] = [
        one for one in statements_of(app, lambda: finish_enrolments(app)) if "SELECT" in one[0]
    ]

    with app.store.engine.connect() as connection:
        if app.store.is_sqlite:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        else:
            # A table of three rows is read whole otherwise.
            connection.exec_driver_sql("SET enable_seqscan = off")
            connection.exec_driver_sql("SET enable_bitmapscan = off")
            plan = connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        told_plan = " ".join(str(row) for row in plan)

    assert "ix_enrolments_finish_due_at" in told_plan
    assert "SCAN enrolments" not in told_plan
    assert "Sort" not in told_plan
    assert "TEMP B-TREE" not in told_plan


def test_a_batch_takes_as_many_statements_as_one(app: AppContext):
    enrol_many(app, 6)
    set_all(app, Message, state="expired")
    clock_of(app).advance_to(ALL_OVER)

    one = statements_of(app, lambda: finish_enrolments(app, limit=1))
    five = statements_of(app, lambda: finish_enrolments(app, limit=5))

    assert len(one) == len(five)


def test_enrolments_of_an_earlier_version_finish_too(database_url):
    with closing(make_app(database_url)) as app:
        over, going_on = enrol_one(app, 1), enrol_one(app, 2, procedure_at=PROCEDURE_AT + 5 * DAY)
        withdrawn = enrol_one(app, 3)
        withdraw_enrolment(app, withdrawn, reason="asked", actor="cli:test")
        migrate(app.store.engine, to="0001")

        migrate(app.store.engine)

        assert enrolment_of(app, over).finish_due_at == PROCEDURE_AT
        assert enrolment_of(app, withdrawn).finish_due_at is None
        set_all(app, Message, state="expired")
        clock_of(app).advance_to(last_window(app, over))
        sweep(app, NAME)
        assert state_of(app, over) == FINISHED
        assert state_of(app, going_on) == ACTIVE
        assert enrolment_of(app, going_on).finish_due_at == last_window(app, going_on)


def test_every_state_is_either_ongoing_or_an_end():
    assert set(ONGOING_STATES) == {EnrolmentState.ACTIVE, EnrolmentState.PAUSED}
    assert NAME in {job.name for job in JOBS}
