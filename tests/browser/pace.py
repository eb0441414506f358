"""How long a page takes somebody who knows it, reckoned from what their hands have to do.

The keystroke-level model, with its authors' figures: S. Card, T. Moran, A. Newell, "The
keystroke-level model for user performance time with interactive systems", CACM 23 (1980).
Reckoned and not measured: the same on every machine, and not a claim about real people.
"""

from __future__ import annotations

from playwright.sync_api import Locator, Page

KEY = 0.28
"""Seconds for a key, by an average typist who is no secretary."""
POINT, CLICK, HOME_HANDS, THINK = 1.1, 0.2, 0.4, 1.35
"""Seconds to point at something, to click, to move a hand to the mouse, and to think first."""
RESPONSE = 0.5
"""Seconds until the next page is there: several times what the server takes."""


class Hands:
    """Hands that fill in a page. `seconds` is how long that would take so far."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.seconds = 0.0

    def answer(self, text: str) -> None:
        """Think, type this where the focus is, and go on to the next field."""
        self.seconds += THINK + KEY * len(text)
        self._page.keyboard.type(text)
        self.press("Tab")

    def choose(self) -> None:
        """Think, and choose what has the focus."""
        self.seconds += THINK
        self.press("Space")

    def press(self, key: str, *, times: int = 1) -> None:
        """Strike a key, without thinking."""
        for _ in range(times):
            self.seconds += KEY
            self._page.keyboard.press(key)

    def click(self, target: Locator) -> None:
        """Think, reach for the mouse, and click."""
        self.seconds += THINK + HOME_HANDS + POINT + CLICK
        target.click()

    def wait_for(self, address: str) -> None:
        """Wait for the next page."""
        self.seconds += RESPONSE
        self._page.wait_for_url(address)

    def read(self, seconds: float) -> None:
        """Look something over for so long."""
        self.seconds += seconds
