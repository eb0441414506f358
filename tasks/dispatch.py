"""The tick that claims what is due, and the sending of one claimed batch."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from followup.monitoring.health import watched
from followup.replies import missed_texts
from followup.sending.claim import claim_batches
from followup.sending.send_batch import send_batch as deliver_batch
from tasks.app import app, resources


@app.task(name="tasks.dispatch.tick")
def tick() -> None:
    """Claim what is due and hand it on, after the claim is committed."""
    app = resources.app()

    def run() -> int:
        claimed = 0
        for batch in claim_batches(app):
            deliver.delay(str(batch.token), [str(message_id) for message_id in batch.message_ids])
            claimed += len(batch.message_ids)
        return claimed

    def listen() -> int:
        take = partial(missed_texts.take_missed_texts, app, newest_too=True)
        return watched(app, missed_texts.MISSED_TEXTS_JOB, take)

    watched(app, "dispatch", lambda: missed_texts.send_once_heard(app, run, listen=listen))


@app.task(name="tasks.dispatch.deliver")
def deliver(token: str, message_ids: list[str]) -> None:
    """Send the messages of one lease."""
    deliver_batch(
        resources.app(),
        UUID(token),
        [UUID(message_id) for message_id in message_ids],
        executor=resources.executor(),
    )
