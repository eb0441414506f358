"""Correcting an address, planning anew what it lost, and closing its item: all of it or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import event

from followup.attending import corrected
from followup.correcting import correct_contacts
from followup.domain.lifecycle import State
from followup.kit import Kit
from followup.store.models import AuditEvent, Enrolment, Patient, WorklistItem
from tests.kits import enrol_one, message, messages, rows, run_until, sms_of, states, tasks
from tests.people import ENROLLED_AT, SMS
from tests.scripted_channel import refuse
from tests.test_changes import with_new_question

SOON = ENROLLED_AT + timedelta(minutes=5)
RIGHT = "+447700900222"
FIRST = ("going-home", 1)


class Cut(Exception):
    """The process is gone in the middle of its work."""


@contextmanager
def cut_before_statement(kit: Kit, number: int) -> Iterator[None]:
    """End the work in the block with its nth statement, which is not carried out."""
    left = number

    def count(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Cut

    event.listen(kit.store.engine, "before_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(kit.store.engine, "before_cursor_execute", count)


def with_a_wrong_number(kit: Kit) -> WorklistItem:
    sms_of(kit).script(refuse("21211", recipient=True))
    enrol_one(kit, channels=(SMS,))
    run_until(kit, SOON)
    (item,) = tasks(kit)
    return item


def everything(kit: Kit) -> list[object]:
    """What a correction changes: addresses, generations, messages, items and the trail."""
    return [
        *((one.mobile_index, one.mobile_unusable) for one in rows(kit, Patient)),
        *((one.generation, one.procedure_at) for one in rows(kit, Enrolment)),
        *((one.id, one.state, one.reason) for one in messages(kit)),
        *((one.state, one.outcome) for one in tasks(kit)),
        *(one.id for one in rows(kit, AuditEvent)),
    ]


def test_a_corrected_number_gets_what_it_lost_and_the_item_is_closed(kit: Kit):
    item = with_a_wrong_number(kit)

    came_of_it = corrected(kit, item.id, mobile=RIGHT, email=None, actor="web:test")
    run_until(kit, SOON + timedelta(minutes=1))

    assert came_of_it.changed
    assert came_of_it.settled
    assert [one.outcome for one in tasks(kit)] == ["corrected"]
    assert sms_of(kit).calls[-1].to == RIGHT
    (enrolment,) = rows(kit, Enrolment)
    assert states(kit, enrolment.id)[FIRST] == State.SENT.value
    lost = [one for one in messages(kit) if one.reason == "address-corrected"]
    assert {one.generation for one in lost} == {1}


def test_a_correction_cut_short_at_any_statement_leaves_nothing_half_done(kit: Kit):
    item = with_a_wrong_number(kit)
    before, statement, over = everything(kit), 0, False

    while not over:
        statement += 1
        try:
            with cut_before_statement(kit, statement):
                corrected(kit, item.id, mobile=RIGHT, email=None, actor="web:test")
            over = True
        except Cut:
            assert everything(kit) == before, f"cut before statement {statement}"

    assert statement > 10
    assert [one.outcome for one in tasks(kit)] == ["corrected"]


def test_a_correction_stands_where_nothing_can_be_planned_anew_and_the_item_stays_open(
    sqlite_kit: Kit,
):
    item = with_a_wrong_number(sqlite_kit)
    changed_since = with_new_question(sqlite_kit)

    came_of_it = corrected(changed_since, item.id, mobile=RIGHT, email=None, actor="web:test")

    assert came_of_it.changed
    assert not came_of_it.settled
    assert [one.state for one in tasks(sqlite_kit)] == ["open"]
    assert rows(sqlite_kit, Patient)[0].mobile_unusable is None


def test_an_address_that_was_right_all_along_changes_nothing(kit: Kit):
    enrolment_id = enrol_one(kit, channels=(SMS,))
    (patient,) = rows(kit, Patient)
    before = everything(kit)

    changed = correct_contacts(kit, patient.id, mobile=None, email=None, actor="web:test")

    assert changed == ()
    assert everything(kit) == before
    assert message(kit, enrolment_id, *FIRST).generation == 1
