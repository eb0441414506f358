"""The made-up clinic: its history is played to the end, it lives on, and a link lets one in."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from http.client import HTTPConnection

import pytest

from followup.clock import SteppingClock
from followup.demo.clinic import WROTE_LAST, furnish, live_on, patient
from followup.demo.member import add_demo_member, find_demo_member
from followup.demo.staff import NURSES
from followup.demo.waiting import waiting_page
from followup.domain.errors import Conflict, NotFound
from followup.monitoring.message_balance import balance
from followup.sending.claim import claim_due
from followup.sending.send_batch import send_batch
from followup.staff.invitations import enter_by_link, entrance_link
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.staff import StaffSession
from followup.store.models.worklist import WorklistItem
from followup.web.listening import listen
from tests.support.apps import count_by_state, make_app, rows, sweep
from tests.support.people import ENROLLED_AT
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import Visitor

HISTORY = timedelta(days=9)
"""Some days of lists, and the last ones from event to event: the demonstration plays weeks."""


@pytest.fixture
def practice(sqlite_url):
    """An app context over the sandbox, with a clock that steps, and the clock."""
    clock = SteppingClock(ENROLLED_AT - HISTORY)
    app = make_app(sqlite_url, clock=clock, sandbox=True)
    yield app, clock
    app.close()


@pytest.mark.slow
def test_its_last_days_hold_what_a_visitor_wants_to_see(practice):
    app, clock = practice

    furnish(app, clock, until=ENROLLED_AT)

    assert clock.now() == ENROLLED_AT
    counts = count_by_state(rows(app, Message))
    assert {"planned", "delivered", "failed", "suppressed"} <= set(counts)
    items = rows(app, WorklistItem)
    assert {"failed", "reply"} <= {item.kind for item in items}
    assert "closed" in {item.state for item in items}
    assert {item.closed_by for item in items} - {None} <= {f"web:{one.email}" for one in NURSES}
    lately = [item for item in items if item.opened_at > ENROLLED_AT - 2 * max(WROTE_LAST)]
    assert sum(item.state != "closed" for item in lately) >= len(WROTE_LAST)
    assert balance(app).remainder == 0


@pytest.mark.slow
def test_seven_weeks_later_every_follow_up_has_finished_and_the_balance_is_even(practice):
    app, clock = practice
    furnish(app, clock, until=ENROLLED_AT - HISTORY / 2)
    enrolled = len(rows(app, Enrolment))
    with ThreadPoolExecutor(4) as executor:
        while clock.now() < ENROLLED_AT + timedelta(weeks=7):
            clock.advance_to(clock.now() + timedelta(hours=12))
            for batch in claim_due(app):
                send_batch(app, batch.token, batch.message_ids, executor=executor)
            clock.advance_to(clock.now() + timedelta(minutes=5))
            sweep(app)

    assert enrolled > 0
    assert {one.state for one in rows(app, Enrolment)} == {"finished"}
    assert balance(app).remainder == 0


def test_it_lives_on_and_enrols_whoever_comes_next(practice):
    app, clock = practice
    clock.advance_to(ENROLLED_AT)
    looks = iter([False, False, False, True])

    def wait(_seconds):
        clock.advance_to(clock.now() + timedelta(minutes=30))
        return next(looks)

    live_on(app, wait=wait)

    assert len(rows(app, Enrolment)) == 1


def test_its_port_says_how_far_it_is_until_the_console_takes_it_over():
    with closing(listen("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with waiting_page(listener) as played:
            played(0.42)
            connection = HTTPConnection(*address, timeout=10)
            connection.request("GET", "/patients")
            answer = connection.getresponse()

        assert answer.status == 503
        assert "42 % done" in answer.read().decode()
        socket.create_connection(address).close()


def test_each_serial_is_another_made_up_person():
    made = [patient(serial, procedure_at=ENROLLED_AT).person for serial in range(1, 300)]

    assert len({one.nhs_number for one in made}) == len(made)
    assert {number[:10] for one in made if (number := one.mobile)} == {"+447700900"}
    assert all((one.email or "").endswith("@example.com") for one in made)


def test_its_link_lets_one_in_once_without_a_password(practice):
    app, _ = practice
    add_demo_member(app)
    member = find_demo_member(app)
    visitor = Visitor(make_asgi(app))
    path = f"/join/{entrance_link(app, member, actor='cli:run')}"
    assert visitor.get(path).heading == "Look around"

    assert visitor.post(path).heading == "Home"

    visitor.get(path, status=404)
    assert len(rows(app, StaffSession)) == 1


def test_nobody_gets_in_without_a_password_where_messages_can_go_out(sqlite_app):
    add_demo_member(sqlite_app)

    with pytest.raises(Conflict, match="without a password"):
        entrance_link(sqlite_app, find_demo_member(sqlite_app), actor="cli:run")


def test_a_link_of_another_kind_does_not_let_in(practice):
    app, _ = practice
    with pytest.raises(NotFound):
        enter_by_link(app, "x" * 43)
