"""Uploaded lists are worked off by a job, whatever dies in the middle."""

from __future__ import annotations

import io
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from followup.domain.errors import Conflict, NotFound
from followup.domain.intake.list_state import ListState
from followup.domain.intake.on_conflict import OnConflict
from followup.domain.roles import Role
from followup.intake import csv_import, list_work
from followup.intake.csv_document import Defaults
from followup.intake.csv_import import CsvImport
from followup.intake.list_work import LEASE, MOST_TRIES, work_off_lists
from followup.intake.uploaded_lists import (
    choose_columns,
    choose_updates,
    enrol_list,
    find_list,
    remove_list,
    upload_list,
)
from followup.patients.records import read_patient
from followup.staff.members import MemberDetails, insert_member
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.uploaded_lists import UploadedList
from tests.support.apps import clock_of, enrol_one, rows
from tests.support.people import CLINIC, PROTOCOL, nhs_number

HEADER = "Reference,NHS No,Procedure at,Mobile,Diabetic,Steroid"


class Killed(BaseException):
    """What stands for the end of a worker: nothing in it goes on."""


def content(*serials, wrong=()):
    def line(serial):
        mobile = "07" if serial in wrong else f"07700900{serial:03d}"
        return f"R{serial},{nhs_number(serial)},19/10/2026 14:30,{mobile},y,n"

    return "\n".join([HEADER, *map(line, serials)]).encode()


@pytest.fixture
def owner(app):
    who = MemberDetails(email="sam@example.com", name="Sam", roles=(Role.ENROL,), clinics=None)
    with app.store.write() as session:
        return insert_member(session, app.by("cli:test"), who, password_hash=None).id


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 2)


def begun(app, owner, raw):
    list_id = upload_list(
        app, owner, actor="web:sam@example.com", clinic=CLINIC, protocol=PROTOCOL,
        name="list.csv", content=raw,
    )  # fmt: skip
    found = find_list(app, owner, list_id)
    choose_columns(app, found, found.file.layout)
    return list_id


def confirmed(app, owner, raw):
    list_id = begun(app, owner, raw)
    assert work_off_lists(app) == 1
    enrol_list(app, find_list(app, owner, list_id))
    return list_id


def references(app):
    return sorted(one.reference for one in rows(app, Enrolment))


def dies_at(monkeypatch, *, step):
    """Let the worker die when it says for the so-manieth time how far it is."""
    steps = iter(range(1, 1000))
    advance = list_work._Work.advance

    def dying(self, done, *, of):
        if next(steps) == step:
            raise Killed
        advance(self, done, of=of)

    monkeypatch.setattr(list_work._Work, "advance", dying)


def test_a_list_is_checked_and_then_enrolled(app, owner):
    list_id = confirmed(app, owner, content(1, 2, 3, wrong=[2]))
    assert references(app) == []

    assert work_off_lists(app) == 1

    found = find_list(app, owner, list_id)
    assert found.state is ListState.DONE
    assert found.findings.enrolled == 2
    assert [row.line for row in found.findings.refused] == [3]
    assert references(app) == ["R1", "R3"]
    assert work_off_lists(app) == 0


NEW_NUMBERS = ((b"07700900001", b"07700900771"), (b"07700900002", b"07700900772"))


def differing(app, owner, *, chosen):
    """Enrol two, and upload them with other numbers beside a third; return the list's id."""
    confirmed(app, owner, content(1, 2))
    work_off_lists(app)
    raw = content(1, 2, 3)
    for before, after in NEW_NUMBERS:
        raw = raw.replace(before, after)
    list_id = begun(app, owner, raw)
    work_off_lists(app)
    for line in chosen:
        choose_updates(app, find_list(app, owner, list_id), line=line, apply=True)
    return list_id, raw


def numbers(app):
    with app.store.read() as session:
        people = [read_patient(one, app.keyring) for one in session.scalars(select(Patient))]
    return sorted(one.mobile for one in people)


def test_a_row_that_differs_from_an_enrolment_says_in_which_fields(app, owner):
    list_id, _ = differing(app, owner, chosen=[])

    findings = find_list(app, owner, list_id).findings
    assert (findings.new, findings.already, findings.refused) == ((4,), (), ())
    assert [(row.line, row.fields, row.apply) for row in findings.differing] == [
        (2, ("patient.mobile",), False),
        (3, ("patient.mobile",), False),
    ]


def test_of_rows_that_differ_those_are_applied_that_were_chosen(app, owner):
    list_id, raw = differing(app, owner, chosen=[3])

    enrol_list(app, find_list(app, owner, list_id))
    work_off_lists(app)

    findings = find_list(app, owner, list_id).findings
    assert (findings.enrolled, findings.updated, findings.refused) == (1, 1, ())
    assert numbers(app) == ["+447700900001", "+447700900003", "+447700900772"]
    [corrected] = [one for one in rows(app, AuditEvent) if one.action == "enrolment.corrected"]
    assert corrected.actor == "web:sam@example.com"
    assert corrected.detail["fields"] == ["patient.mobile"]
    # The same rows once more: nobody is enrolled twice, and what was left differs as before.
    again = begun(app, owner, raw)
    work_off_lists(app)
    findings = find_list(app, owner, again).findings
    assert (findings.new, findings.already) == ((), (3, 4))
    assert [row.line for row in findings.differing] == [2]
    assert references(app) == ["R1", "R2", "R3"]


def test_all_rows_that_differ_are_chosen_or_left_at_once(app, owner):
    list_id, _ = differing(app, owner, chosen=[None])
    assert len(find_list(app, owner, list_id).findings.to_update) == 2

    choose_updates(app, find_list(app, owner, list_id), line=None, apply=False)

    assert find_list(app, owner, list_id).findings.to_update == ()


def test_nothing_is_applied_but_the_fields_that_were_shown(app, owner):
    list_id, _ = differing(app, owner, chosen=[2])
    meanwhile = io.BytesIO(content(1).replace(b",y,n", b",n,n"))
    job = CsvImport(app, meanwhile, Defaults(CLINIC, PROTOCOL), on_conflict=OnConflict.UPDATE)
    job.examine(lambda _: None)
    job.write(actor="cli:test", partial=False, advance=lambda _: None)

    enrol_list(app, find_list(app, owner, list_id))
    work_off_lists(app)

    findings = find_list(app, owner, list_id).findings
    [(_, told)] = findings.refused[0].problems
    assert findings.updated == 0
    assert told.startswith("the enrolment has changed since the list was checked")
    assert numbers(app) == ["+447700900001", "+447700900002", "+447700900003"]


def test_a_list_that_is_being_enrolled_is_not_chosen_from(app, owner):
    list_id, _ = differing(app, owner, chosen=[])
    enrol_list(app, find_list(app, owner, list_id))

    with pytest.raises(Conflict, match="gone on meanwhile"):
        choose_updates(app, find_list(app, owner, list_id), line=2, apply=True)


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_dies_while_it_updates_applies_each_row_once(app, owner, monkeypatch, step):
    list_id, _ = differing(app, owner, chosen=[2, 3])
    enrol_list(app, find_list(app, owner, list_id))
    with monkeypatch.context() as patched:
        dies_at(patched, step=step)
        with suppress(Killed):
            work_off_lists(app)

    clock_of(app).advance(LEASE + timedelta(seconds=1))
    work_off_lists(app)

    findings = find_list(app, owner, list_id).findings
    assert (findings.enrolled, findings.updated, findings.refused) == (1, 2, ())
    assert numbers(app) == ["+447700900003", "+447700900771", "+447700900772"]
    corrected = [one for one in rows(app, AuditEvent) if one.action == "enrolment.corrected"]
    assert len(corrected) == 2


@pytest.mark.parametrize("step", range(1, 6))
@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_dies_while_it_enrols_loses_nobody_and_doubles_nobody(
    app, owner, monkeypatch, step
):
    list_id = confirmed(app, owner, content(1, 2, 3, 4, 5, 6, wrong=[6]))
    with monkeypatch.context() as killing:
        dies_at(killing, step=step)
        with pytest.raises(Killed):
            work_off_lists(app)
    so_far = references(app)
    assert work_off_lists(app) == 0
    assert find_list(app, owner, list_id).state is ListState.ENROLLING

    clock_of(app).advance_real(LEASE + timedelta(seconds=1))
    assert work_off_lists(app) == 1

    found = find_list(app, owner, list_id)
    assert found.state is ListState.DONE
    assert found.findings.enrolled == 5
    assert found.findings.already == ()
    assert references(app) == ["R1", "R2", "R3", "R4", "R5"]
    assert set(so_far) <= set(references(app))


@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_dies_while_it_checks_has_written_nothing(app, owner, monkeypatch):
    list_id = begun(app, owner, content(1, 2, 3, 4))
    with monkeypatch.context() as killing:
        dies_at(killing, step=2)
        with pytest.raises(Killed):
            work_off_lists(app)
    clock_of(app).advance_real(LEASE + timedelta(seconds=1))

    work_off_lists(app)

    found = find_list(app, owner, list_id)
    assert found.state is ListState.CHECKED
    assert found.findings.new == (2, 3, 4, 5)
    assert rows(app, Enrolment) == []


@pytest.mark.usefixtures("small_batches")
def test_a_worker_that_was_taken_for_dead_writes_nothing_over_its_successor(
    app, owner, monkeypatch
):
    list_id = begun(app, owner, content(1, 2, 3, 4))
    advance = list_work._Work.advance

    def overtaken(self, done, *, of):
        monkeypatch.setattr(list_work._Work, "advance", advance)
        clock_of(app).advance_real(LEASE + timedelta(seconds=1))
        assert work_off_lists(app) == 1
        enrol_list(app, find_list(app, owner, list_id))
        advance(self, done, of=of)

    monkeypatch.setattr(list_work._Work, "advance", overtaken)

    work_off_lists(app)

    assert find_list(app, owner, list_id).state is ListState.ENROLLING
    work_off_lists(app)
    assert find_list(app, owner, list_id).findings.enrolled == 4


def test_what_ends_every_worker_is_given_up(app, owner, monkeypatch):
    list_id = begun(app, owner, content(1))
    with monkeypatch.context() as killing:
        killing.setattr(list_work, "_check", lambda *_: (_ for _ in ()).throw(Killed()))
        for _ in range(MOST_TRIES):
            with pytest.raises(Killed):
                work_off_lists(app)
            clock_of(app).advance_real(LEASE + timedelta(seconds=1))

    work_off_lists(app)

    found = find_list(app, owner, list_id)
    assert found.state is ListState.FAILED
    assert "Something went wrong here" in found.findings.failure
    assert rows(app, UploadedList)[0].content_sealed is None


@pytest.mark.usefixtures("small_batches")
def test_a_long_list_gives_others_their_turn_and_goes_on(app, owner, monkeypatch):
    list_id = confirmed(app, owner, content(1, 2, 3, 4))
    monkeypatch.setattr(list_work, "LONGEST", timedelta(seconds=-1))

    assert work_off_lists(app) == 1
    assert find_list(app, owner, list_id).state is ListState.ENROLLING
    assert references(app) == ["R1", "R2"]
    work_off_lists(app)

    assert find_list(app, owner, list_id).findings.enrolled == 4
    assert references(app) == ["R1", "R2", "R3", "R4"]


def test_what_was_refused_is_not_enrolled_though_it_has_become_right_meanwhile(app, owner):
    soon = content(1).replace(b"19/10/2026", b"18/01/2027") + b"\n" + content(2).splitlines()[1]
    list_id = confirmed(app, owner, soon)
    clock_of(app).advance(timedelta(days=2))

    work_off_lists(app)

    assert references(app) == ["R2"]
    assert find_list(app, owner, list_id).findings.enrolled == 1


def test_a_row_that_clashes_after_it_was_checked_is_refused_and_the_others_are_enrolled(app, owner):
    list_id = confirmed(app, owner, content(1, 2))
    enrol_one(app, 9, reference="R1")

    work_off_lists(app)

    found = find_list(app, owner, list_id)
    assert found.findings.enrolled == 1
    assert [row.line for row in found.findings.refused] == [2]


def test_a_list_that_is_removed_while_it_is_checked_is_gone(app, owner, monkeypatch):
    list_id = begun(app, owner, content(1))
    advance = list_work._Work.advance

    def removed(self, done, *, of):
        remove_list(app, find_list(app, owner, list_id))
        advance(self, done, of=of)

    monkeypatch.setattr(list_work._Work, "advance", removed)

    assert work_off_lists(app) == 1
    with pytest.raises(NotFound):
        find_list(app, owner, list_id)


def test_a_list_is_begun_with_once(app, owner):
    list_id = begun(app, owner, content(1))
    found = find_list(app, owner, list_id)

    with pytest.raises(Conflict):
        choose_columns(app, found, found.file.layout)
    with pytest.raises(Conflict):
        enrol_list(app, found)
