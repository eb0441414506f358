"""Feeding the sandbox carrier's receipts to where a real carrier's arrive."""

from __future__ import annotations

from followup.channels.sandbox import report_of
from followup.kit import Kit
from followup.receipts import take
from followup.store.outbox import StoredOutbox


def play_sandbox(kit: Kit, *, limit: int = 200) -> int:
    """Report what the sandbox's messages have come to since; return how many reports that was.

    A report that is lost on the way is asked for again when its receipt is overdue, as with a
    real carrier.
    """
    if all(channel.provider != "sandbox" for channel in kit.channels.values()):
        return 0
    due = StoredOutbox(kit.store, kit.keyring).take_due(kit.clock.now(), limit=limit)
    for carried in due:
        take(
            kit,
            report_of(carried),
            provider="sandbox",
            message_id=carried.message_id,
            attempt_id=carried.attempt_id,
        )
    return len(due)
