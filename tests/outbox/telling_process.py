"""A process that delivers events until it is killed: python -m tests.outbox.telling_process URL."""

from __future__ import annotations

import sys
import time
from datetime import timedelta

from followup.clock import SystemClock
from followup.context import WebhookPolicy
from followup.outbox import deliver
from tests.support.apps import make_app

if __name__ == "__main__":
    # What a dead process held is free again at once: that is all that the test would wait for.
    deliver.LEASE = timedelta(milliseconds=100)
    app = make_app(sys.argv[1], clock=SystemClock(), webhooks=WebhookPolicy(loopback=True))
    while True:
        if not deliver.deliver_events(app):
            time.sleep(0.01)
