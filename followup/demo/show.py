"""Sets the demonstration up in a folder of its own, plays it, and shows the accounts."""

from __future__ import annotations

import base64
import secrets
import signal
import tempfile
from pathlib import Path
from types import FrameType
from uuid import UUID

from pydantic import SecretStr
from rich.console import Console

from followup.bootstrap import build_app
from followup.clock import SteppingClock
from followup.demo.cast import DEMO_CAST, START
from followup.demo.player import Player
from followup.demo.screen import Screen, accounts, phone
from followup.monitoring.message_balance import balance
from followup.runtime.embedded import Threads, release_worker, start_tasks
from followup.settings.logging import configure_logging
from followup.settings.settings import Settings, load_settings

STEP_SECONDS = 1.1
TICK = 0.1
SHOWN = "A"
"""Whose phone is shown at the end."""


def main(*, speed: float = 1.0, plain: bool = False) -> int:
    """Play the demonstration; return 0 if at its end every message is accounted for.

    `speed` 1 takes about two minutes. `plain` prints line by line, as it does when piped.
    """
    console = Console(force_terminal=False if plain else None, highlight=False)
    with tempfile.TemporaryDirectory(prefix="followup-demo-") as folder:
        return _play(_settings(Path(folder)), console, step_seconds=STEP_SECONDS / speed)


def _settings(folder: Path) -> Settings:
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return load_settings(
        data_dir=folder,
        config_dir=None,
        database_url=f"sqlite:///{folder}/demo.db",
        broker_url="memory://",
        sms_channel="sandbox",
        email_channel="sandbox",
        master_keys=SecretStr(key),
        clock=None,
        tick=TICK,
        lease=15,
        reconcile_after=1,
        log_level="error",
    )


def _play(settings: Settings, console: Console, *, step_seconds: float) -> int:
    configure_logging(level=settings.log_level, log_format="console")
    clock = SteppingClock(START)
    app = build_app(settings, clock=clock)
    threads = Threads()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        threads.stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    start_tasks(threads, settings, app)
    enrolments: dict[str, UUID] = {}
    try:
        with Screen(app, console, enrolments=enrolments) as screen:
            Player(
                app=app,
                clock=clock,
                threads=threads,
                step_seconds=step_seconds,
                seen=screen.seen,
                enrolments=enrolments,
            ).play()
        if threads.stopping.is_set():
            return 1 if threads.failed else 130
        shown = next(part for part in DEMO_CAST if part.key == SHOWN)
        assert shown.mobile is not None  # noqa: S101 - chosen for that
        caption = f"The phone of patient {shown.key}: {shown.who}"
        console.print(phone(app, mobile=shown.mobile, caption=caption))
        sheet = balance(app)
        console.print(accounts(app, sheet))
        return 0 if sheet.remainder == 0 else 1
    finally:
        threads.stop()
        release_worker(app)
