"""The made-up clinic: its history is played to the end, it lives on, and a link lets one in."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.balance import balance
from followup.clock import SteppingClock
from followup.demo.clinic import HISTORY, furnish, live_on, patient
from followup.demo.member import add_demo_member, find_demo_member
from followup.domain.errors import Conflict, NotFound
from followup.staff.invitations import enter, entrance_link
from followup.store.models import Enrolment, Message, WorklistItem
from followup.store.staff_tables import StaffSession
from tests.kits import count_by_state, make_kit, rows
from tests.people import ENROLLED_AT
from tests.web.console.conftest import make_app
from tests.web.console.visitors import Visitor


@pytest.fixture
def practice(sqlite_url):
    """A kit over the sandbox, with a clock that steps, and the clock."""
    clock = SteppingClock(ENROLLED_AT - HISTORY)
    kit = make_kit(sqlite_url, clock=clock, sandbox=True)
    yield kit, clock
    kit.close()


@pytest.mark.slow
def test_its_last_days_hold_what_a_visitor_wants_to_see(practice):
    kit, clock = practice

    furnish(kit, clock, until=ENROLLED_AT)

    assert clock.now() == ENROLLED_AT
    counts = count_by_state(rows(kit, Message))
    assert {"planned", "delivered", "failed", "suppressed", "held", "cancelled"} <= set(counts)
    assert {"failed", "reply"} <= {item.kind for item in rows(kit, WorklistItem)}
    assert balance(kit).remainder == 0


def test_it_lives_on_and_enrols_whoever_comes_next(practice):
    kit, clock = practice
    clock.advance_to(ENROLLED_AT)
    looks = iter([False, False, False, True])

    def wait(_seconds):
        clock.advance_to(clock.now() + timedelta(minutes=30))
        return next(looks)

    live_on(kit, wait=wait)

    assert len(rows(kit, Enrolment)) == 1


def test_each_serial_is_another_made_up_person():
    made = [patient(serial, procedure_at=ENROLLED_AT).person for serial in range(1, 300)]

    assert len({one.nhs_number for one in made}) == len(made)
    assert {number[:10] for one in made if (number := one.mobile)} == {"+447700900"}
    assert all((one.email or "").endswith("@example.com") for one in made)


def test_its_link_lets_one_in_once_without_a_password(practice):
    kit, _ = practice
    add_demo_member(kit)
    member = find_demo_member(kit)
    visitor = Visitor(make_app(kit))
    path = f"/join/{entrance_link(kit, member, actor='cli:run')}"
    assert visitor.get(path).heading == "Look around"

    assert visitor.post(path).heading == "Home"

    visitor.get(path, status=404)
    assert len(rows(kit, StaffSession)) == 1


def test_nobody_gets_in_without_a_password_where_messages_can_go_out(sqlite_kit):
    add_demo_member(sqlite_kit)

    with pytest.raises(Conflict, match="without a password"):
        entrance_link(sqlite_kit, find_demo_member(sqlite_kit), actor="cli:run")


def test_a_link_of_another_kind_does_not_let_in(practice):
    kit, _ = practice
    with pytest.raises(NotFound):
        enter(kit, "x" * 43)
