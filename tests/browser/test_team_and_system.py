"""Team and system in a browser: invited, joined, signed out; stopped, and let go again."""

from __future__ import annotations

import pytest

from followup.domain.roles import Role
from tests.support.apps import enrol_one


def test_somebody_is_invited_joins_and_is_signed_out_by_the_manager(site, window):
    manager = window(site.serve(), Role.MANAGE)
    manager.go("/team")
    manager.look()

    manager.click("Invite somebody")
    manager.click("Create invitation")
    assert "Choose what they may do" in manager.text
    manager.look()
    manager.fill("E-mail address", "nia@example.com")
    manager.page.get_by_label("Enrol and manage").check()
    manager.page.get_by_label("In all clinics").check()
    manager.click("Create invitation")
    link = manager.page.locator("code").inner_text()
    manager.look()

    guest = window(site, signed_in=False)
    guest.go(link)
    guest.look()
    guest.fill("Your name", "Nia Nurse")
    for label in ("Password", "The same password again"):
        guest.fill(label, "walnut ladder frost")
    guest.click("Save and sign in")
    assert guest.heading == "Home"

    manager.go("/team")
    manager.click("Nia Nurse")
    manager.look()
    manager.click("Sign them out everywhere")
    assert "Nowhere at present" in manager.text

    guest.go("/patients")
    assert guest.heading == "Sign in"


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without"])
def test_sending_is_stopped_and_let_go_again(site, window, javascript):
    enrol_one(site.app, 1)
    screen = window(site.serve(), Role.MANAGE, javascript=javascript)
    screen.go("/system")
    screen.look()

    screen.click("Stop sending")
    screen.look()
    screen.page.get_by_label("What should stop?").select_option(label="All texts")
    screen.fill("Why?", "The words are wrong")
    screen.click("Stop sending", role="button")
    assert "The words are wrong" in screen.text
    assert "Sending is stopped: all texts" in screen.page.locator("aside").inner_text()
    screen.look()

    screen.press(screen.page.get_by_role("button", name="Restart sending"))
    assert "Nothing: every message goes out when it is due" in screen.text
    screen.click("Previous stops")
    assert "The words are wrong" in screen.text
    screen.look()
