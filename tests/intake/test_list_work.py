"""Uploaded lists are worked off by a job, whatever dies in the middle."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.errors import Conflict, NotFound
from followup.domain.intake.list_state import ListState
from followup.domain.roles import Role
from followup.intake import csv_import, list_work
from followup.intake.list_work import LEASE, MOST_TRIES, work_off_lists
from followup.intake.uploaded_lists import (
    choose_columns,
    enrol_list,
    find_list,
    remove_list,
    upload_list,
)
from followup.staff.members import MemberDetails, insert_member
from followup.store.models.enrolments import Enrolment
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


def test_a_row_that_differs_from_an_enrolment_says_what_differs_and_where_to_apply_it(app, owner):
    confirmed(app, owner, content(1))
    work_off_lists(app)
    list_id = begun(app, owner, content(1).replace(b"07700900001", b"07700900777"))
    work_off_lists(app)

    found = find_list(app, owner, list_id)
    [refused] = found.findings.refused
    [(_, why)] = refused.problems
    assert (found.findings.new, found.findings.already) == ((), ())
    assert "with another mobile; nothing was changed" in why
    assert "enrol this patient with the form" in why
    assert "--update" not in why


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
