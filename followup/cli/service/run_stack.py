"""Embedded stack: web, Celery worker and beat as threads of one process, over one database.

The main thread owns the signals. Nothing that matters lives in the broker, which is kombu's
in-memory transport: killed at any moment, the stack goes on at the next start where it was.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from types import FrameType

from sqlalchemy import event, func, select
from sqlalchemy.engine.interfaces import DBAPIConnection

from followup.bootstrap import build_app
from followup.clock import SteppingClock, TimeLapseClock, parse_clock
from followup.context import AppContext
from followup.demo.clinic import DEMO_HISTORY, furnish, live_on
from followup.demo.member import add_demo_member, find_demo_member
from followup.demo.second_clinic import write_second_clinic
from followup.demo.waiting import waiting_page
from followup.runtime.embedded import Threads, release_worker, start_tasks
from followup.runtime.hl7 import start_hl7
from followup.settings.logging import configure_logging
from followup.settings.paths import note_port
from followup.settings.settings import Settings, load_settings
from followup.staff.invitations import entrance_link, first_link
from followup.store.models.operations import Sweep
from followup.web.listening import listen

ON_CALL = "+447700900700"
"""A number of Ofcom's for drama."""
DEMO_SPEED = 300.0
"""Five minutes a second: a day takes about as long as a cup of tea."""


def main(*, port: int | None = None, timelapse: float | None = None, demo: bool = False) -> int:
    """Run the whole stack until SIGINT or SIGTERM; return the exit code.

    `timelapse` is how many times as fast the service's clock runs; such a run keeps its data apart
    and is refused with a real provider. `demo` adds a clinic of made-up patients, whose last days
    are played first. Raises `ConfigurationError` with what to set.
    """
    if demo:
        timelapse = timelapse or DEMO_SPEED
    settings = _settings(port=port, timelapse=timelapse, demo=demo)
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    with closing(listen(settings.host, settings.port)) as listener:
        if demo:
            with waiting_page(listener) as played:
                _furnish(settings, played)
        app = build_app(settings, traced_as="run")
        if timelapse is not None:
            app = _going_on(app)
        note_port(settings.data_dir, port)
        try:
            return EmbeddedStack(settings, app, listener, demo=demo).run()
        finally:
            note_port(settings.data_dir, None)


def _settings(*, port: int | None, timelapse: float | None, demo: bool) -> Settings:
    given: dict[str, object] = {"broker_url": "memory://"}
    if demo:
        given |= {"sms_channel": "sandbox", "email_channel": "sandbox", "log_level": "warning"}
        given |= {"reconcile_after": 5, "on_call_mobile": ON_CALL}
    if port is not None:
        given["port"] = port
    if timelapse is None:
        return load_settings(**given)
    apart = load_settings(**given).data_dir / ("demo" if demo else "timelapse")
    if demo:
        given |= {"config_dir": write_second_clinic(apart / "config")}
    now = parse_clock(None).real_now().isoformat()
    return load_settings(
        **given,
        data_dir=apart,
        database_url=f"sqlite:///{apart}/followup.db",
        clock=f"{now}={now}@{timelapse:g}",
    )


def _furnish(settings: Settings, played: Callable[[float], None]) -> None:
    """Play the last weeks of the made-up clinics, unless they are there from an earlier run."""
    now = parse_clock(None).real_now()
    clock = SteppingClock(now - DEMO_HISTORY)
    with closing(build_app(settings, clock=clock)) as app:
        if find_demo_member(app) is not None:
            return
        weeks = DEMO_HISTORY // timedelta(weeks=1)
        say = f"Playing the last {weeks} weeks of two made-up clinics: this takes a moment."
        print(say, flush=True)
        # Made-up data is not worth waiting for the disk: whoever pulls the plug begins anew.
        event.listen(app.store.engine, "checkout", _without_waiting)
        furnish(app, clock, until=now, played=played)
        add_demo_member(app)


def _without_waiting(connection: DBAPIConnection, *_: object) -> None:
    connection.cursor().execute("PRAGMA synchronous=OFF")


def _going_on(app: AppContext) -> AppContext:
    """Set a time-lapse clock to where the last run on this database left it: never back."""
    clock = app.clock
    assert isinstance(clock, TimeLapseClock)  # noqa: S101 - `_settings` asked for it
    with app.store.read() as session:
        last: datetime | None = session.scalar(select(func.max(Sweep.service_at)))
    if last is None or last <= clock.service_epoch:
        return app
    return replace(app, clock=TimeLapseClock(last, clock.real_epoch, speed=clock.speed))


class EmbeddedStack:
    """The whole embedded stack in one process: started together, stopped by a signal."""

    def __init__(
        self, settings: Settings, app: AppContext, listener: socket.socket, *, demo: bool = False
    ) -> None:
        self._settings = settings
        self._app = app
        self._listener = listener
        self._demo = demo
        self._threads = Threads()

    def run(self) -> int:
        """Start everything, wait for a signal, stop everything; return the exit code."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        start_tasks(self._threads, self._settings, self._app)
        self._start_web()
        start_hl7(self._threads, self._settings, self._app)
        if self._demo:
            self._threads.start("demo", self._live_on, lambda: None)
        greeting = _demo_greeting if self._demo else _greeting
        print(greeting(self._settings, self._app), flush=True)
        self._threads.stopping.wait()
        print("Stopping.", flush=True)
        self._threads.stop()
        release_worker(self._app)
        return 1 if self._threads.failed else 0

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._threads.stopping.set()

    def _live_on(self) -> None:
        live_on(self._app, wait=self._threads.stopping.wait)

    def _start_web(self) -> None:
        from followup.web.app import make_server  # noqa: PLC0415 - slow to import

        server = make_server(self._app, self._settings, stop_seconds=5)

        def stop() -> None:
            server.should_exit = True

        self._threads.start("web", lambda: server.run(sockets=[self._listener]), stop)


def _greeting(settings: Settings, app: AppContext) -> str:
    clock = app.clock
    today = clock.now()
    speed = f", at {clock.speed:g} times the speed" if isinstance(clock, TimeLapseClock) else ""
    sandboxes = f"texts: {settings.sms_channel}   e-mails: {settings.email_channel}"
    lines: Sequence[str] = (
        f"followup runs at http://{settings.host}:{settings.port}{speed}",
        f"  {sandboxes}   data: {settings.data_dir}",
        *_first_steps(app),
        "  Try next, in another terminal:",
        f"    followup preview --procedure-at {today:%Y-%m-%d}T14:30 --diabetic --steroid",
        "    followup enrol --help",
        "    followup demo",
        "    followup run --demo   a made-up clinic to look around in",
        "  Ctrl-C stops it; the next start continues where it was.",
    )
    return "\n".join(lines)


def _demo_greeting(settings: Settings, app: AppContext) -> str:
    clock, member = app.clock, find_demo_member(app)
    assert isinstance(clock, TimeLapseClock)  # noqa: S101 - `_settings` asked for it
    assert member is not None  # noqa: S101 - `_furnish` added it
    token = entrance_link(app, member, actor="cli:run")
    local = f"http://{settings.host}:{settings.port}"
    return "\n".join(
        (
            f"Two made-up clinics live at {local}: {clock.speed / 60:g} minutes pass each second.",
            "  Go in here (this link works once; each start prints a new one):",
            f"    {app.links.join_url(token)}",
            "  Nothing leaves this machine, and nobody in it exists: try whatever you like.",
            f"  data: {settings.data_dir} (remove it to start again)",
            "  Ctrl-C stops it; the next start continues where it was.",
        )
    )


def _first_steps(app: AppContext) -> Sequence[str]:
    """Return how to get into the console for the first time; nothing once somebody has."""
    token = first_link(app, actor="cli:run")
    if token is None:
        return ()
    return (
        "  Make the first account of the console here (this link works once):",
        f"    {app.links.join_url(token)}",
    )
