"""A listener that also works off its inbox, as a process that a fault run kills."""

from __future__ import annotations

import socket
import threading
from multiprocessing.synchronize import Event

from followup.intake.hl7.listener import Hl7Listener
from followup.intake.work_off import work_off_feeds
from tests.support.apps import HandClock, make_app, shipped_content
from tests.support.hl7 import catalogue_with
from tests.support.people import ENROLLED_AT

# Read in the process that all of them are forked from.
CATALOGUE, CONTENT = catalogue_with(), shipped_content()


def serve(database_url: str, listener: socket.socket, ready: Event) -> None:
    """Listen and work off, until it is killed."""
    clock = HandClock(ENROLLED_AT)
    app = make_app(database_url, catalogue=CATALOGUE, content=CONTENT, clock=clock)

    def work() -> None:
        while True:
            if not work_off_feeds(app):
                threading.Event().wait(0.01)

    threading.Thread(target=work, daemon=True).start()
    ready.set()
    Hl7Listener(app, listener).run()
