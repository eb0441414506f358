"""Looking after an enrolled patient in a browser: stop and start, another time, pause, a call."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from followup.domain.roles import Role
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from tests.support.apps import enrol_one, message, rows, run_until
from tests.support.people import ENROLLED_AT

with_and_without = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])


@pytest.fixture
def enrolled(site):
    """The enrolment of a patient who is five days into the follow-up."""
    made = enrol_one(site.app, 1, diabetic=True)
    run_until(site.app, ENROLLED_AT + timedelta(days=5))
    site.serve()
    return made


@pytest.fixture
def path(site, enrolled):
    """Where the patient's page is."""
    (patient,) = rows(site.app, Patient)
    return f"/patients/{patient.id}"


def states(site):
    with site.app.store.read() as session:
        return set(session.scalars(select(Message.state)))


def test_the_timeline_has_what_was_what_comes_and_now_between(window, site, path):
    screen = window(site, Role.ENROL)
    screen.go(path)

    screen.look()
    assert screen.page.get_by_text("Now", exact=False).count() >= 1
    assert "Delivered" in screen.text
    assert "Planned" in screen.text
    assert "+447700900001" not in screen.page.content()


@with_and_without
def test_showing_contacts_in_full_is_a_button_and_recorded(window, site, path, javascript):
    screen = window(site, Role.ENROL, javascript=javascript)
    screen.go(path)
    screen.click("Show in full")

    assert "07700 900001" in screen.text or "+447700900001" in screen.text
    screen.look()
    shown = [one for one in rows(site.app, AuditEvent) if "reveal" in one.action]
    assert len(shown) == 1


@with_and_without
def test_stopping_and_starting_messages(window, site, path, javascript):
    screen = window(site, Role.ENROL, javascript=javascript)
    screen.go(path)
    screen.click("Stop messages")
    screen.look()
    screen.click("Continue")
    assert screen.page.title().startswith("Error: ")
    screen.look()
    screen.page.get_by_label("Any messages").check()
    screen.click("Continue")
    screen.look()
    assert "These will not be sent" in screen.text
    assert "planned" in states(site)
    screen.click("Stop messages")

    screen.look()
    assert "does not want" in screen.text
    assert "planned" not in states(site)

    screen.click("Restart messages")
    screen.look()
    assert screen.page.get_by_text("Restart messages").count() == 0
    assert "planned" in states(site)


@with_and_without
def test_the_time_is_changed_after_the_difference_was_seen(
    window, site, path, enrolled, javascript
):
    before = message(site.app, enrolled, "moving").due_at
    screen = window(site, Role.ENROL, javascript=javascript)
    screen.go(path)
    screen.click("Change time")
    screen.look()
    group = screen.page.get_by_role("group", name="Date of the procedure")
    group.get_by_label("Day").fill("20")
    screen.click("See what changes")

    screen.look()
    assert "Not sent again: it was delivered on Sat 24 Oct 2026, 10am" in screen.text
    assert screen.page.get_by_role("group", name="Send again").get_by_role("checkbox").count()
    (enrolment,) = rows(site.app, Enrolment)
    assert enrolment.generation == 1

    screen.click("Change the time")
    screen.look()
    (enrolment,) = rows(site.app, Enrolment)
    assert enrolment.generation == 2
    moved = message(site.app, enrolled, "moving", state="planned").due_at
    assert moved - before == timedelta(days=1)


def test_a_time_that_cannot_be_is_refused_on_the_page(window, site, path):
    screen = window(site, Role.ENROL)
    screen.go(path)
    screen.click("Change time")
    screen.page.get_by_role("group", name="Date of the procedure").get_by_label("Year").fill("2027")
    screen.click("See what changes")

    assert screen.page.title().startswith("Error: ")
    screen.look()


def test_pausing_and_resuming(window, site, path):
    screen = window(site, Role.ENROL)
    screen.go(path)
    screen.press(screen.page.get_by_text("More about this follow-up"))
    screen.press(screen.page.get_by_role("button", name="Pause"))
    screen.look()
    assert "held" in states(site)
    screen.press(screen.page.get_by_role("button", name="Resume"))
    screen.look()
    assert "held" not in states(site)


def test_ending_a_follow_up_asks_why(window, site, path):
    screen = window(site, Role.ENROL)
    screen.go(path)
    screen.press(screen.page.get_by_text("More about this follow-up"))
    screen.click("End the follow-up")
    screen.look()
    screen.press(screen.page.locator("form button").last)
    assert screen.page.title().startswith("Error: ")
    screen.look()
    assert "cancelled" not in states(site)


def test_a_call_is_a_part_of_the_timeline(window, site, path):
    screen = window(site, Role.ENROL)
    screen.go(path)
    screen.click("Record a call")
    screen.look()
    screen.page.locator("input[type=radio]").first.check()
    screen.fill("What was said (optional)", "All is well")
    screen.click("Save")
    screen.look()
    assert "All is well" in screen.text


def test_who_reads_only_is_offered_no_change(window, site, path):
    screen = window(site, Role.AUDIT)
    screen.go(path)
    screen.look()
    for words in ("Pause", "Change time", "Stop messages", "Record a call"):
        assert screen.page.get_by_text(words, exact=True).count() == 0
