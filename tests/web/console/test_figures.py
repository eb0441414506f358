"""Figures by week, response times, the balance and closed items, as pages and as CSV."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, insert

from followup.domain.erasure.restriction import RestrictionGround
from followup.domain.lifecycle import State
from followup.domain.roles import Role
from followup.erasure.restriction import restrict
from followup.store.models.figures import WeekCount, WeekCounted, WeekTimes
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.table_export import MARK
from followup.worklist.items import close_item
from tests.support.apps import a_message, clock_of, enrol_one, rows
from tests.support.people import CLINIC, ENROLLED_AT, PROTOCOL
from tests.web.console.conftest import make_asgi
from tests.web.console.patients.test_patient import write
from tests.web.console.visitors import join

RUNNING = date(2026, 10, 19)
OVER = [RUNNING - timedelta(weeks=number) for number in range(12, 0, -1)]
"""Twelve weeks that are over."""


def count(app, what, week, number, **by):
    row = {"clinic": CLINIC, "week": week, "what": what, "number": number, "protocol": PROTOCOL,
           "step": "flare", "channel": "sms", "language": "en", "cause": "", **by}  # fmt: skip
    with app.store.write() as session:
        session.execute(insert(WeekCount), [row])


@pytest.fixture
def weeks(sqlite_app):
    """Twelve weeks in which nine of ten arrive, one in which only five do, and the running one."""
    for week in OVER:
        lost = 5 if week == OVER[-3] else 1
        count(sqlite_app, "in-window", week, 10 - lost)
        count(sqlite_app, "not-delivered", week, lost, cause="30006")
        count(sqlite_app, "segments", week, 20)
    count(sqlite_app, "not-delivered", RUNNING, 9, cause="window-over", step="moving")
    with sqlite_app.store.write() as session:
        counted = {"clinic": CLINIC, "week": RUNNING, "counted_at": ENROLLED_AT}
        session.execute(insert(WeekCounted), [counted])
    return sqlite_app


def cards(page):
    return {card.one("h2").text: card for card in page.page.all("section")}


def table_of(answer):
    assert answer.text.startswith(MARK)
    return list(csv.DictReader(answer.text.removeprefix(MARK).splitlines()))


def test_a_week_beyond_the_limits_stands_out_and_the_running_one_counts_for_nothing(weeks, joined):
    page = joined(Role.MANAGE).get("/figures")

    card = cards(page)["Delivered in the window"]
    assert "Mean 86.7%. Usual: at least 67.3%." in card.text
    assert "Week from 28 Sep 2026: 50.0%, below the lower limit" in card.text
    assert len(card.all("rect")) == 1
    assert [cell.text for cell in card.all("tr")[1].all("th", "td")] == [
        "19 Oct 2026", "0.0%", "not over yet",
    ]  # fmt: skip
    assert "None in these weeks" in cards(page)["Stops"].text
    causes = [row.text for row in page.page.all("table")[-1].all("tr")[1:]]
    assert [text.rsplit(" ", 1)[1] for text in causes] == ["16", "9"]


def test_with_eleven_weeks_the_page_says_how_many_there_are(weeks, auditor):
    with weeks.store.write() as session:
        session.execute(delete(WeekCount).where(WeekCount.week == OVER[0]))

    card = cards(auditor.get("/figures"))["Delivered in the window"]

    assert "11 weeks with a figure. Limits need 12." in card.text


def test_a_choice_narrows_the_figures_and_the_file_is_named_after_it(weeks, auditor):
    page = auditor.get("/figures?step=moving&weeks=52&clinic=nowhere")
    assert "None in these weeks" in cards(page)["Text segments"].text

    answer = auditor.client.get(page.links()["Download CSV"])

    assert f'filename="figures-{CLINIC}-2026-10-19.csv"' in answer.headers["content-disposition"]
    found = table_of(answer)
    assert (found[-1]["Week from"], found[-1]["Over"], found[-1]["Not delivered"]) == (
        "2026-10-19", "no", "9",
    )  # fmt: skip


def test_costs_are_told_where_a_price_is_set(weeks):
    app = replace(weeks, policy=replace(weeks.policy, segment_pence=Decimal("3.9")))
    visitor = join(app, make_asgi(app))

    assert (
        "240 text segments in these weeks: £9.36, at 3.9p a segment" in visitor.get("/figures").text
    )
    assert table_of(visitor.client.get("/figures.csv"))[0]["Cost of segments (£)"] == "0.78"


def test_response_times_are_told_by_urgency_and_hours_and_nobody_is_named(weeks, auditor):
    times = {"clinic": CLINIC, "urgency": 1, "in_hours": False, "items": 2,
             "looked_minutes": [10, 20], "closed_minutes": [90]}  # fmt: skip
    with weeks.store.write() as session:
        session.execute(insert(WeekTimes), [{**times, "week": week} for week in OVER])

    page = auditor.get("/figures/times")

    assert "Mean 15 min" in cards(page)["Respond now: time to first look, out of hours"].text
    assert "Mean 1 h 30 min" in cards(page)["Respond now: time to closing, out of hours"].text
    assert "24 items" in page.text


def test_figures_of_another_clinic_are_not_there(weeks, joined):
    stranger = joined(clinics=["elsewhere"])

    assert "Nothing has been counted yet" in stranger.get("/figures").text
    assert "Nothing needed action" in stranger.get("/figures/times").text
    assert "0 messages fell due" in stranger.get("/figures/balance").text


def test_the_balance_says_in_words_whether_every_message_is_accounted_for(sqlite_app, auditor):
    a_message(sqlite_app, State.DELIVERED, due_at=ENROLLED_AT - timedelta(hours=1))
    page = auditor.get("/figures/balance")
    assert "Every message is accounted for. 1 message fell due" in page.text
    assert page.links()["Delivered"] == "/messages?when=&state=delivered"

    a_message(sqlite_app, State.FAILED, kind="advice", due_at=ENROLLED_AT - timedelta(hours=1))

    assert "1 message not accounted for" in auditor.get("/figures/balance").text
    found = table_of(auditor.client.get("/figures/balance.csv"))
    assert found[-2:] == [
        {"Messages": "Not accounted for", "Number": "1", "Meaning": ""},
        {"Messages": "All that fell due", "Number": "2", "Meaning": ""},
    ]


def test_closed_items_are_found_by_outcome_and_date_and_the_first_look_is_noted(
    sqlite_app, admin, joined
):
    enrol_one(sqlite_app, 1)
    write(sqlite_app, "My leg feels weak")
    (item,) = rows(sqlite_app, WorklistItem)
    clock_of(sqlite_app).advance(timedelta(minutes=5))
    joined(Role.AUDIT).get(f"/attention/{item.id}")
    clock_of(sqlite_app).advance(timedelta(minutes=5))
    admin.get(f"/attention/{item.id}")
    clock_of(sqlite_app).advance(timedelta(minutes=50))
    close_item(sqlite_app, item.id, outcome="told", actor="web:nurse@example.com")

    admin = joined()
    page = admin.get("/attention/closed?outcome=told")

    assert "Test Patient-00001" in page.text
    assert "60 minutes" in page.text
    assert "No item like that" in admin.get("/attention/closed?outcome=elsewhere").text
    wrong = admin.get("/attention/closed?since=31&since-month=2&since-year=2026", status=422)
    assert wrong.errors == ["Enter a real date"]
    (one,) = table_of(admin.client.get("/attention/closed.csv?with=ids"))
    assert (one["Came up"], one["First look"], one["Closed"]) == (
        "2026-10-19 15:00", "2026-10-19 15:10", "2026-10-19 16:00",
    )  # fmt: skip
    assert (one["Outcome"], one["outcome"]) == ("Advice given", "told")
    assert one["closed_at"] == "2026-10-19T15:00:00+00:00"
    assert "Test Patient" not in str(one)
    assert "nurse" not in str(one)
    ground = RestrictionGround.ACCURACY
    restrict(sqlite_app, item.patient_id, ground=ground, actor="web:a@example.com")
    assert "Test Patient" not in joined(Role.ENROL).get("/attention/closed").text
