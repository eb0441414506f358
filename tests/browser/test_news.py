"""A red flag that comes in while a page is open: it shows itself, in the title too."""

from __future__ import annotations

from playwright.sync_api import expect

from followup.domain.roles import Role
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from tests.support.apps import enrol_one

A_WHILE = 16_000


def test_what_is_urgent_shows_itself_on_the_page_that_is_open(window, site):
    enrol_one(site.app)
    site.serve()
    screen = window(site, Role.ENROL)
    screen.go("/account")
    screen.click("Play a sound too")
    assert "It also plays a sound" in screen.text
    screen.page.clock.install()
    screen.go("/patients")
    screen.page.evaluate("() => { window.tones = []; window.AudioContext = function () {"
                         " window.tones.push(1); return {currentTime: 0, createOscillator: () => ({"
                         "frequency: {}, connect: (to) => to, start() {}, stop() {}}), createGain:"
                         " () => ({gain: {}, connect: (to) => to})}; }; }")  # fmt: skip
    screen.page.wait_for_load_state("networkidle")

    text = InboundText(
        provider_id="SM1", from_="+447700900001", to="+447700900999", body="My leg feels weak"
    )
    take_inbound(site.app, text, provider="sandbox")
    screen.page.clock.fast_forward(A_WHILE)

    news = screen.page.get_by_role("status")
    expect(news).to_contain_text("New, urgent: Reply from a patient")
    assert screen.page.title().startswith("(1) Patients")
    assert screen.page.evaluate("window.tones.length") == 1
    screen.look()
    screen.press(news.get_by_role("link"))
    assert "My leg feels weak" in screen.text
    assert not screen.page.title().startswith("(")
