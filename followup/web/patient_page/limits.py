"""Rate limits of the patient page: by network address, and by page.

Counted in this process alone, so that reading a page writes nothing. A token is too long to be
guessed however often; the limits keep the noise down.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

LIMIT_WINDOW = timedelta(minutes=10)
WRONG_LINKS = 30
"""Several times what a patient with a link that was cut short tries; many share an address."""
CHANGES_A_WINDOW = 20
MOST_KEPT = 10_000


class Limit:
    """Says whether something has happened too often within the window. Safe between threads."""

    def __init__(self, most: int, *, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()
        self._lock = Lock()

    def reached(self, who: str) -> bool:
        """Say whether it has happened as often as it may."""
        with self._lock:
            return len(self._recent(who)) >= self._most

    def count(self, who: str) -> None:
        """Note that it happened once more."""
        with self._lock:
            recent = self._recent(who)
            recent.append(self._now())
            self._seen[who] = recent
            self._seen.move_to_end(who)
            while len(self._seen) > MOST_KEPT:
                self._seen.popitem(last=False)

    def _recent(self, who: str) -> deque[datetime]:
        recent = self._seen.get(who) or deque(maxlen=self._most)
        since = self._now() - LIMIT_WINDOW
        while recent and recent[0] <= since:
            recent.popleft()
        return recent
