"""Moving, pausing, resuming and ending an enrolment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from uuid import uuid4

import pytest

from followup.context import AppContext
from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, NotFound
from followup.domain.protocols.protocol import Attribute, Predicate
from followup.enrolment.pause import pause_enrolment, resume_enrolment
from followup.enrolment.reschedule import preview_reschedule, reschedule
from followup.enrolment.withdraw import withdraw_enrolment
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import (
    EXECUTOR,
    actions,
    balance_is_even,
    clock_of,
    count_by_state,
    enrol_one,
    message,
    messages,
    rows,
    run_until,
    sms_of,
    states,
    sweep,
    tick,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROCEDURE_AT, SMS
from tests.support.scripted_channel import LOST, refuse

DAY = timedelta(days=1)
LATER = PROCEDURE_AT + DAY
"""Too soon after the enrolment for `before-injection`, and not for `before-fasting`."""
NOBODY = uuid4()


def latest(app: AppContext, enrolment_id) -> dict[tuple[str, int], Message]:
    found = messages(app, enrolment_id)
    generation = max(one.generation for one in found)
    return {(one.step, one.occurrence): one for one in found if one.generation == generation}


# ------------------------------------------------------------------------------ reschedule


def test_a_moved_procedure_is_planned_afresh_and_received_advice_is_not_repeated(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    soon = PROCEDURE_AT + timedelta(hours=1)

    changed = reschedule(app, enrolment_id, soon, actor="cli:test")

    now_planned = latest(app, enrolment_id)
    assert changed.received == {("going-home", 1)}
    assert ("going-home", 1) not in now_planned
    assert now_planned["dressing", 1].due_at == soon + DAY
    assert {one.state for one in now_planned.values()} == {"planned"}
    old = [one for one in messages(app, enrolment_id) if one.generation == 1]
    assert count_by_state(old) == {"sent": 1, "cancelled": 9}
    assert {one.reason for one in old if one.state == "cancelled"} == {"rescheduled"}
    balance_is_even(app)


def test_what_a_worker_holds_but_has_not_sent_is_planned_afresh_too(app: AppContext):
    enrolment_id = enrol_one(app)
    (batch,) = claim_due(app)

    reschedule(app, enrolment_id, PROCEDURE_AT - timedelta(hours=1), actor="cli:test")

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0
    tick(app)
    assert len(sms_of(app).taken) == 1


def test_what_failed_is_tried_again_by_the_new_timeline(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    sms_of(app).script(refuse("30008"))
    tick(app)

    changed = reschedule(app, enrolment_id, PROCEDURE_AT - timedelta(hours=1), actor="cli:test")

    assert changed.received == frozenset()
    assert latest(app, enrolment_id)["going-home", 1].state == "planned"


def test_what_the_provider_may_have_is_not_repeated(app: AppContext):
    enrolment_id = enrol_one(app)
    sms_of(app).script(LOST)
    tick(app)

    changed = reschedule(app, enrolment_id, PROCEDURE_AT, actor="cli:test")

    assert changed.received == {("going-home", 1)}


def test_a_second_move_counts_on(app: AppContext):
    enrolment_id = enrol_one(app)
    reschedule(app, enrolment_id, LATER, actor="cli:test")
    reschedule(app, enrolment_id, PROCEDURE_AT, actor="cli:test")

    (enrolment,) = rows(app, Enrolment)
    assert (enrolment.generation, enrolment.procedure_at) == (3, PROCEDURE_AT)
    assert sorted(one.number for one in rows(app, Generation)) == [1, 2, 3]
    balance_is_even(app)


def test_a_move_is_told_in_the_trail_with_both_times(app: AppContext):
    reschedule(app, enrol_one(app), LATER, actor="web:nurse")

    event = next(one for one in rows(app, AuditEvent) if one.action == "enrolment.rescheduled")
    assert event.actor == "web:nurse"
    assert event.detail["from"] == PROCEDURE_AT.isoformat()
    assert event.detail["to"] == LATER.isoformat()


def test_a_paused_enrolment_that_is_moved_stays_paused(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")

    reschedule(app, enrolment_id, LATER, actor="cli:test")

    planned = latest(app, enrolment_id)
    assert planned.pop(("before-injection", 1)).state == "expired"
    assert {one.state for one in planned.values()} == {"held"}


def test_a_preview_shows_the_same_and_changes_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    before = [(one.id, one.state) for one in messages(app)]

    foreseen = preview_reschedule(app, enrolment_id, LATER)

    assert [(one.id, one.state) for one in messages(app)] == before
    assert reschedule(app, enrolment_id, LATER, actor="cli:test") == foreseen


def test_a_move_onto_another_enrolment_of_the_patient_is_refused(app: AppContext):
    first = enrol_one(app)
    second = enrol_one(app, reference="2", procedure_at=LATER)

    with pytest.raises(AlreadyEnrolled) as refused:
        reschedule(app, second, PROCEDURE_AT, actor="cli:test")

    assert refused.value.enrolment_id == first
    assert count_by_state(latest(app, second).values()) == {"planned": 11, "expired": 1}


def test_two_that_move_to_one_time_at_once_do_not_both_get_there(app: AppContext):
    ids = [enrol_one(app, reference=f"R{n}", procedure_at=PROCEDURE_AT + n * DAY) for n in range(2)]
    both = Barrier(2)

    def move(enrolment_id):
        both.wait()
        try:
            reschedule(app, enrolment_id, PROCEDURE_AT + 3 * DAY, actor="cli:test")
        except AlreadyEnrolled:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(move, ids)) == [False, True]


@pytest.mark.parametrize(
    "at",
    [PROCEDURE_AT.replace(tzinfo=None), PROCEDURE_AT + 120 * DAY, PROCEDURE_AT - 60 * DAY],
    ids=["naive", "too far ahead", "too long ago"],
)
def test_a_time_that_enrolment_would_refuse_is_refused(sqlite_app: AppContext, at):
    with pytest.raises(InvalidInput):
        reschedule(sqlite_app, enrol_one(sqlite_app), at, actor="cli:test")


def test_an_ended_enrolment_is_not_moved_paused_or_resumed(sqlite_app: AppContext):
    app = sqlite_app
    enrolment_id = enrol_one(app)
    withdraw_enrolment(app, enrolment_id, reason="moved away", actor="cli:test")

    for change in (
        lambda: reschedule(app, enrolment_id, LATER, actor="cli:test"),
        lambda: pause_enrolment(app, enrolment_id, actor="cli:test"),
        lambda: resume_enrolment(app, enrolment_id, actor="cli:test"),
    ):
        with pytest.raises(Conflict, match="was withdrawn; enrol the patient anew"):
            change()


def test_what_is_not_there_can_not_be_changed(sqlite_app: AppContext):
    app = sqlite_app
    for change in (
        lambda: reschedule(app, NOBODY, LATER, actor="cli:test"),
        lambda: preview_reschedule(app, NOBODY, LATER),
        lambda: pause_enrolment(app, NOBODY, actor="cli:test"),
        lambda: resume_enrolment(app, NOBODY, actor="cli:test"),
        lambda: withdraw_enrolment(app, NOBODY, reason="x", actor="cli:test"),
    ):
        with pytest.raises(NotFound, match=f"no enrolment {NOBODY}"):
            change()


def test_a_clinic_or_protocol_that_is_gone_is_asked_back(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    catalogue = sqlite_app.catalogue
    without_clinic = replace(sqlite_app, catalogue=replace(catalogue, clinics={}))
    without_protocol = replace(sqlite_app, catalogue=replace(catalogue, protocols={}))

    with pytest.raises(Conflict, match="clinic derriford-pain is no longer configured"):
        reschedule(without_clinic, enrolment_id, LATER, actor="cli:test")
    with pytest.raises(Conflict, match="protocol nerve-root-block is no longer configured"):
        reschedule(without_protocol, enrolment_id, LATER, actor="cli:test")


def with_new_question(app: AppContext) -> AppContext:
    protocol = app.catalogue.protocols["nerve-root-block"]
    first, *others = protocol.steps
    asking = replace(
        protocol,
        attributes=(
            *protocol.attributes,
            Attribute("sedated", "Was the patient sedated?", "sedated"),
        ),
        steps=(replace(first, audience=(Predicate("sedated", equals=True),)), *others),
    )
    return replace(app, catalogue=replace(app.catalogue, protocols={protocol.key: asking}))


def test_a_protocol_that_now_asks_for_more_does_not_guess_the_answer(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)

    with pytest.raises(Conflict, match=r"asks for more .*attributes\.sedated"):
        reschedule(with_new_question(sqlite_app), enrolment_id, LATER, actor="cli:test")


def test_a_protocol_that_now_asks_for_less_is_followed(sqlite_app: AppContext):
    app = sqlite_app
    enrolment_id = enrol_one(app, diabetic=True)
    protocol = app.catalogue.protocols["nerve-root-block"]
    less = replace(protocol, steps=tuple(one for one in protocol.steps if not one.audience))
    app = replace(app, catalogue=replace(app.catalogue, protocols={protocol.key: less}))

    reschedule(app, enrolment_id, LATER, actor="cli:test")

    assert ("sugar", 1) not in latest(app, enrolment_id)


# -------------------------------------------------------------------------- pause_enrolment, resume


def test_a_paused_enrolment_holds_what_is_unsent_and_resumes_it(app: AppContext):
    enrolment_id = enrol_one(app)

    assert pause_enrolment(app, enrolment_id, actor="cli:test") == 10
    assert pause_enrolment(app, enrolment_id, actor="cli:test") == 0
    assert {one.reason for one in messages(app)} == {"paused"}
    tick(app)
    assert sms_of(app).calls == []

    assert resume_enrolment(app, enrolment_id, actor="cli:test") == 10
    assert resume_enrolment(app, enrolment_id, actor="cli:test") == 0
    tick(app)
    assert states(app, enrolment_id)["going-home", 1] == "sent"


def test_what_is_claimed_is_held_too_and_its_worker_leaves_it_alone(app: AppContext):
    enrolment_id = enrol_one(app)
    (batch,) = claim_due(app)

    pause_enrolment(app, enrolment_id, actor="cli:test")

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0
    assert states(app, enrolment_id)["going-home", 1] == "held"


def test_after_a_long_pause_only_what_is_still_useful_goes(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    run_until(app, ENROLLED_AT + 6 * DAY)

    resume_enrolment(app, enrolment_id, actor="cli:test")
    run_until(app, ENROLLED_AT + 6 * DAY + timedelta(hours=1))

    found = states(app, enrolment_id)
    assert found["going-home", 1] == found["dressing", 1] == found["flare", 2] == "expired"
    assert found["flare-over", 1] == "planned"
    assert sms_of(app).calls == []
    balance_is_even(app)


def test_what_comes_free_at_night_waits_for_the_morning(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    clock_of(app).advance_to(ENROLLED_AT + timedelta(hours=7))

    resume_enrolment(app, enrolment_id, actor="cli:test")
    run_until(app, ENROLLED_AT + timedelta(hours=10))
    assert sms_of(app).calls == []

    # 08:00 in Plymouth is past the end of the window of going-home, twelve hours after T.
    run_until(app, ENROLLED_AT + timedelta(hours=18))
    assert message(app, enrolment_id, "going-home").state == "expired"


def test_a_resume_leaves_what_is_over_to_the_sweep(app: AppContext):
    enrolment_id = enrol_one(app)
    pause_enrolment(app, enrolment_id, actor="cli:test")
    clock_of(app).advance_to(PROCEDURE_AT + 3 * DAY)

    assert resume_enrolment(app, enrolment_id, actor="cli:test") == 7

    assert message(app, enrolment_id, "dressing").state == "held"
    sweep(app, "expire")
    assert message(app, enrolment_id, "dressing").state == "expired"


# ------------------------------------------------------------------------------- withdraw


def test_a_withdrawal_cancels_what_is_unsent_and_keeps_what_was_sent(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)

    assert withdraw_enrolment(app, enrolment_id, reason="asked to", actor="cli:test") == 9

    assert count_by_state(messages(app)) == {"sent": 1, "cancelled": 9}
    (enrolment,) = rows(app, Enrolment)
    assert (enrolment.state, enrolment.ended_at) == ("withdrawn", app.clock.now())
    assert actions(app).count("enrolment.withdrawn") == 1
    balance_is_even(app)


def test_a_second_withdrawal_changes_nothing(app: AppContext):
    enrolment_id = enrol_one(app)
    withdraw_enrolment(app, enrolment_id, reason="asked to", actor="cli:test")
    before = len(rows(app, AuditEvent))

    assert withdraw_enrolment(app, enrolment_id, reason="again", actor="cli:test") == 0
    assert len(rows(app, AuditEvent)) == before


def test_held_and_claimed_messages_are_cancelled_too(app: AppContext):
    one, other = enrol_one(app, 1), enrol_one(app, 2)
    pause_enrolment(app, one, actor="cli:test")
    (batch,) = claim_due(app)

    for enrolment_id in (one, other):
        assert withdraw_enrolment(app, enrolment_id, reason="asked to", actor="cli:test") == 10

    assert send_batch(app, batch.token, batch.message_ids, executor=EXECUTOR) == 0


def test_a_death_ends_every_enrolment_of_the_patient(app: AppContext):
    first = enrol_one(app, 1)
    second = enrol_one(app, 1, reference="2", procedure_at=LATER)
    somebody_else = enrol_one(app, 2)

    assert withdraw_enrolment(app, first, reason="died", actor="cli:test", deceased=True) == 12

    theirs = messages(app, second)
    assert count_by_state(theirs) == {"cancelled": 11, "expired": 1}
    assert set(states(app, somebody_else).values()) == {"planned"}
    assert {one.reason for one in theirs} == {"patient-died", "already-past"}
    patient = next(one for one in rows(app, Patient) if one.deceased_at)
    assert patient.deceased_at == app.clock.now()


def test_a_death_is_recorded_after_a_withdrawal_too(app: AppContext):
    enrolment_id = enrol_one(app)
    withdraw_enrolment(app, enrolment_id, reason="asked to", actor="cli:test")

    withdraw_enrolment(app, enrolment_id, reason="died", actor="cli:test", deceased=True)

    (patient,) = rows(app, Patient)
    assert patient.deceased_at is not None


@pytest.mark.parametrize(
    ("reason", "words"), [("  ", "say why"), ("x" * 201, "at most 200")], ids=["none", "too long"]
)
def test_a_withdrawal_needs_a_reason_of_sensible_length(sqlite_app: AppContext, reason, words):
    with pytest.raises(InvalidInput, match=words):
        withdraw_enrolment(sqlite_app, enrol_one(sqlite_app), reason=reason, actor="cli:test")


def test_a_patient_on_email_alone_who_is_moved_stays_on_email(app: AppContext):
    enrolment_id = enrol_one(app, channels=(EMAIL,))

    reschedule(app, enrolment_id, LATER, actor="cli:test")

    assert {one.channel for one in latest(app, enrolment_id).values()} == {"email"}
