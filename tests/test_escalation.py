"""What nobody takes in time is told to those on call, without a word about the patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from http.server import ThreadingHTTPServer
from threading import Thread

import pytest

from followup.escalation import MOST_TIMES, TRIES, escalate_overdue
from followup.kit import Kit, OnCall
from followup.store.models import AuditEvent, Escalation
from followup.worklist import close, take
from tests.kits import clock_of, email_of, enrol_one, rows, sms_of, tasks
from tests.scripted_channel import unavailable
from tests.test_alarms_arrive import Webhook
from tests.test_replies import take as text_in

MOBILE, MAILBOX = "+447700900700", "on-call@example.com"


def told(kit: Kit) -> Kit:
    on_call = OnCall(sms=(MOBILE,), email=(MAILBOX,))
    return replace(kit, policy=replace(kit.policy, on_call=on_call))


@pytest.fixture
def flagged(kit: Kit) -> Kit:
    """A patient's red flag that nobody has taken yet."""
    enrol_one(kit)
    text_in(kit, "STOP cant feel my legs")
    return told(kit)


def pass_minutes(kit: Kit, minutes: float) -> None:
    clock_of(kit).advance(timedelta(minutes=minutes))


def events(kit: Kit, action: str) -> list[dict[str, object]]:
    return [one.detail for one in rows(kit, AuditEvent) if one.action == action]


def test_a_red_flag_that_nobody_takes_is_told_after_fifteen_minutes(flagged):
    pass_minutes(flagged, 14.9)
    assert escalate_overdue(flagged) == 0

    pass_minutes(flagged, 0.1)
    escalate_overdue(flagged)

    [text], [mail] = sms_of(flagged).calls, email_of(flagged).calls
    [item] = tasks(flagged)
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
    [item] = tasks(flagged)
    take(flagged, item.id, actor="web:nurse")
    pass_minutes(flagged, 60)

    assert escalate_overdue(flagged) == 0
    close(flagged, item.id, outcome="rang", actor="web:nurse")
    assert escalate_overdue(flagged) == 0


def test_it_is_told_again_while_nobody_takes_it_and_not_for_ever(flagged):
    for _ in range(12):
        pass_minutes(flagged, 15)
        escalate_overdue(flagged)

    assert len(sms_of(flagged).calls) == MOST_TIMES
    assert tasks(flagged)[0].escalations == MOST_TIMES


def test_the_audit_trail_tells_of_each_step(flagged):
    pass_minutes(flagged, 15)
    escalate_overdue(flagged)

    [item] = tasks(flagged)
    assert events(flagged, "worklist.escalated") == [
        {"item": str(item.id), "time": 1, "routes": ["sms", "email"]}
    ]
    assert {one["route"] for one in events(flagged, "worklist.told")} == {"sms", "email"}
    assert all(one["told"] for one in events(flagged, "worklist.told"))


def test_a_call_that_fails_is_made_again_and_given_up_in_the_open(flagged):
    sms_of(flagged).for_recipient[MOBILE] = unavailable()
    pass_minutes(flagged, 15)
    for _ in range(2 * TRIES):
        escalate_overdue(flagged)
        pass_minutes(flagged, 3)

    [sms] = [one for one in rows(flagged, Escalation) if one.route == "sms" and one.time == 1]
    assert (sms.state, sms.tries, sms.error) == ("failed", TRIES, "ChannelUnavailable")
    assert not all(one["told"] for one in events(flagged, "worklist.told"))


def test_a_webhook_gets_ids_alone(flagged):
    handler = type("Taking", (Webhook,), {"taken": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as listener:
        Thread(target=listener.serve_forever, daemon=True).start()
        on_call = OnCall(webhook=f"http://127.0.0.1:{listener.server_port}/on-call")
        kit = replace(flagged, policy=replace(flagged.policy, on_call=on_call))
        pass_minutes(kit, 15)
        escalate_overdue(kit)
        listener.shutdown()

    [posted] = handler.taken
    [event] = posted["alarms"]
    assert (event["event"], event["urgency"]) == ("worklist.escalated", 1)
    assert event["item"] == str(tasks(kit)[0].id)


def test_with_nobody_on_call_it_is_noted_all_the_same(kit):
    enrol_one(kit)
    text_in(kit, "my leg is weak")
    pass_minutes(kit, 15)

    escalate_overdue(kit)

    assert events(kit, "worklist.escalated")[0]["routes"] == []
