"""Sandbox receipts: fed to where a real carrier's arrive."""

from __future__ import annotations

from followup.context import AppContext
from followup.delivery.receipts import take_receipt
from followup.delivery.sandbox_outbox import StoredOutbox
from followup.providers.sandbox import report_of


def deliver_sandbox_receipts(app: AppContext, *, limit: int = 200) -> int:
    """Report what the sandbox's messages have come to since; return how many reports that was.

    A report that is lost on the way is asked for again when its receipt is overdue, as with a
    real carrier.
    """
    if all(channel.provider != "sandbox" for channel in app.channels.values()):
        return 0
    due = StoredOutbox(app.store, app.keyring).take_due(app.clock.now(), limit=limit)
    for carried in due:
        take_receipt(
            app,
            report_of(carried),
            provider="sandbox",
            message_id=carried.message_id,
            attempt_id=carried.attempt_id,
        )
    return len(due)
