"""The rows of the send path hold what their names say: they are filled by position."""

from __future__ import annotations

from followup.context import AppContext
from followup.messages.provider_report import LOCKED_ATTEMPTS, LockedAttempt, lock_attempts
from followup.sending.eligibility import ELIGIBILITY_COLUMNS, SendRow, load_for_sending
from followup.store.models.messages import Attempt, Message
from followup.store.models.patients import Patient
from tests.support.apps import enrol_one, message, rows, tick


def test_the_fields_of_a_row_to_send_are_the_columns_that_are_read():
    assert tuple(column.key for column in ELIGIBILITY_COLUMNS) == SendRow._fields


def test_the_fields_of_a_locked_attempt_are_the_columns_that_are_read():
    assert tuple(LOCKED_ATTEMPTS.selected_columns.keys()) == LockedAttempt._fields


def test_a_row_to_send_holds_what_stands_in_message_and_patient(app: AppContext):
    stored = message(app, enrol_one(app), "going-home")
    (patient,) = rows(app, Patient)

    with app.store.write() as session:
        (row,) = load_for_sending(session, [stored.id])

    of_message = {name for name in SendRow._fields if hasattr(Message, name)}
    of_patient = {name for name in SendRow._fields if hasattr(Patient, name)} - of_message
    assert {name: getattr(row, name) for name in of_message} == {
        name: getattr(stored, name) for name in of_message
    }
    assert {name: getattr(row, name) for name in of_patient} == {
        name: getattr(patient, name) for name in of_patient
    }
    assert (row.enrolment_state, row.last_restore, row.restored_at) == ("active", None, None)


def test_a_locked_attempt_holds_what_stands_in_attempt_and_message(app: AppContext):
    enrolment_id = enrol_one(app)
    tick(app)
    stored = message(app, enrolment_id, "going-home")
    (attempt,) = rows(app, Attempt)

    with app.store.write() as session:
        (row,) = lock_attempts(session, [attempt.id])

    for name in LockedAttempt._fields:
        if hasattr(Message, name):
            assert getattr(row, name) == getattr(stored, name), name
    assert (row.message_id, row.attempt_id) == (stored.id, attempt.id)
    assert (row.provider, row.provider_id) == (attempt.provider, attempt.provider_id)
    assert (row.over_real_at, row.latest, row.rival) == (attempt.over_real_at, True, False)
