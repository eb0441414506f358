"""The embedded stack: web, Celery worker and beat as threads of one process, over one database.

The main thread owns the signals. Nothing that matters lives in the broker, which is kombu's
in-memory transport: killed at any moment, the stack goes on at the next start where it was.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from types import FrameType

from sqlalchemy import func, select

from config.logging import configure_logging
from config.settings import Settings, load_settings
from followup.clock import TimeLapseClock, parse_clock
from followup.embedded import Threads, release, start_tasks
from followup.kit import Kit
from followup.staff.invitations import first_link
from followup.store.models import Sweep
from followup.web.listening import listen
from followup.wiring import build


def main(*, port: int | None = None, timelapse: float | None = None) -> int:
    """Run the whole stack until SIGINT or SIGTERM; return the exit code.

    `timelapse` is how many times as fast the service's clock runs; such a run keeps its data apart
    and is refused with a real provider. Raises `ConfigurationError` with what to set.
    """
    settings = _settings(port=port, timelapse=timelapse)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    with closing(listen(settings.host, settings.port)) as listener:
        kit = build(settings)
        if timelapse is not None:
            kit = _going_on(kit)
        return Stack(settings, kit, listener).run()


def _settings(*, port: int | None, timelapse: float | None) -> Settings:
    given: dict[str, object] = {"broker_url": "memory://"}
    if port is not None:
        given["port"] = port
    if timelapse is None:
        return load_settings(**given)
    apart = load_settings(**given).data_dir / "timelapse"
    now = parse_clock(None).real_now().isoformat()
    return load_settings(
        **given,
        data_dir=apart,
        database_url=f"sqlite:///{apart}/followup.db",
        clock=f"{now}={now}@{timelapse:g}",
    )


def _going_on(kit: Kit) -> Kit:
    """Set a time-lapse clock to where the last run on this database left it: never back."""
    clock = kit.clock
    assert isinstance(clock, TimeLapseClock)  # noqa: S101 - `_settings` asked for it
    with kit.store.read() as session:
        last: datetime | None = session.scalar(select(func.max(Sweep.service_at)))
    if last is None or last <= clock.service_epoch:
        return kit
    return replace(kit, clock=TimeLapseClock(last, clock.real_epoch, speed=clock.speed))


class Stack:
    """The whole embedded stack in one process: started together, stopped by a signal."""

    def __init__(self, settings: Settings, kit: Kit, listener: socket.socket) -> None:
        self._settings = settings
        self._kit = kit
        self._listener = listener
        self._threads = Threads()

    def run(self) -> int:
        """Start everything, wait for a signal, stop everything; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        start_tasks(self._threads, self._settings, self._kit)
        self._start_web()
        print(_greeting(self._settings, self._kit), flush=True)  # noqa: T201 - for the person
        self._threads.stopping.wait()
        print("Stopping.", flush=True)  # noqa: T201 - likewise
        self._threads.stop()
        release(self._kit)
        return 1 if self._threads.failed else 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._threads.stopping.set()

    def _start_web(self) -> None:
        from followup.web.app import make_server  # noqa: PLC0415 - slow to import

        server = make_server(self._kit, self._settings, stop_seconds=5)

        def stop() -> None:
            server.should_exit = True

        self._threads.start("web", lambda: server.run(sockets=[self._listener]), stop)


def _greeting(settings: Settings, kit: Kit) -> str:
    clock = kit.clock
    today = clock.now()
    speed = f", at {clock.speed:g} times the speed" if isinstance(clock, TimeLapseClock) else ""
    sandboxes = f"texts: {settings.sms_channel}   e-mails: {settings.email_channel}"
    lines: Sequence[str] = (
        f"followup runs at http://{settings.host}:{settings.port}{speed}",
        f"  {sandboxes}   data: {settings.data_dir}",
        *_first_steps(kit),
        "  Try next, in another terminal:",
        f"    followup preview --procedure-at {today:%Y-%m-%d}T14:30 --diabetic --steroid",
        "    followup enrol --help",
        "    followup demo",
        "  Ctrl-C stops it; it goes on where it was at the next start.",
    )
    return "\n".join(lines)


def _first_steps(kit: Kit) -> Sequence[str]:
    """Return how to get into the console for the first time; nothing once somebody has."""
    token = first_link(kit, actor="cli:run")
    if token is None:
        return ()
    return (
        "  Make the first account of the console here (this link works once):",
        f"    {kit.links.join_url(token)}",
    )
