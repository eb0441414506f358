"""MLLP listener: many connections, on each one message at a time, none of which holds up others."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import structlog

from followup.context import AppContext
from followup.domain.sites.site import Site
from followup.intake.hl7.framing import BrokenFrame, FrameReader, FramingError, framed
from followup.intake.hl7.receive import broken_frame, receive_message

CHUNK = 64 * 1024
BACKLOG = 128

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerLimits:
    """How much one listener takes. Times are seconds of real time.

    `message` is how long a message may take from its first byte to its last, `answer` how long the
    sender may take to read the acknowledgement, `drain` how long the rest of what a broken sender
    wrote is read away, so that it gets to see why.
    """

    connections: int = 64
    per_address: int = 8
    workers: int = 8
    message: float = 8.0
    answer: float = 8.0
    drain: float = 1.0


class Hl7Listener:
    """Takes messages on a socket that listens, until it is stopped."""

    def __init__(
        self,
        app: AppContext,
        listener: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
        limits: ListenerLimits | None = None,
    ) -> None:
        self._app = app
        # From here on a connection is taken, at the latest once `run` is called.
        listener.listen(BACKLOG)
        self._socket = listener
        self._tls = tls
        self._limits = limits or ListenerLimits()
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._stopped = False
        self._workers = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="hl7")

    def run(self) -> None:
        """Listen until `stop` is called; messages that are being kept are answered first."""
        asyncio.run(self._run())

    def stop(self) -> None:
        """Make `run` return soon. Safe from another thread and from a signal's handler."""
        self._stopped = True
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def _run(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        if self._stopped:
            return
        server = await asyncio.start_server(self._serve, sock=self._socket, limit=CHUNK)
        async with server:
            await self._stopping.wait()
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        # What is being committed is committed: its sender asks again and hears AA.
        self._workers.shutdown()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._tasks.add(task)
        address = str((writer.get_extra_info("peername") or ("",))[0])
        try:
            sites = self._admitted(address)
            if sites:
                self._open[address] += 1
                try:
                    if self._tls is not None:
                        # Not before it is admitted: a greeting that never ends is a connection too.
                        # And with no await in between, or the reader takes the greeting.
                        await writer.start_tls(
                            self._tls, ssl_handshake_timeout=self._limits.message
                        )
                    await self._converse(reader, writer, sites)
                finally:
                    self._open[address] -= 1
        except (ConnectionError, TimeoutError, ssl.SSLError, asyncio.CancelledError):
            # Whoever sends will ask again about what was not acknowledged.
            log.info("hl7.connection_lost")
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(self._limits.drain):
                    await writer.wait_closed()

    def _admitted(self, address: str) -> Sequence[Site]:
        """Return the sites that may send from there; none where it is full, too."""
        sites = [
            site for site in self._app.catalogue.sites.values() if address and site.admits(address)
        ]
        if not sites:
            log.warning("hl7.connection_refused", why="no site file names this address")
        elif self._open.total() >= self._limits.connections:
            log.warning("hl7.connection_refused", why="too many connections")
        elif self._open[address] >= self._limits.per_address:
            log.warning("hl7.connection_refused", why="too many connections from there")
        else:
            return sites
        return ()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sites: Sequence[Site]
    ) -> None:
        loop = asyncio.get_running_loop()
        frames = FrameReader()
        try:
            while (content := await self._next(reader, frames)) is not None:
                answer = await loop.run_in_executor(
                    self._workers, partial(receive_message, self._app, content, sites=sites)
                )
                await self._send(writer, answer)
        except FramingError as error:
            await self._send(writer, broken_frame(self._app, error.reason))
            await self._end(reader, writer)

    async def _next(self, reader: asyncio.StreamReader, frames: FrameReader) -> bytes | None:
        """Return the next message; None where the sender has gone.

        A connection may be silent between two messages as long as it likes, and within one not.
        """
        loop = asyncio.get_running_loop()
        deadline: float | None = None
        while (message := frames.next_message()) is None:
            if frames.is_inside and deadline is None:
                deadline = loop.time() + self._limits.message
            try:
                async with asyncio.timeout_at(deadline):
                    data = await reader.read(CHUNK)
            except TimeoutError:
                raise FramingError(BrokenFrame.UNFINISHED) from None
            if not data:
                return None
            frames.feed(data)
        return message

    async def _send(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        writer.write(framed(answer))
        # Not `wait_for`: before Python 3.12 it may swallow that the task is to end.
        async with asyncio.timeout(self._limits.answer):
            await writer.drain()

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read away what is on its way: closed over it, a socket resets and the answer is lost."""
        with contextlib.suppress(TimeoutError):
            if writer.can_write_eof():
                writer.write_eof()
            async with asyncio.timeout(self._limits.drain):
                while await reader.read(CHUNK):
                    pass
