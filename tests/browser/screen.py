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

from playwright.sync_api import (
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

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

EXAMINE = """async ({unfinished, tags}) => {
    if (document.evaluate(unfinished, document, null, 3, null).booleanValue) return null;
    for (let frames = 0; frames < 3; frames++) await new Promise(requestAnimationFrame);
    const root = document.documentElement, tooWide = root.scrollWidth - root.clientWidth;
    if (!tags) return {tooWide, found: []};
    window.loadAxe();
    const {violations} = await axe.run(document, {
        runOnly: {type: "tag", values: tags}, resultTypes: ["violations"], preload: false,
        iframes: false});
    return {tooWide, found: violations.map(one => ({
        rule: one.id, help: one.help, where: one.nodes.map(node => node.html)}))};
}"""
"""One call for all that is looked at, as each goes through three processes.

Nothing is found while the design system's script is still to come. It lays the navigation out one
frame after it heard of another width, which it hears with the next frame."""


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
        if javascript:
            self.page.add_init_script(_axe_source())
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
                return self.press(found.first)
        raise AssertionError(f"nothing to click is called {name!r}: {self.text[:800]}")

    def press(self, found: Locator) -> Page:
        """Click it, and wait until the page that it leads to is there as a whole.

        The click itself waits for its first byte alone.
        """
        found.click()
        self.page.wait_for_load_state()
        return self.page

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
        for width in widths:
            self._widen(width)
            if self.javascript:
                self._judge(width)
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

    def _judge(self, width: int) -> None:
        """Note what axe finds, and whether the page is wider than its window.

        Axe's script comes by the debugger: the page's policy stays. A frame holds an e-mail as it
        was written, and lets no script in.
        """
        what = {"unfinished": UNFINISHED, "tags": TAGS if width == NARROW else None}
        while (seen := self.page.evaluate(EXAMINE, what)) is None:
            expect(self.page.locator(UNFINISHED)).to_have_count(0, timeout=self.patience)
        self.problems += [
            f"{self._path}: {one['rule']}: {one['help']} {json.dumps(one['where'][:3])}"
            for one in seen["found"]
        ]
        if seen["tooWide"] > 0:
            self.problems.append(f"{self._path} at {width}: {seen['tooWide']} px too wide")

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
    """Return what makes axe ready to be loaded: not before a page is to be examined."""
    return f"window.loadAxe = () => {{\n{AXE.read_text(encoding='utf-8')}\n}};"


def _console_rules(html: str, status: int) -> list[str]:
    return breaches(parse(html), status=status)
