"""Texts that ask for 1 or 2: answers are kept, and silence past the deadline asks a person."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from followup.catalogue.load import Catalogue
from followup.context import AppContext
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.triage.intent import ReplyIntent
from followup.enrolment.withdraw import withdraw_enrolment
from followup.replies.inbound import take_inbound
from followup.store.models.audit import AuditEvent
from followup.store.models.messages import InboundMessage
from followup.store.models.patients import Patient
from tests.replies.test_inbound import take, text
from tests.support.apps import (
    balance_is_even,
    clock_of,
    email_of,
    enrol_one,
    make_app,
    message,
    rows,
    run_until,
    shipped_catalogue,
    sms_of,
    sweep,
    tasks,
)
from tests.support.people import EMAIL, ENROLLED_AT, PROTOCOL, SMS

DAY_8 = ENROLLED_AT + timedelta(days=8)
"""By then the question of 10:00 has gone out; its 48 hours are over on day 10."""


def asking(within: str = "48h", *, two_way: bool = True) -> Catalogue:
    """Return the shipped catalogue with a question on day 8."""
    shipped = shipped_catalogue()
    definition = shipped.definition(PROTOCOL)
    steps: list[dict[str, Any]] = [
        {**step, "reply_within": within} if step["key"] == "flare-over" else step
        for step in definition["steps"]
    ]
    source = definition["source"]
    days: Mapping[str, object] = {
        name: getattr(shipped.protocols[PROTOCOL].source, name) for name in ("issued", "review_due")
    }
    protocol = parse_protocol(
        {**definition, "steps": steps, "source": {**source, **days}}, file="asking.toml"
    )
    clinics = {
        key: replace(clinic, two_way=two_way, stop_contact=clinic.phone)
        for key, clinic in shipped.clinics.items()
    }
    return Catalogue({**shipped.protocols, PROTOCOL: protocol}, clinics)


@pytest.fixture
def asked(migrated_sqlite_url):
    """An app context whose protocol asks on day 8. The sweep alone depends on the database."""
    with closing(make_app(migrated_sqlite_url, catalogue=asking())) as app:
        yield without_receipts(app)


@pytest.fixture
def asked_on_each(migrated_url):
    """The same, once on each database."""
    with closing(make_app(migrated_url, catalogue=asking())) as app:
        yield without_receipts(app)


def without_receipts(app: AppContext) -> AppContext:
    """Let no receipt be waited for: what is missed here is the patient's answer alone."""
    sms_of(app).can_look = email_of(app).can_look = False
    return app


def question_of(app: AppContext, enrolment: Any) -> Any:
    return message(app, enrolment, "flare-over", channel="sms")


def kinds(app: AppContext) -> list[tuple[str, str]]:
    return [(item.kind, item.state) for item in tasks(app)]


def test_the_text_asks_and_waits_from_the_moment_that_it_was_sent(asked):
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)

    question = question_of(asked, enrolment)
    assert "Reply 1 if all is well, 2 for a call from us" in sms_of(asked).calls[-1].text
    assert question.answer_due_at == question.sent_at + timedelta(hours=48)


def test_one_is_kept_and_nobody_is_asked_to_ring(asked):
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)

    answer = take(asked, "1 thanks")
    run_until(asked, DAY_8 + timedelta(days=4))

    question = question_of(asked, enrolment)
    [inbound] = rows(asked, InboundMessage)
    assert (question.answer, question.answer_due_at, answer) == ("1", None, None)
    assert question.answered_at == DAY_8
    assert inbound.meaning == ReplyIntent.ANSWER
    assert kinds(asked) == []
    [kept] = [one for one in rows(asked, AuditEvent) if one.action == "message.answered"]
    assert kept.message_id == question.id
    assert kept.detail["answer"] == "1"


def test_two_puts_a_call_on_the_worklist_and_says_so_to_the_patient(asked):
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)

    answer = take(asked, "Two please")
    run_until(asked, DAY_8 + timedelta(days=4))

    [item] = tasks(asked)
    [inbound] = rows(asked, InboundMessage)
    assert answer == "reply-calling"
    assert (item.kind, item.enrolment_id, item.inbound_id) == ("call-wanted", enrolment, inbound.id)
    assert any("We will ring you in office hours" in call.text for call in sms_of(asked).calls)
    balance_is_even(asked)


def test_silence_past_the_deadline_asks_a_person_once(asked_on_each):
    asked = asked_on_each
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)
    due = question_of(asked, enrolment).answer_due_at

    clock_of(asked).advance_to(due - timedelta(seconds=1))
    sweep(asked, "chase-answers")
    before = kinds(asked)
    clock_of(asked).advance_to(due)
    sweep(asked, "chase-answers")
    sweep(asked, "chase-answers")

    [item] = tasks(asked)
    assert before == []
    assert (item.kind, item.enrolment_id, item.detail["step"]) == (
        "no-answer",
        enrolment,
        "flare-over",
    )


@pytest.mark.parametrize(("late", "left"), [("1", []), ("2", ["call-wanted"])])
def test_a_late_answer_settles_what_silence_opened(asked, late, left):
    enrol_one(asked)
    run_until(asked, DAY_8 + timedelta(days=3))
    assert kinds(asked) == [("no-answer", "open")]

    take(asked, late)

    assert [kind for kind, state in kinds(asked) if state != "closed"] == left


def test_a_change_of_mind_counts_and_the_same_answer_twice_is_one(asked):
    enrol_one(asked)
    run_until(asked, DAY_8)

    for said in ("1", "1", "2", "2"):
        take(asked, said)

    assert kinds(asked) == [("call-wanted", "open")]


def test_more_than_a_number_goes_to_a_person_and_leaves_the_question_open(asked):
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)

    take(asked, "1 but my leg is weak")

    assert [item.kind for item in tasks(asked)] == ["reply"]
    assert question_of(asked, enrolment).answer is None
    assert question_of(asked, enrolment).answer_due_at is not None


def test_a_number_without_a_question_goes_to_a_person(asked):
    enrol_one(asked)
    run_until(asked, ENROLLED_AT + timedelta(days=3))

    take(asked, "1")

    assert [item.kind for item in tasks(asked)] == ["reply"]


def test_nobody_knows_which_of_two_patients_with_one_number_answered(asked):
    for serial in (1, 2):
        enrol_one(asked, serial, mobile="+447700900001")
    run_until(asked, DAY_8)

    take(asked, "1")

    [item] = tasks(asked)
    assert (item.kind, len(item.detail["shared_by"])) == ("reply", 2)


def test_an_answer_that_comes_before_our_own_record_of_the_sending_counts(asked):
    enrolment = enrol_one(asked)
    # The patient answers while the provider's own answer is still on its way.
    sms_of(asked).during_call = lambda outgoing: (
        take(asked, "1") if "Reply 1" in outgoing.text else None
    )
    run_until(asked, DAY_8 + timedelta(days=3))

    question = question_of(asked, enrolment)
    assert (question.answer, question.answer_due_at, question.state) == ("1", None, "sent")
    assert kinds(asked) == []


def test_the_same_inbound_text_twice_is_one_answer(asked):
    enrol_one(asked)
    run_until(asked, DAY_8)
    inbound = text("2")

    taken = [take_inbound(asked, inbound).repeated for _ in range(2)]

    assert taken == [False, True]
    assert kinds(asked) == [("call-wanted", "open")]


@pytest.mark.parametrize("gone", ["withdrawn", "died", "stopped"])
def test_nobody_is_asked_about_a_patient_who_is_gone_or_has_said_stop(asked, gone):
    enrolment = enrol_one(asked)
    run_until(asked, DAY_8)
    if gone == "stopped":
        take(asked, "STOP")
    else:
        withdraw_enrolment(asked, enrolment, reason="x", actor="cli:test", deceased=gone == "died")

    run_until(asked, DAY_8 + timedelta(days=4))

    assert {kind for kind, _ in kinds(asked)} <= {"advice-stopped"}


def test_by_email_nothing_is_asked(asked):
    enrolment = enrol_one(asked, channels=(EMAIL,))
    run_until(asked, DAY_8 + timedelta(days=4))

    sent = message(asked, enrolment, "flare-over")
    assert (sent.answer_wait, sent.answer_due_at, kinds(asked)) == (None, None, [])


def test_a_sender_that_takes_no_answers_asks_nothing(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url, catalogue=asking(two_way=False))) as app:
        enrolment = enrol_one(app, channels=(SMS,))
        run_until(app, DAY_8)

        assert question_of(app, enrolment).answer_wait is None
        assert not any("Reply 1" in call.text for call in sms_of(app).calls)


def test_an_erased_patient_is_not_asked_about(asked):
    enrol_one(asked)
    run_until(asked, DAY_8)
    with asked.store.write() as session:
        [patient] = session.query(Patient).all()
        patient.data_key = None

    clock_of(asked).advance(timedelta(days=3))
    sweep(asked, "chase-answers")

    assert kinds(asked) == []
