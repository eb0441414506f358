"""`followup timeline` and `followup messages`: what was planned, and what became of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.cli.oversight import messages as messages_command
from tests.cli.conftest import enrolled
from tests.support.apps import enrol_many, run_until


@pytest.mark.parametrize("length", [36, 35, 8], ids=["whole", "all-but-one", "eight"])
def test_an_enrolment_is_found_by_its_id_or_the_beginning_of_it(on_both, length):
    identifier = enrolled(on_both)["enrolment_id"]

    answer = on_both("timeline", identifier[:length], "--json")

    assert answer.json["enrolment_id"] == identifier


def test_an_id_may_be_written_in_capitals_and_without_hyphens(followup):
    identifier = enrolled(followup)["enrolment_id"]

    answer = followup("timeline", identifier.replace("-", "").upper(), "--json")

    assert answer.json["enrolment_id"] == identifier


def test_an_enrolment_is_found_by_the_clinics_reference(on_both):
    identifier = enrolled(on_both, reference="THEATRE 1027/a")["enrolment_id"]

    assert on_both("timeline", "THEATRE 1027/a", "--json").json["enrolment_id"] == identifier


def test_a_beginning_that_fits_two_is_refused_with_both(followup):
    # Ids begin with the time, which stands still here.
    with followup.app() as app:
        first, second = map(str, enrol_many(app, 2))

    answer = followup("timeline", first[:13])

    assert answer.code == 1
    assert first in answer.err
    assert second in answer.err


def test_a_reference_that_is_the_beginning_of_another_id_is_refused_as_well(followup):
    first = enrolled(followup, 1)["enrolment_id"]
    enrolled(followup, 2, reference=first[:18])

    assert followup("timeline", first[:18]).code == 1
    assert followup("timeline", first).code == 0


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        pytest.param("01a2", "at least 8 characters", id="too-short"),
        pytest.param("nothing-here", "there is no enrolment 'nothing-here'", id="no-reference"),
        pytest.param("0" * 32, "there is no enrolment", id="no-id"),
    ],
)
def test_what_is_not_there_is_refused(followup, wanted, told):
    answer = followup("timeline", wanted)

    assert answer.code == 1
    assert told in answer.err


def test_a_timeline_shows_what_was_sent_in_its_own_words(followup):
    enrolled(followup)
    with followup.app() as app:
        run_until(app, followup.now + timedelta(days=1))

    answer = followup("timeline", "REF-1")
    messages = followup("timeline", "REF-1", "--json").json["messages"]

    assert messages[0]["state"] == "delivered"
    assert messages[0]["attempts"] == 1
    assert messages[0]["provider_id"]
    assert messages[0]["text"].startswith("Derriford Pain Clinic: do not drive")
    assert "Delivered" in answer.out
    assert "Reference  REF-1" in answer.out


def test_an_earlier_generation_is_left_out_unless_asked_for(followup):
    enrolled(followup)
    followup("reschedule", "REF-1", "--procedure-at", "2026-10-20T09:00")

    shown = followup("timeline", "REF-1")
    everything = followup("timeline", "REF-1", "--all")

    assert shown.out.count("red-flags") == 4
    assert "Not shown: 14 messages of an earlier procedure time" in shown.err
    assert everything.out.count("red-flags") == 8
    assert len(followup("timeline", "REF-1", "--json").json["messages"]) == 30


def test_messages_are_one_object_a_line_in_the_order_due(on_both):
    for serial in (1, 2):
        enrolled(on_both, serial)

    lines = on_both("messages", "--json").lines

    assert len(lines) == 28
    assert [it["due_at"] for it in lines] == sorted(it["due_at"] for it in lines)
    assert len({it["id"] for it in lines}) == 28


def test_messages_are_chosen_by_state_step_channel_and_time(on_both):
    enrolled(on_both, 1)
    enrolled(on_both, 2, channels=["email"])
    on_both("withdraw", "REF-2", "--reason", "a test")

    def listed(*args):
        return on_both("messages", *args, "--json").lines

    assert {it["state"] for it in listed("--status", "cancelled")} == {"cancelled"}
    assert len(listed("--status", "planned,cancelled")) == 28
    assert len(listed("--status", "planned", "--status", "failed")) == 14
    assert {it["step"] for it in listed("--step", "flare", "--step", "moving")} == {
        "flare",
        "moving",
    }
    assert {it["channel"] for it in listed("--channel", "email")} == {"email"}
    assert listed("--clinic", "derriford-pain") == listed()
    day = listed("--since", "2026-10-21", "--until", "2026-10-22")
    assert {it["due_at"][:10] for it in day} == {"2026-10-21"}
    assert len(day) == 4


def test_a_day_begins_at_midnight_by_the_clinics_clock(followup):
    enrolled(followup)

    # Day 2 at 08:30 in Plymouth is 07:30 in UTC.
    until = followup("messages", "--until", "2026-10-21T08:30", "--json").lines
    beyond = followup("messages", "--until", "2026-10-21T07:31:00Z", "--json").lines

    assert len(beyond) == len(until) + 1


def test_a_limit_stops_and_says_so(followup):
    enrolled(followup)

    answer = followup("messages", "--limit", "3")

    assert len(answer.out.splitlines()) == 4
    assert "Stopped at 3" in answer.err
    assert len(followup("messages", "--limit", "3", "--json").lines) == 3


def test_many_messages_come_page_by_page_without_one_twice_or_none(on_both, monkeypatch):
    monkeypatch.setattr(messages_command, "PAGE_SIZE", 7)
    with on_both.app() as app:
        enrol_many(app, 5)

    lines = on_both("messages", "--json").lines

    assert len(lines) == 50
    assert len({it["id"] for it in lines}) == 50
    assert len(on_both("messages", "--limit", "15", "--json").lines) == 15


def test_without_any_it_says_so(followup):
    assert followup("messages").out == "No such messages.\n"
    assert followup("messages", "--json").out == ""


@pytest.mark.parametrize(
    "args",
    [
        pytest.param(("--status", "nope"), id="status"),
        pytest.param(("--channel", "pigeon"), id="channel"),
        pytest.param(("--since", "soon"), id="since"),
        pytest.param(("--until", "2026-13-01"), id="until"),
        pytest.param(("--limit", "-1"), id="limit"),
        pytest.param(("--limit", "many"), id="no-number"),
    ],
)
def test_a_wrong_use_ends_with_2(followup, args):
    answer = followup("messages", *args)

    assert answer.code == 2
    assert args[0] in answer.err
