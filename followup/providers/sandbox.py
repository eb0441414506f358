"""Sandbox provider: plays a carrier, with receipts and failures scripted by the recipient.

Nothing leaves the machine. What a number or address ends in decides how it fares:

====================  ========================  =================================================
a mobile ending in    an e-mail beginning with  what happens
====================  ========================  =================================================
111                   invalid                   refused: there is no such number or mailbox
222                   bounce                    taken, then reported as not deliverable
333                   stopped                   refused: its owner told the carrier to stop
444                   defer                     unavailable twice, then delivered
555                   lost                      taken, but the answer is lost: found on asking
666                   vanished                  the answer is lost, and it was never taken
777                   silent                    taken; no receipt ever comes
888                   landline                  taken, then reported as a landline
anything else         anything else             delivered a few seconds later
====================  ========================  =================================================

Receipts fall due in service time, so that a time-lapse plays them too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Protocol
from uuid import UUID

from followup.clock import Clock
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelRefused, ChannelUnavailable, OutcomeUnknown
from followup.providers.interface import (
    Absent,
    CannotTell,
    Outgoing,
    ProviderReport,
    ReportedStatus,
    Sought,
)

SENDER = "sandbox"
RECEIPT_AFTER = timedelta(seconds=4)

SANDBOX_SCRIPTS = {
    "invalid": "111",
    "bounce": "222",
    "stopped": "333",
    "defer": "444",
    "lost": "555",
    "vanished": "666",
    "silent": "777",
    "landline": "888",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedMessage:
    """One message that the sandbox took: `next_status` is what it reports at `report_at`."""

    id: str
    kind: ChannelKind
    message_id: UUID
    attempt_id: UUID
    to: str
    subject: str | None
    body: str
    accepted_at: datetime
    status: ReportedStatus
    next_status: ReportedStatus | None = None
    report_at: datetime | None = None
    code: str | None = None


class Outbox(Protocol):
    """Where the sandbox keeps what it took. Safe to share between threads and processes."""

    def add(self, carried: CarriedMessage) -> None:
        """Keep a message."""

    def take_due(self, now: datetime, *, limit: int) -> Sequence[CarriedMessage]:
        """Return messages whose report has fallen due, each in its new status."""

    def of_attempt(self, attempt_id: UUID) -> CarriedMessage | None:
        """Return the message of an attempt."""

    def get(self, provider_id: str) -> CarriedMessage | None:
        """Return a message by the sandbox's id."""

    def refusals(self, message_id: UUID) -> int:
        """Count one more "try later" for a message; return how many there were before."""


class SandboxChannel:
    """One of the two sandbox channels. Safe to share between threads."""

    provider = "sandbox"
    account = ""
    sender = SENDER
    longest_call = timedelta(seconds=1)
    can_look = True

    def __init__(self, kind: ChannelKind, outbox: Outbox, clock: Clock) -> None:
        self.kind = kind
        self._outbox = outbox
        self._clock = clock

    def send(self, outgoing: Outgoing) -> ProviderReport:
        script = script_of(outgoing.to)
        self._refuse(script, outgoing)
        if script != "vanished":
            self._outbox.add(self._carried(script, outgoing))
        if script in {"vanished", "lost"}:
            raise OutcomeUnknown("sandbox-lost", "the sandbox keeps its answer to itself")
        return ProviderReport(provider_id=_id(outgoing.attempt_id), status=ReportedStatus.ACCEPTED)

    def find(self, sought: Sought) -> ProviderReport | Absent | CannotTell:
        carried = self._outbox.of_attempt(sought.outgoing.attempt_id)
        return Absent() if carried is None else report_of(carried)

    def poll(self, provider_id: str) -> ProviderReport | Absent | CannotTell:
        carried = self._outbox.get(provider_id)
        return Absent() if carried is None else report_of(carried)

    def close(self) -> None:
        """Nothing to give back."""

    def _refuse(self, script: str | None, outgoing: Outgoing) -> None:
        if script == "invalid":
            raise ChannelRefused("21211", "there is no such recipient", recipient=True)
        if script == "stopped":
            reason = "the recipient told the carrier to stop"
            raise ChannelRefused("21610", reason, recipient=True, opted_out=True)
        if script == "defer" and self._outbox.refusals(outgoing.message_id) < 2:  # noqa: PLR2004
            raise ChannelUnavailable("20429", "too many requests")

    def _carried(self, script: str | None, outgoing: Outgoing) -> CarriedMessage:
        now = self._clock.now()
        taken = CarriedMessage(
            id=_id(outgoing.attempt_id),
            kind=self.kind,
            message_id=outgoing.message_id,
            attempt_id=outgoing.attempt_id,
            to=outgoing.to,
            subject=outgoing.subject,
            body=outgoing.text,
            accepted_at=now,
            status=ReportedStatus.SENT,
        )
        if script == "silent":
            return taken
        failing = {"bounce": "30003", "landline": "30006"}.get(script or "")
        return replace(
            taken,
            report_at=now + RECEIPT_AFTER,
            next_status=ReportedStatus.FAILED if failing else ReportedStatus.DELIVERED,
            code=failing,
        )


class MemoryOutbox:
    """An outbox that lasts as long as the process: for tests."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._carried: dict[str, CarriedMessage] = {}
        self._refusals: dict[UUID, int] = {}

    def add(self, carried: CarriedMessage) -> None:
        with self._lock:
            self._carried[carried.id] = carried

    def take_due(self, now: datetime, *, limit: int) -> Sequence[CarriedMessage]:
        with self._lock:
            due = [
                one
                for one in self._carried.values()
                if one.report_at is not None and one.report_at <= now
            ][:limit]
            reported = [reported_of(one) for one in due]
            self._carried.update({one.id: one for one in reported})
            return reported

    def of_attempt(self, attempt_id: UUID) -> CarriedMessage | None:
        return self.get(_id(attempt_id))

    def get(self, provider_id: str) -> CarriedMessage | None:
        with self._lock:
            return self._carried.get(provider_id)

    def refusals(self, message_id: UUID) -> int:
        with self._lock:
            before = self._refusals.get(message_id, 0)
            self._refusals[message_id] = before + 1
            return before

    def entries(self) -> Sequence[CarriedMessage]:
        """Return everything taken, in order."""
        with self._lock:
            return list(self._carried.values())


def script_of(recipient: str) -> str | None:
    """Return the script that a recipient asks for, if any."""
    for name, ending in SANDBOX_SCRIPTS.items():
        if recipient.endswith(ending) or recipient.partition("@")[0].startswith(name):
            return name
    return None


def reported_of(carried: CarriedMessage) -> CarriedMessage:
    """Return a message after its report: in its new status, with nothing more to report."""
    status = carried.next_status or carried.status
    return replace(carried, status=status, next_status=None, report_at=None)


def report_of(carried: CarriedMessage) -> ProviderReport:
    """Return what the sandbox says of a message now."""
    failed = carried.status is ReportedStatus.FAILED
    return ProviderReport(
        provider_id=carried.id,
        status=carried.status,
        code=carried.code if failed else None,
        reason="not deliverable" if failed else None,
        recipient=failed and carried.code == "30006",
    )


def _id(attempt_id: UUID) -> str:
    return f"SB{attempt_id.hex}"
