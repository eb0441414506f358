"""From a message that failed to a patient who was told: home, worklist, message, and back."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.roles import Role
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.messages import Message
from followup.store.models.worklist import WorklistItem
from tests.support.apps import enrol_one, message, rows, run_until
from tests.support.people import ENROLLED_AT, SMS

with_and_without = pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])


@pytest.fixture
def busy(site):
    """A clinic with a wrong number, a landline, an e-mail and a question from a patient."""
    app = site.app
    enrol_one(app, 1, channels=(SMS,), mobile="+447700900111")
    enrol_one(app, 2, channels=(ChannelKind.EMAIL,))
    enrol_one(app, 3)
    run_until(app, ENROLLED_AT + timedelta(minutes=20))
    text = InboundText(
        provider_id="SM1", from_="+447700900003", to="+447700900999", body="It itches a bit"
    )
    take_inbound(app, text, provider="sandbox")
    site.serve()
    return site


def items(site):
    return {one.kind: one for one in rows(site.app, WorklistItem)}


@with_and_without
def test_a_wrong_number_is_found_corrected_and_what_is_useful_planned_anew(
    window, busy, javascript
):
    screen = window(busy, Role.ENROL, javascript=javascript)
    screen.go("/")
    screen.look()
    screen.click("See what needs attention")
    screen.look()
    section = screen.page.locator("section", has_text="Test Patient-00001")
    screen.press(section.get_by_role("button", name="Open", exact=False).first)
    screen.look()
    screen.click("Assign to me")
    assert "Assigned to you" in screen.page.content()

    screen.click("Correct number")
    screen.click("Save and send again")
    assert "Enter a mobile number" in screen.text
    screen.look()
    screen.fill("New mobile number", "07700 900222")
    screen.fill("New mobile number again", "07700 900222")
    screen.click("Save and send again")

    assert screen.heading == "Needs attention"
    assert "timeline updated" in screen.text
    screen.look()
    assert items(busy)["failed"].outcome == "corrected"
    planned = [one for one in rows(busy.app, Message) if one.generation == 2]
    assert {one.state for one in planned} == {"planned"}


@with_and_without
def test_a_question_is_read_the_patient_rung_and_the_list_is_shorter(window, busy, javascript):
    screen = window(busy, Role.ENROL, javascript=javascript)
    screen.go(f"/attention/{items(busy)['reply'].id}")
    assert "It itches a bit" in screen.text
    screen.click("Show number and e-mail in full")
    assert "07700 900003" in screen.text
    screen.look()

    screen.click("Record a call")
    screen.click("Save")
    assert "Choose how the call ended" in screen.text
    screen.look()
    screen.page.get_by_label("Spoke to the patient").check()
    screen.page.get_by_label("Advice given").check()
    screen.page.get_by_label("Yes", exact=True).check()
    screen.fill("What was said (optional)", "A shower is fine.")
    screen.click("Save")

    assert "The call is recorded" in screen.text
    assert items(busy)["reply"].outcome == "told"
    screen.go(f"/attention/{items(busy)['reply'].id}")
    assert "A shower is fine." in screen.text
    screen.look()


@with_and_without
def test_an_item_is_handed_over_closed_and_taken_back(window, busy, javascript):
    window(busy, Role.ENROL)
    screen = window(busy, Role.ENROL, javascript=javascript)
    path = f"/attention/{items(busy)['reply'].id}"
    screen.go(path)
    screen.click("Hand over")
    screen.look()
    screen.page.get_by_label("Who takes this over?").select_option(index=1)
    screen.click("Hand over")
    assert "Handed over." in screen.text
    screen.look()

    screen.go(path)
    screen.click("Close")
    screen.page.get_by_label("No action needed").check()
    screen.click("Close")
    screen.click("Undo")
    assert "Open again." in screen.text
    screen.look()


@with_and_without
def test_what_is_dealt_with_leaves_an_empty_list_that_is_good_news(window, busy, javascript):
    screen = window(busy, Role.ENROL, javascript=javascript)
    for item in items(busy).values():
        screen.go(f"/attention/{item.id}")
        screen.click("Close")
        screen.look()
        screen.page.get_by_label("No action needed").check()
        screen.click("Close")

    assert "Nothing needs action" in screen.text
    screen.look()
    screen.go("/")
    assert "Nothing needs action" in screen.text


@with_and_without
def test_a_text_is_seen_as_on_the_phone_and_sent_again_once_confirmed(window, busy, javascript):
    sent = next(
        one for one in rows(busy.app, Message) if (one.channel, one.state) == ("sms", "delivered")
    )
    screen = window(busy, Role.ENROL, javascript=javascript)
    screen.go(f"/messages/{sent.id}")
    assert "do not drive yourself home" in screen.page.locator(".fu-bubble").inner_text()
    screen.look()

    screen.click("Send again by text")
    assert "They would get it a second time" in screen.text
    screen.look()
    screen.click("Send it")

    assert "This message is planned" in screen.page.content()
    assert [one.fallback_of for one in rows(busy.app, Message) if one.fallback_of] == [sent.id]


def test_an_e_mail_is_shown_in_its_frame_and_nothing_in_it_leads_anywhere(window, busy):
    mail = next(one for one in rows(busy.app, Message) if one.channel == "email" and one.sent_at)
    screen = window(busy, Role.AUDIT)
    screen.go(f"/messages/{mail.id}")
    screen.look()

    frame = screen.page.frame_locator("iframe")
    assert "Going home after your injection" in frame.locator("h1").inner_text()
    assert frame.locator("a[href]").count() == 0


@with_and_without
def test_messages_are_narrowed_and_taken_away(window, busy, javascript):
    screen = window(busy, Role.AUDIT, javascript=javascript)
    screen.go("/messages")
    screen.look()
    screen.press(screen.page.get_by_role("link", name="Not delivered", exact=False).first)
    assert "Test Patient-00001" in screen.text
    assert "Test Patient-00003" not in screen.text
    screen.look()

    screen.page.get_by_label("Due", exact=True).select_option("ahead")
    screen.click("Show")
    assert "No message is like that" in screen.text
    screen.press(screen.page.get_by_role("link", name="Planned", exact=False).first)
    assert "Taking the dressing off" in screen.text
    screen.look()
    with screen.page.expect_download() as taken:
        screen.click("Download CSV")
    assert re.fullmatch(r"messages-[a-z-]+-\d{4}-\d\d-\d\d\.csv", taken.value.suggested_filename)


def test_an_auditor_sees_everything_and_is_offered_nothing_to_change(window, busy):
    screen = window(busy, Role.AUDIT)
    failed = message(busy.app, rows(busy.app, Message)[0].enrolment_id, "going-home")
    for path in ("/", "/attention", f"/messages/{failed.id}"):
        screen.go(path)
        screen.look()
        assert "Send again" not in screen.text
        assert screen.page.get_by_role("button", name="Assign to me").count() == 0
