"""The tick that claims what is due, and the sending of one claimed batch."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Timer
from time import monotonic
from typing import Any
from uuid import UUID

from celery.bootsteps import StartStopStep
from kombu.exceptions import OperationalError

from followup.monitoring.health import watched
from followup.replies import missed_texts
from followup.sending.claim import claim_batches
from followup.sending.send_batch import send_batch as deliver_batch
from followup.sending.stuck_messages import release_claims
from tasks.app import app, resources

MOST_LOOKS = 3
"""How many looks of its own may follow a tick before beat's next."""
APART = 0.25
"""Seconds that lie between them, so that a message every moment is not a look every moment."""
ROUNDING = 0.002
"""Seconds by which a look ahead is late rather than early, when there is nothing to be seen yet."""
AHEAD = timedelta(seconds=0.25)
"""How long it takes, on a busy machine too, until a worker has what a look ahead finds."""
AHEAD_EMBEDDED = timedelta(seconds=0.5)
"""The same in one process, whose broker is looked at every fifth of a second, for each task."""


@app.task(name="tasks.dispatch.tick")
def tick(looks: int = MOST_LOOKS) -> None:
    """Claim what is due and hand it on, after the claim is committed.

    What falls due before beat's next tick has a look of its own, up to `looks` of them.
    """
    context = resources.app()
    ahead = AHEAD_EMBEDDED if resources.embedded else AHEAD

    def run() -> int:
        claimed = 0
        look_again = partial(_look_again, looks)
        for batch in claim_batches(context, look_again=look_again, ahead=ahead):
            ids = [str(message_id) for message_id in batch.message_ids]
            try:
                deliver.delay(str(batch.token), ids)
            except OperationalError:
                # No worker is told of the others of its claim either.
                release_claims(context, made_before=context.clock.real_now())
                raise
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


@app.task(name="tasks.dispatch.hand_over_again")
def hand_over_again(seconds: float) -> None:
    """Have claimed again what was handed to a broker that went away so many seconds ago."""
    context = resources.app()
    lost_at = context.clock.real_now() - timedelta(seconds=seconds)
    release_claims(context, made_before=lost_at)


class HandOverAgain(StartStopStep):
    """Once a worker has lost its broker and found one again, hands over anew what may be lost.

    A worker forgets batches that it had taken and not begun, and another master may never have
    heard of those that waited.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own
        super().__init__(consumer, **options)
        self._lost_at: float | None = None

    def start(self, _: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """Take note of a connection: the first, or one that follows a loss."""
        if self._lost_at is not None:
            # If it is lost again already, the next connection does it.
            with suppress(OperationalError):
                hand_over_again.delay(monotonic() - self._lost_at)
                self._lost_at = None

    def stop(self, _: Any) -> None:  # noqa: ANN401 - Celery's consumer
        """Take note that the connection is lost."""
        if self._lost_at is None:
            self._lost_at = monotonic()


app.steps["consumer"].add(HandOverAgain)
