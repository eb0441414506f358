"""Chromium, sites to visit, and windows that watch themselves. All here is marked `browser`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from followup.domain.roles import Role
from tests.browser.screen import PATIENCE, WIDE, Screen, find_chromium
from tests.browser.site import Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that none is forgotten."""
    here = f"{Path(__file__).parent}/"
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The system's Chromium. That it is missing is a failure: `.ci/run` installs it."""
    found = find_chromium()
    assert found, "these tests need Chromium: install the package `chromium-headless-shell`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@pytest.fixture
def site(migrated_sqlite_url: str) -> Iterator[Site]:
    """A site of this test's own, on SQLite; not open yet."""
    with Site(migrated_sqlite_url) as made:
        yield made


@pytest.fixture
def each_site(migrated_url: str) -> Iterator[Site]:
    """Run the test on each database, on a site that is not open yet."""
    with Site(migrated_url) as made:
        yield made


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Screen]]:
    """Open a window at a site, as nobody or signed in; all are looked at again at the end."""
    opened: list[Screen] = []

    def open_window(
        site: Site,
        *roles: Role,
        signed_in: bool = True,
        token: str | None = None,
        javascript: bool = True,
        width: int = WIDE,
        **given: object,
    ) -> Screen:
        context = chromium.new_context(
            java_script_enabled=javascript,
            viewport={"width": width, "height": 900},
            locale="en-GB",
            timezone_id="Europe/London",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE)
        if signed_in:
            held = token or site.session(*roles)
            cookie = {"name": "followup", "value": held, "url": site.address}
            context.add_cookies([cookie])  # type: ignore[list-item]
        screen = Screen(context, site.address, javascript=javascript, **given)  # type: ignore[arg-type]
        opened.append(screen)
        return screen

    yield open_window
    for screen in opened:
        screen.close()
