"""The home page: what needs a person, what is due, how the week went, whether all runs."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from followup.clock import TimeLapseClock
from followup.domain.channel import ChannelKind
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import State
from followup.domain.roles import Role
from followup.monitoring.heartbeats import record_heartbeat
from followup.sending.kill_switches import activate_switch
from tests.support.apps import a_message, clock_of, enrol_one, make_app, run_until, sms_of, sweep
from tests.support.people import ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.conftest import make_asgi
from tests.web.console.patients.test_patient import statements, write
from tests.web.console.visitors import join

SOON = ENROLLED_AT + timedelta(minutes=5)


def cards(page):
    """Return the words of each card by its heading."""
    return {card.all("h2", "h3")[0].text: card.text for card in page.page.all("section")}


def test_where_nothing_waits_it_says_so(auditor):
    page = auditor.get("/")

    assert "Nothing needs action" in cards(page)["Needs action"]
    assert "No message is planned" in cards(page)["Due in the next 24 hours"]


def test_what_waits_is_counted_with_the_oldest_and_leads_to_the_list(sqlite_app, joined):
    sms_of(sqlite_app).script(refuse("21211", recipient=True))
    enrol_one(sqlite_app, 1, channels=(SMS,))
    run_until(sqlite_app, ENROLLED_AT + timedelta(hours=6))

    page = joined().get("/")

    assert "Needs action 1" in cards(page)["Needs action"]
    assert "has waited for" in cards(page)["Needs action"]
    assert page.links()["See what needs attention"] == "/attention"


def test_what_is_due_is_counted_by_message_and_channel(sqlite_app, admin):
    enrol_one(sqlite_app, 1)
    enrol_one(sqlite_app, 2, channels=(ChannelKind.EMAIL,))

    card = cards(admin.get("/"))["Due in the next 24 hours"]

    assert "Going home: 1 text, from 3pm" in card
    assert "Going home: 1 e-mail, from 3pm" in card
    assert "Taking the dressing off" in card


def test_this_week_and_the_last_one_are_told_as_they_were_counted(sqlite_app, auditor):
    assert "Nothing has been counted yet" in auditor.get("/").text
    a_message(sqlite_app, State.DELIVERED, kind="advice", due_at=ENROLLED_AT - timedelta(hours=1))
    a_message(sqlite_app, State.FAILED, kind="advice", due_at=ENROLLED_AT - timedelta(days=1))
    write(sqlite_app, "Hello?")
    sweep(sqlite_app, "count-weeks")

    page = auditor.get("/")

    (table,) = page.page.all("table")
    assert [[cell.text for cell in row.all("th", "td")] for row in table.all("tr")[1:]] == [
        ["This week so far", "1", "1", "0", "1"],
        ["Last week", "1", "0", "1", "0"],
    ]
    assert page.links()["Figures by week"] == "/figures"


def test_signs_of_life_are_told(sqlite_app, joined):
    page = joined().get("/")
    assert "Has never run" in page.text
    assert "Something is wrong with the service" in page.text

    sweep(sqlite_app)
    record_heartbeat(sqlite_app, "worker", "one")
    record_heartbeat(sqlite_app, "worker", "two")
    assert "2 at work" in joined().get("/").text
    clock_of(sqlite_app).advance_real(timedelta(minutes=3))
    assert "2 at work" not in joined().get("/").text


def test_the_figures_are_of_my_clinics_alone(sqlite_app, joined):
    a_message(sqlite_app, State.DELIVERED, due_at=ENROLLED_AT - timedelta(hours=1))
    write(sqlite_app, "Hello?")
    enrol_one(sqlite_app, 1)
    sweep(sqlite_app, "count-weeks")

    page = joined(clinics=["elsewhere"]).get("/")

    assert "Nothing has been counted yet" in page.text
    assert "No message is planned" in cards(page)["Due in the next 24 hours"]
    assert "Nothing needs action" in cards(page)["Needs action"]


@pytest.mark.parametrize("role", list(Role))
def test_every_role_has_a_home_and_no_link_that_it_may_not_follow(sqlite_app, joined, role):
    write(sqlite_app, "Hello?")
    enrol_one(sqlite_app, 1)
    visitor = joined(role)

    links = visitor.get("/").links()

    assert {visitor.get(href).status for href in links.values()} <= {200}


def test_more_messages_ask_no_more_of_the_database(sqlite_app, auditor):
    enrol_one(sqlite_app, 1)
    auditor.get("/")
    few = statements(sqlite_app, lambda: auditor.get("/"))
    for serial in range(2, 8):
        enrol_one(sqlite_app, serial)
        write(sqlite_app, f"Hello {serial}", serial=serial)

    assert statements(sqlite_app, lambda: auditor.get("/")) == few


def test_every_page_says_what_is_stopped_practised_and_by_which_clock(sqlite_url):
    at = ENROLLED_AT
    clock = TimeLapseClock(at, at, speed=300, real=lambda: at)
    with closing(make_app(sqlite_url, clock=clock, sandbox=True)) as app:
        activate_switch(app, SwitchScope.CHANNEL, "sms", reason="a fault", actor="cli:test")

        notices = join(app, make_asgi(app)).get("/patients").page.one("aside").text

    assert "Sending is stopped: all texts." in notices
    assert "Practice mode: no text or e-mail leaves this machine." in notices
    assert "Time-lapse: 5 minutes pass here each second. Here it is Monday 19 October" in notices
