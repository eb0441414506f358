"""A session that is left alone: asked about in time, then kept or ended."""

from __future__ import annotations

from datetime import timedelta

import pytest

from followup.domain.roles import Role
from tests.browser.screen import Screen
from tests.browser.site import Site
from tests.support.apps import clock_of, enrol_one

NAME = "Test Patient-00001"
ALMOST, LATER = timedelta(minutes=13, seconds=30), timedelta(minutes=2)
FOCUS_IS_OUTSIDE = """() => document.activeElement !== document.body
    && !document.activeElement.closest("dialog")"""


@pytest.fixture
def served(site):
    """A site with one patient, on a clock that stands until it is moved."""
    enrol_one(site.app)
    return site.serve()


@pytest.fixture
def screen(window, served):
    """Somebody who looks at the patients, in a browser whose time is the test's too."""
    screen = window(served, Role.ENROL)
    screen.page.clock.install()
    screen.go("/patients")
    assert NAME in screen.text
    return screen


def leave_alone(site: Site, screen: Screen, span: timedelta) -> None:
    """Let time pass, for the server and for the browser."""
    clock_of(site.app).advance(span)
    screen.page.clock.fast_forward(int(span.total_seconds() * 1000))


def asked(screen: Screen):
    return screen.page.get_by_role("alertdialog", name="Are you still there?")


def test_somebody_who_is_there_stays_and_goes_on_where_they_were(served, screen):
    screen.page.get_by_role("link", name=NAME).focus()
    leave_alone(served, screen, timedelta(minutes=12))
    assert not asked(screen).is_visible()

    leave_alone(served, screen, ALMOST - timedelta(minutes=12))
    asked(screen).wait_for()

    assert "You will be signed out in 2 minutes" in asked(screen).inner_text()
    assert asked(screen).locator("[aria-live=assertive]").count() == 1
    screen.look()
    for _ in range(4):
        screen.page.keyboard.press("Tab")
        assert not screen.page.evaluate(FOCUS_IS_OUTSIDE)
    asked(screen).get_by_role("button").focus()
    screen.page.keyboard.press("Enter")
    asked(screen).wait_for(state="hidden")
    assert screen.page.locator(":focus").inner_text() == NAME

    leave_alone(served, screen, timedelta(minutes=10))
    screen.page.reload()
    assert screen.heading == "Patients"


def test_the_button_has_the_focus_and_escape_stays_too(served, screen):
    leave_alone(served, screen, ALMOST)
    asked(screen).wait_for()
    assert screen.page.locator(":focus").inner_text() == "Stay signed in"

    with screen.page.expect_response("**/session") as kept:
        screen.page.keyboard.press("Escape")

    assert kept.value.status == 204
    asked(screen).wait_for(state="hidden")


def test_who_is_gone_is_signed_out_and_going_back_shows_nothing(served, screen):
    leave_alone(served, screen, ALMOST)
    asked(screen).wait_for()
    leave_alone(served, screen, timedelta(seconds=45))
    asked(screen).get_by_text("less than a minute").wait_for()

    leave_alone(served, screen, LATER)
    screen.page.wait_for_url("**/sign-in?ended=1")

    assert "signed out" in screen.text
    screen.look()
    screen.page.go_back()
    assert NAME not in screen.page.content()


def test_work_in_another_tab_keeps_both(window, served, screen):
    other = window(served, token=screen.context.cookies()[0]["value"])
    leave_alone(served, screen, timedelta(minutes=10))
    other.go("/patients")

    with screen.page.expect_response("**/session"):
        leave_alone(served, screen, ALMOST - timedelta(minutes=10))

    assert not asked(screen).is_visible()


def test_without_scripts_the_next_page_is_the_sign_in_page(window, served):
    screen = window(served, Role.ENROL, javascript=False)
    screen.go("/patients")
    clock_of(served.app).advance(timedelta(minutes=16))

    screen.click(NAME)

    assert screen.heading == "Sign in"
    screen.page.go_back()
    assert NAME not in screen.page.content()
