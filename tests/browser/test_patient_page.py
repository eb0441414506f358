"""The patient's own page in a browser: light, readable on the smallest phone, without scripts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.enrolment.page_tokens import token_of
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection, Patient
from tests.browser.site import Site
from tests.support.apps import enrol_one, rows, run_until
from tests.support.people import ENROLLED_AT

EVENING = ENROLLED_AT + timedelta(hours=4)
SLOW_3G = {
    "offline": False,
    "latency": 2000,
    "downloadThroughput": 50_000,
    "uploadThroughput": 50_000,
}
"""What the developer tools of Chromium call Slow 3G: 400 kbit/s, and 2 seconds there and back."""
WITHIN = 3.0
MOST_BYTES = 50_000


def rules(html: str, status: int) -> list[str]:
    """Return what a page for patients may not hold."""
    del status
    found = [f"holds <{tag}" for tag in ("script", "img", "iframe") if f"<{tag}" in html]
    found += [] if html.count("<h1>") == 1 else ["has not one h1"]
    return found + ([] if 'name="robots" content="noindex' in html else ["may be indexed"])


def page_of(site: Site, **changes: object) -> str:
    """Enrol a patient who is at home in the evening, open the site, and return their path."""
    enrolment_id = enrol_one(site.app, diabetic=True, **changes)
    run_until(site.app, EVENING)
    with site.app.store.read() as session:
        enrolment = session.get_one(Enrolment, enrolment_id)
        patient = session.get_one(Patient, enrolment.patient_id)
        token = token_of(site.app, enrolment, patient)
    site.serve()
    return f"/p/{token}"


def visit(window, site, path, **given):
    screen = window(site, signed_in=False, rules=rules, **given)
    screen.go(path)
    return screen


@pytest.mark.parametrize("javascript", [True, False], ids=["js", "no-js"])
def test_a_patient_reads_the_advice_and_stops_the_texts(window, site, javascript):
    screen = visit(window, site, page_of(site), javascript=javascript)

    assert screen.heading == "After your nerve root block"
    assert "Your advice today" in screen.text
    screen.look()
    screen.click("Stop the texts")

    assert "Done. We will send you no more texts. The advice still holds." in screen.text
    assert [one.channel for one in rows(site.app, Objection)] == ["sms"]
    screen.look()
    screen.click("Start the texts again")
    assert "We send you texts." in screen.text
    screen.click("Use large print")
    screen.look()


def test_the_page_is_one_small_answer_and_there_in_three_seconds_of_slow_3g(window, site):
    path = page_of(site)
    screen = window(site, signed_in=False, rules=rules)
    asked: list[str] = []
    sizes: list[int] = []
    debugger = screen.context.new_cdp_session(screen.page)
    debugger.send("Network.enable")
    debugger.send("Network.emulateNetworkConditions", SLOW_3G)
    debugger.on("Network.requestWillBeSent", lambda event: asked.append(event["request"]["url"]))
    debugger.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    screen.go(path)
    screen.page.wait_for_load_state("networkidle")

    assert [url for url in asked if not url.startswith("data:")] == [site.address + path]
    transferred = sum(sizes)
    assert 0 < transferred < MOST_BYTES
    # Time is not measured on a machine that others use: this is what the link makes of the bytes.
    seconds = SLOW_3G["latency"] / 1000 + transferred / SLOW_3G["downloadThroughput"]
    assert seconds < WITHIN


def test_numbers_are_tapped_in_the_order_of_need(window, site):
    screen = visit(window, site, page_of(site), width=320)

    links = screen.page.locator("main a")
    assert [links.nth(place).get_attribute("href") for place in range(3)] == [
        "tel:999",
        "tel:111",
        "tel:+441752437706",
    ]
    for place in range(3):
        box = links.nth(place).bounding_box()
        assert box["height"] >= 44
        assert box["width"] >= 200


def test_the_buttons_work_from_the_keyboard(window, site):
    screen = visit(window, site, page_of(site))

    button = screen.page.get_by_role("button", name="Stop the emails")
    button.focus()
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_url("**?done=stop-email")

    assert "Done. We will send you no more emails." in screen.text


def test_a_link_that_opens_nothing_says_whom_to_ring(window, site):
    site.serve()

    screen = visit(window, site, "/p/1234567812345678")

    assert screen.heading == "This link does not work"
    assert "Ring NHS 111" in screen.text
    screen.look()
