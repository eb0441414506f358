"""The tick that claims what is due, and the sending of one claimed batch."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Timer
from uuid import UUID

from kombu.exceptions import OperationalError

from followup.monitoring.health import watched
from followup.replies import missed_texts
from followup.sending.claim import claim_batches
from followup.sending.send_batch import send_batch as deliver_batch
from tasks.app import app, resources

MOST_LOOKS = 3
"""How many looks of its own may follow a tick before beat's next."""
APART = 0.25
"""Seconds that lie between them, so that a message every moment is not a look every moment."""
ROUNDING = 0.002
"""Seconds by which a look ahead is late rather than early, when there is nothing to be seen yet."""


@app.task(name="tasks.dispatch.tick")
def tick(looks: int = MOST_LOOKS) -> None:
    """Claim what is due and hand it on, after the claim is committed.

    What falls due before beat's next tick has a look of its own, up to `looks` of them.
    """
    context = resources.app()

    def run() -> int:
        claimed = 0
        for batch in claim_batches(context, look_again=partial(_look_again, looks)):
            deliver.delay(str(batch.token), [str(message_id) for message_id in batch.message_ids])
            claimed += len(batch.message_ids)
        return claimed

    def listen() -> int:
        take = partial(missed_texts.take_missed_texts, context, newest_too=True)
        return watched(context, missed_texts.MISSED_TEXTS_JOB, take)

    watched(context, "dispatch", lambda: missed_texts.send_once_heard(context, run, listen=listen))


def _look_again(looks: int, after: timedelta) -> None:
    """Have a tick made after so long, unless beat's next comes first. No worker waits for it."""
    seconds = max(after.total_seconds() + ROUNDING, APART if looks < MOST_LOOKS else 0)
    if looks and seconds < app.conf.beat_schedule["dispatch"]["schedule"]:
        timer = Timer(seconds, _enqueue_tick, args=(looks - 1,))
        timer.daemon = True
        timer.start()


def _enqueue_tick(looks: int) -> None:
    # Without a broker it is left to beat, whose ticks come until there is one again.
    with suppress(OperationalError):
        tick.apply_async((looks,), expires=app.conf.beat_schedule["dispatch"]["options"]["expires"])


@app.task(name="tasks.dispatch.deliver")
def deliver(token: str, message_ids: list[str]) -> None:
    """Send the messages of one lease."""
    deliver_batch(
        resources.app(),
        UUID(token),
        [UUID(message_id) for message_id in message_ids],
        executor=resources.executor(),
    )
