"""Correcting an address, planning anew what it lost, and closing its item: all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import event

from followup.casework.resolve import correct_contact
from followup.context import AppContext
from followup.domain.lifecycle import State
from followup.enrolment.contact_details import correct_contacts
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from tests.enrolment.test_reschedule import with_new_question
from tests.support.apps import enrol_one, message, messages, rows, run_until, sms_of, states, tasks
from tests.support.people import ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse

SOON = ENROLLED_AT + timedelta(minutes=5)
RIGHT = "+447700900222"
FIRST = ("going-home", 1)


class Cut(Exception):
    """The process is gone in the middle of its work."""


@contextmanager
def cut_before_statement(app: AppContext, number: int) -> Iterator[None]:
    """End the work in the block with its nth statement, which is not carried out."""
    left = number

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Cut

    event.listen(app.store.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(app.store.engine, "before_cursor_execute", count)


def with_a_wrong_number(app: AppContext) -> WorklistItem:
    sms_of(app).script(refuse("21211", recipient=True))
    enrol_one(app, channels=(SMS,))
    run_until(app, SOON)
    (item,) = tasks(app)
    return item


def everything(app: AppContext) -> list[object]:
    """What a correction changes: addresses, generations, messages, items and the trail."""
    return [
        *((one.mobile_index, one.mobile_unusable) for one in rows(app, Patient)),
        *((one.generation, one.procedure_at) for one in rows(app, Enrolment)),
        *((one.id, one.state, one.reason) for one in messages(app)),
        *((one.state, one.outcome) for one in tasks(app)),
        *(one.id for one in rows(app, AuditEvent)),
    ]


def test_a_corrected_number_gets_what_it_lost_and_the_item_is_closed(app: AppContext):
    item = with_a_wrong_number(app)

    came_of_it = correct_contact(app, item.id, mobile=RIGHT, email=None, actor="web:test")
    run_until(app, SOON + timedelta(minutes=1))

    assert came_of_it.changed
    assert came_of_it.settled
    assert [one.outcome for one in tasks(app)] == ["corrected"]
    assert sms_of(app).calls[-1].to == RIGHT
    (enrolment,) = rows(app, Enrolment)
    assert states(app, enrolment.id)[FIRST] == State.SENT.value
    lost = [one for one in messages(app) if one.reason == "address-corrected"]
    assert {one.generation for one in lost} == {1}


def test_a_correction_cut_short_at_any_statement_leaves_nothing_half_done(app: AppContext):
    item = with_a_wrong_number(app)
    before, statement, over = everything(app), 0, False

    while not over:
        statement += 1
        try:
            with cut_before_statement(app, statement):
                correct_contact(app, item.id, mobile=RIGHT, email=None, actor="web:test")
            over = True
        except Cut:
            assert everything(app) == before, f"cut before statement {statement}"

    assert statement > 10
    assert [one.outcome for one in tasks(app)] == ["corrected"]


def test_a_correction_stands_where_nothing_can_be_planned_anew_and_the_item_stays_open(
    sqlite_app: AppContext,
):
    item = with_a_wrong_number(sqlite_app)
    changed_since = with_new_question(sqlite_app)

    came_of_it = correct_contact(changed_since, item.id, mobile=RIGHT, email=None, actor="web:test")

    assert came_of_it.changed
    assert not came_of_it.settled
    assert [one.state for one in tasks(sqlite_app)] == ["open"]
    assert rows(sqlite_app, Patient)[0].mobile_unusable is None


def test_an_address_that_was_right_all_along_changes_nothing(app: AppContext):
    enrolment_id = enrol_one(app, channels=(SMS,))
    (patient,) = rows(app, Patient)
    before = everything(app)

    changed = correct_contacts(app, patient.id, mobile=None, email=None, actor="web:test")

    assert changed == ()
    assert everything(app) == before
    assert message(app, enrolment_id, *FIRST).generation == 1
