"""`followup listen`: takes in what hospital systems send."""

from __future__ import annotations

import signal

from followup.bootstrap import build_app, instance_name
from followup.cli.framework.boundary import Group
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import say
from followup.monitoring.heartbeats import HeartbeatThread, always_alive
from followup.runtime.hl7 import open_listener
from followup.settings.logging import configure_logging
from followup.settings.settings import load_settings

group = new_app(
    cls=Group, no_args_is_help=True, help="Take in what hospital systems send (HL7 v2)."
)


@group.callback()
def root() -> None:
    """Take in what hospital systems send (HL7 v2)."""


@group.command()
def hl7() -> None:
    """Listen for HL7 v2 messages over MLLP.

    On FOLLOWUP_HL7_HOST and FOLLOWUP_HL7_PORT, until it is stopped. A message is acknowledged once
    it is kept; a worker works it off. `followup run` listens as well where the port is set.
    """
    settings = load_settings()
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    app = build_app(settings)
    try:
        listener = open_listener(settings, app)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: listener.stop())
        heart = HeartbeatThread(
            lambda: app, {"hl7": always_alive}, instance=instance_name(), every=settings.heart_every
        )
        say(f"Listening for HL7 on {settings.hl7_host}:{settings.hl7_port}. Ctrl-C stops it.")
        listener.run()
        heart.close()
    finally:
        app.close()
