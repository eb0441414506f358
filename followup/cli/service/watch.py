"""`followup watch`: the watchdog as a process of its own, and trying whether alarms arrive."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from followup.bootstrap import (
    build_app,
    instance_name,
    make_watchdog,
    messengers,
    open_heartbeat_store,
)
from followup.cli.framework.boundary import EXIT_REFUSED, WrongUse
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import bullet, say, say_json
from followup.clock import parse_clock
from followup.domain.errors import StoreUnavailable
from followup.monitoring import watchdog
from followup.monitoring.alarms import Notification
from followup.monitoring.health import HealthProblem
from followup.monitoring.heartbeats import HeartbeatThread, always_alive
from followup.monitoring.watchdog import DATABASE_AWAY, Watchdog, make_alert
from followup.settings.logging import configure_logging
from followup.settings.settings import Settings, load_settings


def watch(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Look once, print what is wrong, and tell nobody.")
    ] = False,
    test: Annotated[
        bool, typer.Option("--test", help="Tell the operator that this is a test, and end.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Watch the service, and tell the operator of trouble.

    Runs until it is stopped. Each web process does the same; this one continues where those end,
    best on another machine. Whom it tells is set by FOLLOWUP_ALERT_EMAIL and
    FOLLOWUP_ALERT_WEBHOOK. With --once, ends with 1 where something is wrong.
    """
    if once and test:
        raise WrongUse("choose one of --once and --test")
    settings = load_settings()
    if test:
        _test(settings)
        return
    dog = make_watchdog(settings, lambda: build_app(settings), name="watch")
    if once:
        _once(dog, as_json=as_json)
        return
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    _run(settings, dog)


def _run(settings: Settings, dog: Watchdog) -> None:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    heart = HeartbeatThread(
        lambda: open_heartbeat_store(settings),
        {"watch": always_alive},
        instance=instance_name(),
        every=settings.heart_every,
    )
    if not messengers(settings):
        say("Nobody is told: set FOLLOWUP_ALERT_EMAIL or FOLLOWUP_ALERT_WEBHOOK.")
    say(f"Watching every {settings.alert_every:g} s. Ctrl-C stops it.")
    watchdog.run_watchdog(dog, stopping)
    heart.close()


def _once(dog: Watchdog, *, as_json: bool) -> None:
    try:
        found: list[HealthProblem] = dog.find()
    except StoreUnavailable:
        found = [DATABASE_AWAY]
    if as_json:
        say_json([{"code": one.code, "sentence": one.sentence} for one in found])
    for one in [] if as_json else found:
        bullet(f"{one.code}: {one.sentence}")
    if found:
        raise typer.Exit(EXIT_REFUSED)
    if not as_json:
        say("Nothing is wrong.")


def _test(settings: Settings) -> None:
    ways = messengers(settings)
    if not ways:
        raise WrongUse(
            "there is nobody to tell: set FOLLOWUP_ALERT_EMAIL or FOLLOWUP_ALERT_WEBHOOK"
        )
    now = parse_clock(None).real_now()
    news = Notification(code="test", sentence="this is a test: all is well", since=now, over=True)
    failed = False
    for way in ways:
        try:
            way.tell(make_alert([news], teller=f"watch {instance_name()}", at=now))
        except OSError as error:
            failed = True
            say(f"{way.kind}: did not arrive: {error}")
        else:
            say(f"{way.kind}: taken. Look whether it arrives.")
    if failed:
        raise typer.Exit(EXIT_REFUSED)
