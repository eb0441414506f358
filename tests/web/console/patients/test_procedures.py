"""Procedures by day, with what is unanswered for each."""

from __future__ import annotations

from datetime import timedelta

from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from tests.support.apps import enrol_one
from tests.support.people import PROCEDURE_AT


def test_a_week_has_its_days_with_what_is_unanswered(sqlite_app, auditor):
    for serial, days in enumerate((0, 1, 6, 7), start=1):
        enrol_one(sqlite_app, serial, procedure_at=PROCEDURE_AT + timedelta(days=days))
    text = InboundText(
        provider_id="SM1", from_="+447700900002", to="+447700900999", body="It itches a bit"
    )
    take_inbound(sqlite_app, text, provider="sandbox")

    today = auditor.get("/procedures")
    week = auditor.get("/procedures?view=week")
    later = auditor.get(week.links()["Next week"])

    names = [
        [name[-1] for name in page.links() if name.startswith("Test Patient")]
        for page in (today, week, later)
    ]
    assert names == [["1"], ["1", "2", "3"], ["4"]]
    assert "1 item needs action; Number not confirmed" in week.text
    assert "item needs action" not in today.text
    assert auditor.get("/procedures?on=0001-01-01").text == today.text
