"""HTTP/1.1 whose headers come in time: half-sent requests must not hold connections for ever."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADER_SECONDS = 10.0
"""From the first byte of a connection or request to the end of its headers."""


class Impatient(H11Protocol):
    """The server's protocol, with a limit on how long headers may take."""

    _cut_off: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._be_patient()
        elif self._cut_off is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._be_patient()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._cut_off = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _be_patient(self) -> None:
        if self._cut_off is not None:
            self._cut_off.cancel()
            self._cut_off = None
