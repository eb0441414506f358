"""The window that watches itself does notice what it is there to notice."""

from __future__ import annotations

import pytest

from tests.browser.screen import PATIENCE, Screen

WITHOUT_WORDS = """document.querySelector("main").append(
    Object.assign(new Image(), {src: "/static/icon.svg"}))"""
TOO_WIDE = """Object.assign(document.querySelector("h1").style, {width: "2000px"})"""


@pytest.mark.parametrize(
    ("change", "says"), [(WITHOUT_WORDS, "image-alt"), (TOO_WIDE, "px too wide")]
)
def test_what_a_page_may_not_be_is_noticed(site, window, change, says):
    screen = window(site.serve())
    screen.go("/")
    screen.page.evaluate(change)

    with pytest.raises(AssertionError, match=says):
        screen.look()
    screen.problems.clear()


def test_a_page_is_not_judged_before_its_script_is_there(site, window):
    screen = window(site.serve())
    held = []
    screen.page.route("**/nhsuk-frontend.js*", lambda route: held.append(route))  # noqa: PLW0108 - no built-in will do
    screen.go("/")
    screen.patience = 1

    with pytest.raises(AssertionError, match="to have count"):
        screen.look()

    assert screen.problems == []
    screen.patience = PATIENCE
    held[0].continue_()
    screen.look()


def test_an_error_in_the_console_is_noticed(site, window):
    screen: Screen = window(site.serve())
    screen.go("/")
    screen.page.evaluate("console.error('broken')")

    assert screen.problems == ["/: the console says broken"]
    screen.problems.clear()


def test_what_the_policy_stops_is_noticed(site, window):
    screen: Screen = window(site.serve())
    screen.go("/")
    screen.page.evaluate("fetch('http://127.0.0.1:9/').catch(() => 0)")

    assert any("violates the following Content Security" in each for each in screen.problems)
    screen.problems.clear()
