"""The list of messages: pills, filters, pages by cursor, and the same as a table."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest

from followup.domain.lifecycle import State
from followup.store.models.audit import AuditEvent
from followup.web.console.framework.table_export import MARK
from followup.web.console.pages import messages as listing
from followup.web.console.pages.messages import STATE_FILTERS
from tests.support.apps import a_message, clock_of, enrol_one, messages, rows, run_until, sms_of
from tests.support.people import ENROLLED_AT, SMS
from tests.support.scripted_channel import refuse
from tests.web.console.patients.test_patient import statements
from tests.web.console.visitors import HOME


@pytest.fixture
def week(sqlite_app):
    """Two patients, a day on: one's first text failed, the other's went."""
    sms_of(sqlite_app).script(refuse("30008"))
    enrol_one(sqlite_app, 1, channels=(SMS,), reference="=REF")
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=5))
    enrol_one(sqlite_app, 2)
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=10))
    return sqlite_app


def listed(page):
    return (
        [row.text for row in page.page.all("tbody")[0].all("tr")] if page.page.all("tbody") else []
    )


def pill(page, text):
    (found,) = [
        link
        for link in page.page.one("nav", **{"aria-label": "By state"}).all("a")
        if link.text.startswith(text + " ")
    ]
    return found


def test_every_state_has_a_pill():
    told = [state for states in STATE_FILTERS.values() for state in states]

    assert sorted(told) == sorted(State)


def test_pills_count_and_narrow(week, auditor):
    page = auditor.get("/messages")
    assert pill(page, "All").text == "All 2"
    assert pill(page, "Not delivered").text == "Not delivered 1"

    failed = auditor.get(pill(page, "Not delivered").attributes["href"])

    assert len(listed(failed)) == 1
    assert "Test Patient-00001" in listed(failed)[0]
    assert pill(failed, "Not delivered").attributes["aria-current"] == "true"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("when=today", 2),
        ("when=ahead", 10),
        ("when=month", 2),
        ("channel=email", 0),
        ("channel=sms&step=going-home", 2),
        ("step=dressing", 0),
        ("step=dressing&when=ahead", 2),
        ("protocol=facet-joint-injection", 0),
        ("since=19&since-month=10&since-year=2026", 28),
        ("until=18&until-month=10&until-year=2026", 0),
        ("state=nonsense&channel=nonsense", 2),
    ],
)
def test_the_list_is_narrowed_by(week, auditor, query, count):
    page = auditor.get(f"/messages?{query}")

    expected = [one for one in messages(week) if one.due_at <= clock_of(week).now()]
    assert len(expected) == 2
    if count == 28:
        count = len(messages(week))
    if query == "when=ahead":
        ahead = clock_of(week).now() + timedelta(days=7)
        count = sum(clock_of(week).now() <= one.due_at < ahead for one in messages(week))
    assert len(listed(page)) == count


def test_a_date_that_does_not_exist_is_said_so(auditor):
    page = auditor.get("/messages?since=31&since-month=2&since-year=2026", status=422)

    assert page.errors == ["Enter a real date"]


def test_the_list_goes_on_page_by_page_latest_first(sqlite_app, auditor):
    at = sqlite_app.clock.now()
    for minutes in range(120):
        a_message(sqlite_app, State.DELIVERED, due_at=at - timedelta(minutes=1 + minutes // 2))
    seen, href = [], "/messages"
    while href:
        page = auditor.get(href)
        links = [link.attributes["href"] for link in page.page.one("main").all("a")]
        seen += [link for link in links if link.startswith("/messages/")]
        nexts = [to for text, to in page.links().items() if text.startswith("Next")]
        href = nexts[0] if nexts else None

    every = {f"/messages/{one.id}": one.due_at for one in messages(sqlite_app)}
    assert sorted(seen) == sorted(every)
    assert [every[path] for path in seen] == sorted(every.values(), reverse=True)


def test_beyond_a_thousand_it_says_so_and_stops_counting(sqlite_app, auditor, monkeypatch):
    monkeypatch.setattr(listing, "COUNTED", 3)
    for _ in range(5):
        a_message(sqlite_app, State.DELIVERED, due_at=ENROLLED_AT - timedelta(hours=1))

    page = auditor.get("/messages")

    assert pill(page, "Delivered").text == "Delivered 3+"
    assert pill(page, "All").text == "All 3+"


def test_the_table_holds_the_same_choice_and_no_patient(week, auditor, monkeypatch):
    monkeypatch.setattr(listing, "EXPORT_BATCH", 1)
    page = auditor.get("/messages")
    answer = auditor.client.get(HOME + page.links()["Download CSV"])

    found = list(csv.DictReader(answer.text.removeprefix(MARK).splitlines()))
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].endswith(
        'filename="messages-derriford-pain-2026-10-19.csv"'
    )
    assert [one["State"] for one in found] == ["Sent", "Not delivered"]
    assert found[0]["Due"] == "2026-10-19 15:05"
    with_ids = auditor.client.get(HOME + page.links()["CSV with ids and UTC times"]).text
    codes = list(csv.DictReader(with_ids.removeprefix(MARK).splitlines()))
    assert codes[0].items() >= found[0].items()
    assert codes[0]["due_at"] == "2026-10-19T14:05:00+00:00"
    assert [one["state"] for one in codes] == ["sent", "failed"]
    assert "Test Patient" not in answer.text
    assert "07700" not in answer.text


def test_no_cell_of_the_table_is_a_formula(week, auditor):
    answer = auditor.client.get(f"{HOME}/messages.csv?state=failed")

    (one,) = csv.DictReader(answer.text.removeprefix(MARK).splitlines())
    assert one["Reference"] == "'=REF"


def test_the_table_of_dates_that_do_not_exist_is_asked_for_again(auditor):
    answer = auditor.client.get(
        f"{HOME}/messages.csv?since=31&since-month=2&since-year=2026", follow_redirects=False
    )

    assert answer.headers["location"].startswith("/messages?since=31")


def test_looking_and_taking_away_are_recorded(week, auditor):
    auditor.get("/messages")
    auditor.client.get(f"{HOME}/messages.csv?state=failed")

    told = [(e.action, e.detail) for e in rows(week, AuditEvent) if e.actor.startswith("web:")]
    assert told == [
        ("messages.listed", {"shown": 2}),
        ("messages.exported", {"state": "failed"}),
    ]


def test_the_messages_of_another_clinic_are_not_there(week, joined):
    stranger = joined(clinics=["elsewhere"])

    page = stranger.get("/messages")

    assert listed(page) == []
    assert pill(page, "All").text == "All 0"
    assert len(stranger.client.get(f"{HOME}/messages.csv").text.splitlines()) == 1


def test_more_messages_ask_no_more_of_the_database(sqlite_app, auditor):
    enrol_one(sqlite_app, 1)
    auditor.get("/messages?when=ahead")
    few = statements(sqlite_app, lambda: auditor.get("/messages?when=ahead"))
    for serial in range(2, 12):
        enrol_one(sqlite_app, serial)

    assert statements(sqlite_app, lambda: auditor.get("/messages?when=ahead")) == few
