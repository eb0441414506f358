"""Kill-switch check inside a running batch."""

from __future__ import annotations

from datetime import timedelta
from threading import Lock

import structlog

from followup.context import AppContext
from followup.domain.errors import StoreUnavailable
from followup.domain.kill_switch import Cover, is_covered
from followup.messages.kill_switch_queries import covers_in_force
from followup.releases.gate import Concerned, gate_of
from followup.sending.eligibility import SendRow, concerned_by

LOOK_EVERY = timedelta(seconds=1)
"""How old (real time) the knowledge of switches may grow: a batch may take a whole lease."""

log = structlog.get_logger()


class KillSwitchCheck:
    """Knows, while one batch is being sent, what has been stopped or withdrawn since it began.

    Safe to share between threads: whoever finds the knowledge too old reads it anew. While the
    switches can't be read nothing goes: no call could be recorded either.
    """

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._lock = Lock()
        # What stood at the beginning was judged in the transaction that began the attempts.
        self._looked_at = app.clock.real_now()
        self._covers: frozenset[Cover] | None = frozenset()
        self._sent: set[Concerned] = set()
        self._withdrawn: frozenset[Concerned] = frozenset()

    def stops(self, row: SendRow) -> bool:
        """Say whether a message must not be handed over any more."""
        words = concerned_by(row)
        with self._lock:
            self._sent.add(words)
            covers = self._look()
            withdrawn = words in self._withdrawn
        return covers is None or withdrawn or is_covered(covers, row)

    def _look(self) -> frozenset[Cover] | None:
        now = self._app.clock.real_now()
        if now - self._looked_at >= LOOK_EVERY:
            try:
                with self._app.store.read() as session:
                    self._covers = covers_in_force(session)
                    cleared = gate_of(self._app).clearances(session, self._app, self._sent)
                self._withdrawn = frozenset(one for one in cleared if cleared[one].reason)
            except StoreUnavailable:
                log.warning("switches.not_read")
                self._covers = None
            # A look that took long is as old as its beginning, but a failed one is not repeated at
            # once by every thread that waited for it.
            self._looked_at = now if self._covers is not None else self._app.clock.real_now()
        return self._covers
