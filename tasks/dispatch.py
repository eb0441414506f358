"""The tick that claims what is due, and the sending of one claimed batch."""

from __future__ import annotations

from uuid import UUID

from followup.dispatch import claims
from followup.health import watched
from followup.send import deliver as deliver_batch
from tasks.app import app, resources


@app.task(name="tasks.dispatch.tick")
def tick() -> None:
    """Claim what is due and hand it on, after the claim is committed."""
    kit = resources.kit()

    def run() -> int:
        claimed = 0
        for batch in claims(kit):
            deliver.delay(str(batch.token), [str(message_id) for message_id in batch.message_ids])
            claimed += len(batch.message_ids)
        return claimed

    watched(kit, "dispatch", run)


@app.task(name="tasks.dispatch.deliver")
def deliver(token: str, message_ids: list[str]) -> None:
    """Send the messages of one lease."""
    deliver_batch(
        resources.kit(),
        UUID(token),
        [UUID(message_id) for message_id in message_ids],
        executor=resources.executor(),
    )
