"""Enrolling many patients in one transaction: exactly as each by itself, in fewer statements."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput
from followup.enrolment.bulk import enrol_all, enrol_all_again
from followup.enrolment.enrol import enrol
from followup.patients import records as patients
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment, Generation
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import make_app, messages, rows
from tests.support.people import PROCEDURE_AT, request

ACTOR = "cli:test"

# Each row's own, or made with keys of its own: whether it is there is all that can be compared.
OWN = re.compile(r"id|patient_id|enrolment_id|data_key|received|.*_sealed|.*_index")


def contents(app, model):
    """Return the rows of a table in a fixed order."""
    return sorted(
        tuple(
            value is None if OWN.fullmatch(name) else str(value)
            for name, value in ((it.key, getattr(row, it.key)) for it in model.__table__.columns)
        )
        for row in rows(app, model)
    )


def test_what_is_written_is_what_enrol_writes(app, tmp_path):
    wanted = [request(serial, diabetic=serial % 2 == 0) for serial in range(1, 6)]
    with closing(make_app(f"sqlite:///{tmp_path / 'other.sqlite3'}")) as other:
        for each in wanted:
            enrol(other, each, actor=ACTOR)

        found = enrol_all(app, wanted, actor=ACTOR)

        for model in (Patient, Enrolment, Generation, Message):
            assert contents(app, model) == contents(other, model)
    assert [each.created for each in found] == [True] * 5
    assert [row.action for row in rows(app, AuditEvent)] == ["enrolment.created"] * 5


def test_the_answers_stand_in_the_order_asked(app):
    wanted = [request(serial) for serial in (3, 1, 2)]

    found = enrol_all(app, wanted, actor=ACTOR)

    with app.store.read() as session:
        references = [session.get_one(Enrolment, each.enrolment_id).reference for each in found]
    assert references == ["REF-3", "REF-1", "REF-2"]


def test_patients_can_be_read_back_and_have_keys_of_their_own(app):
    enrol_all(app, [request(1), request(2)], actor=ACTOR)

    with app.store.read() as session:
        found = session.scalars(select(Patient)).all()
        people = {patients.read_patient(each, app.keyring) for each in found}
    assert people == {request(1).person, request(2).person}
    assert len({each.data_key for each in found}) == 2


def test_one_who_is_there_already_is_left_as_is(app):
    there = enrol(app, request(1), actor=ACTOR)

    first, second = enrol_all(app, [request(1), request(2)], actor=ACTOR)

    assert (first.enrolment_id, first.created) == (there.enrolment_id, False)
    assert second.created


def test_one_patient_may_have_two_procedures_in_a_batch(app):
    later = request(1, reference="B", procedure_at=PROCEDURE_AT - timedelta(days=2))

    first, second = enrol_all(app, [request(1, reference="A"), later], actor=ACTOR)

    assert first.created
    assert second.created
    assert len(rows(app, Patient)) == 1


def test_where_one_clashes_none_is_written(app):
    enrol(app, request(1), actor=ACTOR)

    with pytest.raises(AlreadyEnrolled):
        enrol_all(app, [request(2), request(1, reference="OTHER")], actor=ACTOR)
    with pytest.raises(Conflict):
        enrol_all(app, [request(3), request(4, reference="REF-1")], actor=ACTOR)
    with pytest.raises(InvalidInput):
        enrol_all(app, [request(5), request(6, clinic="nowhere")], actor=ACTOR)

    assert len(rows(app, Enrolment)) == 1


def test_a_batch_takes_about_as_many_statements_as_one_patient(app):
    def statements(count, first):
        seen = []
        event.listen(app.store.engine, "before_cursor_execute", lambda *it: seen.append(it[2]))
        enrol_all(app, [request(serial) for serial in range(first, first + count)], actor=ACTOR)
        return len(seen)

    assert statements(50, 100) <= statements(1, 1) + 2


def test_somebody_new_is_enrolled_in_few_statements(sqlite_app):
    enrol(sqlite_app, request(1), actor=ACTOR)
    seen = []
    event.listen(sqlite_app.store.engine, "before_cursor_execute", lambda *it: seen.append(it[2]))

    enrol(sqlite_app, request(2), actor=ACTOR)

    # With the beginning of the transaction; PostgreSQL locks in one more.
    assert len(seen) <= 11


def test_without_a_reference_the_enrolment_of_the_procedure_is_taken(app):
    there = enrol(app, request(1), actor=ACTOR)

    again = enrol_all_again(app, request(1, reference=None), actor=ACTOR)

    assert (again.enrolment_id, again.created) == (there.enrolment_id, False)
    with pytest.raises(AlreadyEnrolled):
        enrol_all_again(app, request(1, reference="OTHER"), actor=ACTOR)
    assert len(messages(app)) == 10
