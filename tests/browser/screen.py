"""A browser window that watches itself: every page it shows keeps the rules, or the test fails."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, Response, expect

from tests.web.console.markup import breaches, parse

AXE = Path(__file__).parent / "assets" / "axe.js"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
NARROW, WIDE = 320, 1280
PATIENCE = 15_000
"""So many milliseconds a page has for whatever it is to do."""
EXPECTED = "Failed to load resource: the server responded with a status of "
"""What Chromium writes into its console for a page that is refused; `_on_response` sees those."""

UNFINISHED = """//*[@data-module and not(@*[name() = concat("data-", ../@data-module, "-init")])]"""
"""What the design system has not taken in hand yet: its script comes after the page has loaded."""

RUN_AXE = """async tags => (await axe.run(document, {
        runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], preload: false,
        iframes: false}))
    .violations.map(found => ({rule: found.id, help: found.help,
                               where: found.nodes.map(node => node.html)}))"""


def find_chromium() -> str | None:
    """Return the system's Chromium; first the one that can't open a window, at half the work."""
    path = os.environ.get("PATH", "") + ":/usr/bin"
    found = (shutil.which(name, path=path) for name in ("chromium-headless-shell", "chromium"))
    return next(filter(None, found), None)


class Screen:
    """One tab. `problems` gathers what no page may do; `close` fails if there is any.

    `rules` are those of the console's pages; pages for patients bring their own. `status` is that
    of the last page; one of 500 or above is a problem unless it `may_fail`. `also` are addresses
    outside the site that may be asked. For `patience` milliseconds a page may wait for its script.
    """

    def __init__(
        self,
        context: BrowserContext,
        address: str,
        *,
        javascript: bool = True,
        rules: Callable[[str, int], list[str]] | None = None,
    ) -> None:
        self.context = context
        self.address = address
        self.javascript = javascript
        self.problems: list[str] = []
        self.status = 0
        self.may_fail = False
        self.patience = PATIENCE
        self.also: tuple[str, ...] = ()
        self.page: Page = context.new_page()
        self._rules = rules or _console_rules
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.problems.append(f"script error: {error}"))
        self.page.on("request", self._on_request)
        self.page.on("response", self._on_response)

    def go(self, path: str) -> Page:
        """Open a path of the site, or follow a whole address of it."""
        self.page.goto(path if path.startswith("http") else self.address + path)
        return self.page

    def click(self, name: str, *, role: Any = None, exact: bool = True) -> Page:
        """Click the button, or the link, of these words, as a person finds it."""
        roles = [role] if role else ["button", "link"]
        for each in roles:
            found = self.page.get_by_role(each, name=name, exact=exact)
            if found.count():
                found.first.click()
                self.page.wait_for_load_state()
                return self.page
        raise AssertionError(f"nothing to click is called {name!r}: {self.text[:800]}")

    def fill(self, label: str, value: str, *, exact: bool = True) -> None:
        """Type into the field of this label."""
        self.page.get_by_label(label, exact=exact).fill(value)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").inner_text()

    @property
    def text(self) -> str:
        return self.page.locator("main").inner_text()

    def look(self, *, picture: Path | None = None) -> None:
        """Check the page as it stands, wide and narrow; fail if anything was wrong so far."""
        self.examine((WIDE, NARROW), picture=picture)
        self.check()

    def examine(self, widths: Sequence[int], *, picture: Path | None = None) -> None:
        """Note what is wrong with the page: not accessible, or a sideways scroll.

        Axe looks once, at the narrow page: it has every control of the wide one.
        """
        self._wait_for_script()
        for width in widths:
            self._widen(width)
            if width == NARROW:
                self.problems += [f"{self._path}: {each}" for each in self._axe()]
            if (too_wide := self._overflow()) > 0:
                self.problems.append(f"{self._path} at {width}: {too_wide} px too wide")
            if picture is not None:
                self.page.screenshot(path=f"{picture}-{width}.png", full_page=True)
        self._widen(widths[0])

    def check(self) -> None:
        """Fail if anything was wrong so far."""
        assert not self.problems, "\n".join(self.problems)

    def close(self) -> None:
        """Close the window; fail if anything was wrong."""
        self.context.close()
        self.check()

    @property
    def _path(self) -> str:
        return urlsplit(self.page.url).path

    def _widen(self, width: int) -> None:
        if self.page.viewport_size != (size := {"width": width, "height": 900}):
            self.page.set_viewport_size(size)  # type: ignore[arg-type]

    def _wait_for_script(self) -> None:
        if self.javascript:
            expect(self.page.locator(UNFINISHED)).to_have_count(0, timeout=self.patience)

    def _axe(self) -> list[str]:
        """Return what axe finds. Its script comes by the debugger: the page's policy stays.

        A frame holds an e-mail as it was written, and lets no script in.
        """
        if not self.javascript:
            return []
        self.page.evaluate(_axe_source())
        found = self.page.evaluate(RUN_AXE, TAGS)
        return [f"{one['rule']}: {one['help']} {json.dumps(one['where'][:3])}" for one in found]

    def _overflow(self) -> int:
        root = self.page.locator("html")
        measure = "element => element.scrollWidth - element.clientWidth"
        return int(root.evaluate(measure)) if self.javascript else 0

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(EXPECTED):
            self.problems.append(f"{self._path}: the console says {message.text}")

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((self.address + "/", "data:", "about:", *self.also)):
            self.problems.append(f"{self._path}: something outside was asked for: {request.url}")

    def _on_response(self, response: Response) -> None:
        request = response.request
        if response.status >= 500 and not self.may_fail:
            self.problems.append(f"{urlsplit(response.url).path}: {response.status}")
        # Only whole pages: a frame with an e-mail in it is not one, and a redirect has no body.
        whole = request.is_navigation_request() and request.frame.parent_frame is None
        if not whole or 300 <= response.status < 400:
            return
        self.status = response.status
        if "text/html" in response.headers.get("content-type", ""):
            found = self._rules(response.text(), response.status)
            self.problems += [f"{urlsplit(response.url).path}: {each}" for each in found]


@cache
def _axe_source() -> str:
    return AXE.read_text(encoding="utf-8")


def _console_rules(html: str, status: int) -> list[str]:
    return breaches(parse(html), status=status)
