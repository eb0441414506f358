"""An item fit for the call: what is known beforehand, what came of it, and who goes on with it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from followup.casework.escalation import escalate_overdue
from followup.context import OnCall
from followup.domain.contact import spoken_mobile
from followup.domain.roles import Role
from followup.store.models.audit import AuditEvent
from tests.support.apps import clock_of, enrol_one, rows, run_jobs, run_until, tasks
from tests.support.people import ENROLLED_AT
from tests.web.console.patients.test_patient import write

MINUTE = timedelta(minutes=1)


@pytest.fixture
def item(sqlite_app):
    """The path of an item about a text that may tell of a red flag, on the day after."""
    enrol_one(sqlite_app, diabetic=True)
    run_until(sqlite_app, ENROLLED_AT + timedelta(hours=18))
    write(sqlite_app, "My leg feels weak")
    run_jobs(sqlite_app)
    return path_of(sqlite_app)


def item_of(app, kind="reply"):
    return next(one for one in tasks(app) if one.kind == kind)


def path_of(app, kind="reply"):
    return f"/attention/{item_of(app, kind).id}"


def audited(app, action):
    return [one for one in rows(app, AuditEvent) if one.action == action]


def test_whoever_rings_sees_what_is_known(sqlite_app, joined, item):
    page = joined(Role.ENROL).get(item)

    text = page.text
    for known in (
        "Fri 2 Feb 1951 – ask the patient to say it",
        "Nerve root block, Mon 19 Oct 2026, 2:30pm: today is day 1",
        "Does the patient have diabetes? Yes",
        "Possible red flag: “leg weak”",
        "Automatic answer",
        sqlite_app.content.cards["reply-red-flag"].title,
        "Last advice",
    ):
        assert known in text, known
    assert "07700 900001" not in text


def test_the_number_is_shown_on_one_recorded_tap_and_rings(sqlite_app, joined, item):
    page = joined(Role.ENROL).post(f"{item}/reveal")

    assert page.links()["07700 900001"] == "tel:+447700900001"
    assert len(audited(sqlite_app, "patient.revealed")) == 1


def test_the_page_asks_the_protocols_questions_and_says_who_is_there(sqlite_app, joined, item):
    on_call = OnCall(sms=("+447700900700",))
    told = replace(sqlite_app, policy=replace(sqlite_app.policy, on_call=on_call))
    clock_of(sqlite_app).advance(MINUTE * 16)
    escalate_overdue(told)

    text = joined(Role.ENROL).get(item).text

    assert "Do you have new weakness in your leg, or in both?" in text
    assert "No clinician has approved these questions yet" in text
    assert re.search(r"Signed in now: \w", text)
    assert "those on call were told by text" in text


def test_news_of_a_red_flag_names_no_patient_and_is_cheap_while_nothing_changes(
    sqlite_app, joined, item
):
    nurse = joined(Role.ENROL)
    first = nurse.client.get("/attention/news")
    assert first.json() == {
        "waiting": 1,
        "urgent": [{"id": item.rpartition("/")[2], "label": "Reply from a patient"}],
    }
    tag = {"If-None-Match": first.headers["ETag"]}
    assert nurse.client.get("/attention/news", headers=tag).status_code == 304

    nurse.post(f"{item}/take")

    assert nurse.client.get("/attention/news", headers=tag).json()["urgent"] == []
    assert joined(Role.ENROL, clinics=["elsewhere"]).client.get("/attention/news").json() == {
        "waiting": 0,
        "urgent": [],
    }


def test_a_text_in_approved_words_is_sent_from_the_item_and_nothing_else(sqlite_app, joined, item):
    nurse = joined(Role.ENROL)
    for sent, told in (
        ({}, ["Choose a text to send"]),
        ({"phrase": "Come in tomorrow"}, ["Choose a text to send"]),
        (
            {"phrase": "phrase-will-ring", "ring_on": "2031-01-01", "ring_at": "soon"},
            ["Choose the day on which you will phone", "Enter a time, like 15:30 or 3:30pm"],
        ),
    ):
        assert nurse.post(f"{item}/text", sent, status=422).errors == told
    right = {"phrase": "phrase-will-ring", "ring_on": "2026-10-20", "ring_at": "3:30pm"}

    page = nurse.post(f"{item}/text", right)

    assert "The text is planned" in page.text
    [event] = audited(sqlite_app, "message.phrase")
    assert event.detail == {"phrase": "phrase-will-ring", "item": item.rpartition("/")[2]}
    assert nurse.post(f"{item}/text", right, status=422).errors == [
        "This text was sent a few minutes ago: see it on the patient’s page."
    ]


def test_a_foreign_number_is_read_out_with_its_country():
    assert spoken_mobile("+33612345678") == "+33 6 12 34 56 78"


def test_a_call_that_reached_the_patient_says_what_they_were_told(sqlite_app, joined, item):
    nurse = joined(Role.ENROL)
    sent = {"outcome": "spoke", "done": "yes", "note": "Weak since Sunday."}
    refused = nurse.post(f"{item}/call", sent, status=422)
    assert refused.errors == ["Choose what the patient was told"]

    nurse.post(f"{item}/call", {**sent, "advised": "told-emergency"})

    assert item_of(sqlite_app).outcome == "told-emergency"
    told = nurse.get(item).text
    assert "Told to go to the emergency department or ring 999" in told
    assert "Weak since Sunday." in told


def test_a_patient_who_does_not_answer_is_rung_again_when_it_was_said(sqlite_app, joined, item):
    nurse = joined(Role.ENROL)
    # Nine in Plymouth, and urgent.
    sent = {"outcome": "no-answer", "done": "no", "again_at": "9:45"}
    for wrong, told in (
        ("soon", "Enter a time, like 15:30 or 3:30pm"),
        ("10:30", "this can't wait so long: try within the next hour"),
    ):
        page = nurse.post(f"{item}/call", {**sent, "again_at": wrong}, status=422)
        assert page.errors == [told]

    page = nurse.post(f"{item}/call", sent)

    kept = item_of(sqlite_app)
    assert kept.due_at == kept.escalate_at
    assert kept.due_at.astimezone(UTC) == datetime(2026, 10, 20, 8, 45, tzinfo=UTC)
    assert "Phone call: no answer" in page.text
    assert len(audited(sqlite_app, "worklist.put-off")) == 1


def test_an_item_is_handed_over_with_a_note_and_stays_open_until_it_is_accepted(
    sqlite_app, joined, item
):
    nurse, colleague = joined(Role.ENROL), joined(Role.ENROL)
    joined(Role.MANAGE)
    joined(Role.ENROL, clinics=["elsewhere"])
    page = nurse.get(f"{item}/hand-over")
    offered = [each.attributes["value"] for each in page.page.all("option")]
    assert len(offered) == 2
    assert nurse.post(f"{item}/hand-over", {}, status=422).errors == ["Choose who takes this over"]
    too_long = {"to": offered[1], "note": "x" * 2001}
    assert nurse.post(f"{item}/hand-over", too_long, status=422).errors == [
        "use at most 2000 characters"
    ]

    nurse.post(f"{item}/hand-over", {"to": offered[1], "note": "Ring after four."})

    given = item_of(sqlite_app)
    assert (given.state, given.owner) == ("open", f"web:{colleague.email}")
    assert b"Ring after" not in given.note_sealed
    assert "Ring after four." in colleague.get(item).text
    colleague.post(f"{item}/take")
    assert item_of(sqlite_app).state == "taken"
    colleague.post(f"{item}/done", {"outcome": "told", "note": "Done at five."})
    told = colleague.get(item).text
    assert "Ring after four." in told
    assert "Done at five." in told
    assert len(audited(sqlite_app, "worklist.handed-over")) == 1
    nurse.post(f"{item}/hand-over", {"to": offered[1]}, status=409)


def test_closing_can_be_undone_within_a_minute_by_who_did_it(sqlite_app, joined, item):
    nurse, colleague = joined(Role.ENROL), joined(Role.ENROL)
    page = nurse.post(f"{item}/done", {"outcome": "not-needed"})
    assert f"{item}/undo" in page.html
    assert "/undo" not in colleague.get(f"/attention?item={item.rpartition('/')[2]}").html
    colleague.post(f"{item}/undo", status=409)

    page = nurse.post(f"{item}/undo")

    assert "Open again." in page.text
    assert (item_of(sqlite_app).state, item_of(sqlite_app).outcome) == ("open", None)
    nurse.post(f"{item}/done", {"outcome": "not-needed"})
    clock_of(sqlite_app).advance(MINUTE + timedelta(seconds=1))
    assert "/undo" not in nurse.get(item).html
    nurse.post(f"{item}/undo", status=409)
    assert len(audited(sqlite_app, "worklist.reopened")) == 1


def test_the_next_item_is_one_step_away(sqlite_app, joined, item):
    enrol_one(sqlite_app, 2)
    write(sqlite_app, "What happens with parking", serial=2)
    nurse = joined(Role.ENROL)
    first, second = (f"/attention/{one.id}" for one in tasks(sqlite_app))

    assert nurse.get(first).links()["Next item"] == second
    page = nurse.post(f"{first}/done", {"outcome": "told"})
    assert page.links()["Next item"] == second
    assert "Next item" not in nurse.get(second).links()
    assert "Next item" not in nurse.get("/attention?item=no-id").links()
