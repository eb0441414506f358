"""Moving a procedure: what was sent before is given again or not, corrected, or asked about."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.domain.lifecycle import State
from followup.domain.protocols.repetition import (
    SLIGHT_MOVE,
    Repetition,
    RepetitionChoice,
    SentBefore,
    given_before,
    judge_sent,
    key_text,
    parse_keys,
    wrong_now,
)
from followup.domain.protocols.timeline import Fate, PlannedMessage, plan_timeline
from followup.domain.protocols.timing import OnDay, Procedure
from followup.enrolment.reschedule import preview_reschedule, reschedule
from followup.replies.inbound import take_inbound
from followup.store.models.messages import Message
from tests.messages.test_opt_out import stop
from tests.replies.test_inbound import text
from tests.support.apps import (
    balance_is_even,
    clock_of,
    email_of,
    enrol_one,
    messages,
    run_until,
    shipped_catalogue,
    sms_of,
    tasks,
    tick,
)
from tests.support.people import CLINIC, EMAIL, ENROLLED_AT, PROCEDURE_AT, PROTOCOL, SMS

ACTOR = "web:nurse"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
TOMORROW = PROCEDURE_AT + DAY
CLINIC_NOW = shipped_catalogue().clinics[CLINIC]
GOING_HOME, DRESSING = ("going-home", 1), ("dressing", 1)


def timeline(procedure_at=PROCEDURE_AT, *, at=ENROLLED_AT) -> dict[tuple[str, int], PlannedMessage]:
    """Return the timeline of somebody without diabetes, as it is planned at a time."""
    planned = plan_timeline(
        shipped_catalogue().protocols[PROTOCOL],
        Procedure(at=procedure_at, zone=CLINIC_NOW.zone),
        attributes={"diabetic": False, "steroid_given": True},
        enrolled_at=at,
        hours=CLINIC_NOW.sending_hours,
    )
    return {(one.step.key, one.occurrence): one for one in planned}


def sent(at, state=State.DELIVERED, *, channel=SMS, confirmed_by=None) -> SentBefore:
    return SentBefore(state=state, channel=channel, at=at, confirmed_by=confirmed_by)


# ------------------------------------------------------------------------------ the rule


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (sent(TOMORROW + MINUTE), Repetition.DELIVERED),
        (sent(TOMORROW - SLIGHT_MOVE), Repetition.DELIVERED),
        (sent(TOMORROW - SLIGHT_MOVE - MINUTE), Repetition.TOO_EARLY),
        (sent(ENROLLED_AT, State.SENT), Repetition.TOO_EARLY),
        (sent(TOMORROW, State.SENT, confirmed_by=TOMORROW + 5 * HOUR), Repetition.ON_ITS_WAY),
        (sent(TOMORROW, State.SENT, confirmed_by=TOMORROW + 2 * HOUR), Repetition.NOT_CONFIRMED),
        (sent(TOMORROW, State.SENT, channel=EMAIL), Repetition.ON_ITS_WAY),
        (sent(TOMORROW, State.UNKNOWN, confirmed_by=TOMORROW), Repetition.ON_ITS_WAY),
    ],
)
def test_what_was_sent_is_judged_by_the_new_time_and_by_what_is_known(message, expected):
    going_home = timeline(TOMORROW)[GOING_HOME]

    assert judge_sent(message, going_home, now=TOMORROW + 3 * HOUR) is expected


def test_of_several_sendings_the_one_that_really_gave_the_advice_counts():
    planned = timeline(TOMORROW).values()
    known = {GOING_HOME: [sent(ENROLLED_AT), sent(TOMORROW)]}

    given = given_before(planned, known, now=TOMORROW + HOUR)

    assert (given[GOING_HOME].known, given[GOING_HOME].again) == (Repetition.DELIVERED, False)


def test_what_has_no_time_left_is_not_given_again_for_want_of_a_receipt():
    late = PROCEDURE_AT + 2 * DAY
    planned = timeline(at=late)
    assert planned[GOING_HOME].fate is Fate.PAST
    known = {GOING_HOME: [sent(ENROLLED_AT, State.SENT, confirmed_by=ENROLLED_AT)]}

    too_early = {GOING_HOME: [sent(PROCEDURE_AT - 2 * HOUR)]}
    [lost] = given_before(planned.values(), too_early, now=late).values()
    assert (lost.again, lost.lost) == (False, True)

    wished = RepetitionChoice(again=frozenset({GOING_HOME}))
    for choice in (RepetitionChoice(), wished):
        given = given_before(planned.values(), known, now=late, choice=choice)
        assert not given[GOING_HOME].again
        assert not given[GOING_HOME].lost


def test_a_person_may_decide_otherwise_of_what_was_sent_before_and_of_nothing_else():
    planned = timeline(TOMORROW).values()
    known = {GOING_HOME: [sent(TOMORROW)], DRESSING: [sent(TOMORROW)]}
    choice = RepetitionChoice(again=frozenset({GOING_HOME}), not_again=frozenset({DRESSING}))

    given = given_before(planned, known, now=TOMORROW + HOUR, choice=choice)

    assert {key: each.again for key, each in given.items()} == {GOING_HOME: True, DRESSING: False}
    with pytest.raises(InvalidInput, match="flare:2 was not sent before; these were: going-home"):
        given_before(
            planned,
            {GOING_HOME: known[GOING_HOME]},
            now=TOMORROW,
            choice=RepetitionChoice(again=frozenset({("flare", 2)})),
        )


def test_only_what_is_not_for_now_yet_is_wrong():
    planned = timeline(TOMORROW).values()
    known = {GOING_HOME: [sent(ENROLLED_AT)], DRESSING: [sent(ENROLLED_AT)]}
    given = given_before(planned, known, now=TOMORROW + HOUR)

    assert {*wrong_now(planned, given, now=TOMORROW + HOUR)} == {DRESSING}
    assert {*wrong_now(planned, given, now=TOMORROW - HOUR)} == {GOING_HOME, DRESSING}


def test_a_reminder_before_the_procedure_is_wrong_once_that_is_on_another_day():
    day_before = replace(timeline(TOMORROW)[GOING_HOME].step, occurrences=(OnDay(-1, time(10)),))
    reminder = replace(
        timeline(TOMORROW)[GOING_HOME],
        step=day_before,
        target=TOMORROW - DAY,
        not_before=TOMORROW - 7 * DAY,
    )
    now, known = TOMORROW - 2 * DAY, {GOING_HOME: [sent(TOMORROW - 3 * DAY)]}

    for other_day, expected in ((True, Repetition.TOO_EARLY), (False, Repetition.DELIVERED)):
        given = given_before([reminder], known, now=now, other_day=other_day)
        assert given[GOING_HOME].known is expected
        assert bool(wrong_now([reminder], given, now=now)) is other_day


def test_messages_are_named_as_they_are_written():
    assert parse_keys(["dressing", "flare:2"], option="again") == {("dressing", 1), ("flare", 2)}
    assert [key_text(key) for key in (DRESSING, ("flare", 2))] == ["dressing", "flare:2"]
    with pytest.raises(InvalidInput, match="name a step"):
        parse_keys(["flare:two"], option="again")


# ------------------------------------------------------------------------------ the move


def of_step(app: AppContext, step: str) -> list[Message]:
    return [one for one in messages(app) if one.step == step]


def test_what_came_too_early_is_corrected_at_once_and_given_again(app: AppContext):
    enrolment_id = enrol_one(app)
    run_until(app, ENROLLED_AT + MINUTE)

    changed = reschedule(app, enrolment_id, TOMORROW, actor=ACTOR)

    assert {*changed.wrong} == {GOING_HOME}
    run_until(app, ENROLLED_AT + 2 * MINUTE)
    [notice] = of_step(app, "procedure-moved")
    assert (notice.state, notice.not_after) == ("sent", TOMORROW)
    text = list(sms_of(app).taken.values())[-1].outgoing.text
    assert "Do not follow the advice we sent you before this message yet." in text
    # What holds for the new day comes after it, and could not be meant by it.
    assert {one.state for one in of_step(app, "before-fasting")} == {"planned"}
    run_until(app, ENROLLED_AT + 20 * MINUTE)
    assert {one.state for one in of_step(app, "before-fasting")} == {"sent"}
    balance_is_even(app)
    run_until(app, TOMORROW + HOUR)
    assert [one.state for one in of_step(app, "going-home")] == ["sent", "sent"]
    balance_is_even(app)


def test_a_second_move_does_not_correct_what_was_corrected(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + MINUTE)
    reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR)
    run_until(sqlite_app, ENROLLED_AT + 2 * MINUTE)

    changed = reschedule(sqlite_app, enrolment_id, TOMORROW + DAY, actor=ACTOR)

    assert ({*changed.wrong}, changed.correction) == ({GOING_HOME}, False)
    assert len(of_step(sqlite_app, "procedure-moved")) == 1


def test_a_correction_that_was_not_sent_yet_is_made_anew(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + MINUTE)
    reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR)

    reschedule(sqlite_app, enrolment_id, TOMORROW + DAY, actor=ACTOR)

    states = sorted(one.state for one in of_step(sqlite_app, "procedure-moved"))
    assert states == ["cancelled", "planned"]
    balance_is_even(sqlite_app)


def test_a_correction_is_left_out_where_a_person_says_so(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + MINUTE)
    choice = RepetitionChoice(not_again=frozenset({GOING_HOME}), correction=False)

    foreseen = preview_reschedule(sqlite_app, enrolment_id, TOMORROW, choice=choice)
    assert reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR, choice=choice) == foreseen

    assert of_step(sqlite_app, "procedure-moved") == []
    assert len(of_step(sqlite_app, "going-home")) == 1


def test_who_gets_emails_alone_is_corrected_by_email(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app, channels=(EMAIL,))
    tick(sqlite_app)
    tick(sqlite_app)

    reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR)
    run_until(sqlite_app, ENROLLED_AT + MINUTE)

    [notice] = of_step(sqlite_app, "procedure-moved")
    assert (notice.channel, notice.state) == ("email", "sent")
    assert email_of(sqlite_app).calls[-1].subject.endswith("your procedure has moved")


def test_a_correction_that_a_patient_does_not_want_asks_a_person(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app, channels=(SMS,))
    run_until(sqlite_app, ENROLLED_AT + MINUTE)
    stop(sqlite_app, ChannelKind.SMS)
    before = {one.id for one in tasks(sqlite_app)}

    reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR)
    run_until(sqlite_app, ENROLLED_AT + 2 * MINUTE)

    [notice] = of_step(sqlite_app, "procedure-moved")
    assert notice.state == "suppressed"
    [told] = [one for one in tasks(sqlite_app) if one.id not in before]
    assert (told.kind, told.urgency, told.message_id) == ("failed", 2, notice.id)


def test_a_move_that_makes_a_step_too_late_asks_a_person(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + 10 * DAY)

    reschedule(sqlite_app, enrolment_id, PROCEDURE_AT - 20 * DAY, actor=ACTOR)

    missed = [one for one in tasks(sqlite_app) if one.kind == "missed"]
    assert [one.detail["step"] for one in missed] == ["red-flags"]


def test_what_a_move_gives_again_is_not_forgotten_when_it_is_planned_anew(sqlite_app: AppContext):
    enrolment_id = enrol_one(sqlite_app)
    run_until(sqlite_app, ENROLLED_AT + MINUTE)
    reschedule(sqlite_app, enrolment_id, TOMORROW, actor=ACTOR)

    take_inbound(sqlite_app, text("STOP"))
    take_inbound(sqlite_app, text("START"))

    going_home = of_step(sqlite_app, "going-home")
    assert sorted(one.state for one in going_home) == ["cancelled", "planned", "sent"]
    assert clock_of(sqlite_app).now() < TOMORROW
