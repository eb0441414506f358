"""What nobody takes in time is told to those on call, without a word about the patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from followup.casework.escalation import MOST_TIMES, NOTICE_TRIES, escalate_overdue
from followup.context import AppContext, OnCall
from followup.store.models.audit import AuditEvent
from followup.store.models.worklist import Escalation, WorklistItem
from followup.worklist.items import close_item, take_over_item
from tests.monitoring.test_alarms_arrive import Webhook
from tests.replies.test_inbound import take as text_in
from tests.support.apps import clock_of, email_of, enrol_one, rows, sms_of, tasks
from tests.support.scripted_channel import unavailable

MOBILE, MAILBOX = "+447700900700", "on-call@example.com"


def told(app: AppContext) -> AppContext:
    on_call = OnCall(sms=(MOBILE,), email=(MAILBOX,))
    return replace(app, policy=replace(app.policy, on_call=on_call))


@pytest.fixture
def flagged(app: AppContext) -> AppContext:
    """A patient's red flag that nobody has taken yet."""
    enrol_one(app)
    text_in(app, "STOP cant feel my legs")
    return told(app)


def flag(app: AppContext) -> WorklistItem:
    """Return the item of the red flag; the STOP beside it asks for a call on another day."""
    [item] = [one for one in tasks(app) if one.kind == "reply"]
    return item


def pass_minutes(app: AppContext, minutes: float) -> None:
    clock_of(app).advance(timedelta(minutes=minutes))


def events(app: AppContext, action: str) -> list[dict[str, object]]:
    return [one.detail for one in rows(app, AuditEvent) if one.action == action]


def test_a_red_flag_that_nobody_takes_is_told_after_fifteen_minutes(flagged):
    pass_minutes(flagged, 14.9)
    assert escalate_overdue(flagged) == 0

    pass_minutes(flagged, 0.1)
    escalate_overdue(flagged)

    [text], [mail] = sms_of(flagged).calls, email_of(flagged).calls
    item = flag(flagged)
    assert (text.to, mail.to) == (MOBILE, MAILBOX)
    assert text.text.startswith("Derriford Pain Clinic: URGENT: something waits for a person")
    assert f"/attention/{item.id}" in text.text
    assert mail.subject == "Derriford Pain Clinic: URGENT: something waits for a person"


def test_nobody_on_call_is_told_anything_about_the_patient(flagged):
    pass_minutes(flagged, 15)
    escalate_overdue(flagged)

    said = str([*sms_of(flagged).calls, *email_of(flagged).calls])
    for private in ("legs", "900001", "Test Patient", "999000", "red-flag", "red flag"):
        assert private not in said


def test_what_somebody_has_taken_or_closed_is_told_to_nobody(flagged):
    item = flag(flagged)
    take_over_item(flagged, item.id, actor="web:nurse")
    pass_minutes(flagged, 60)

    assert escalate_overdue(flagged) == 0
    close_item(flagged, item.id, outcome="rang", actor="web:nurse")
    assert escalate_overdue(flagged) == 0


def test_it_is_told_again_while_nobody_takes_it_and_not_for_ever(flagged):
    for _ in range(12):
        pass_minutes(flagged, 15)
        escalate_overdue(flagged)

    assert len(sms_of(flagged).calls) == MOST_TIMES
    assert flag(flagged).escalations == MOST_TIMES


def test_the_audit_trail_tells_of_each_step(flagged):
    pass_minutes(flagged, 15)
    escalate_overdue(flagged)

    item = flag(flagged)
    assert events(flagged, "worklist.escalated") == [
        {"item": str(item.id), "time": 1, "routes": ["sms", "email"]}
    ]
    assert {one["route"] for one in events(flagged, "worklist.told")} == {"sms", "email"}
    assert all(one["told"] for one in events(flagged, "worklist.told"))


def test_a_call_that_fails_is_made_again_and_given_up_in_the_open(flagged):
    sms_of(flagged).for_recipient[MOBILE] = unavailable()
    pass_minutes(flagged, 15)
    for _ in range(2 * NOTICE_TRIES):
        escalate_overdue(flagged)
        pass_minutes(flagged, 3)

    [sms] = [one for one in rows(flagged, Escalation) if one.route == "sms" and one.time == 1]
    assert (sms.state, sms.tries, sms.error) == ("failed", NOTICE_TRIES, "ChannelUnavailable")
    assert not all(one["told"] for one in events(flagged, "worklist.told"))


def test_a_webhook_gets_ids_alone(flagged):
    handler = type("Taking", (Webhook,), {"taken": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        on_call = OnCall(webhook=f"http://127.0.0.1:{listener.server_port}/on-call")
        app = replace(flagged, policy=replace(flagged.policy, on_call=on_call))
        pass_minutes(app, 15)
        escalate_overdue(app)
        listener.shutdown()

    [posted] = handler.taken
    [event] = posted["alarms"]
    assert (event["event"], event["urgency"]) == ("worklist.escalated", 1)
    assert event["item"] == str(flag(app).id)


def test_with_nobody_on_call_it_is_noted_all_the_same(app):
    enrol_one(app)
    text_in(app, "my leg is weak")
    pass_minutes(app, 15)

    escalate_overdue(app)

    assert events(app, "worklist.escalated")[0]["routes"] == []
