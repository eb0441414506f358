"""The sandbox plays a carrier: what it takes, refuses, loses and reports is scripted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from followup.clock import SteppingClock
from followup.domain.errors import ChannelRefused, ChannelUnavailable, OutcomeUnknown
from followup.providers.interface import Absent, ChannelKind, ReportedStatus
from followup.providers.sandbox import (
    RECEIPT_AFTER,
    SANDBOX_SCRIPTS,
    MemoryOutbox,
    SandboxChannel,
    report_of,
    script_of,
)
from tests.providers.conftest import a_message, search_for

START = datetime(2026, 10, 24, 9, tzinfo=UTC)
KINDS = [ChannelKind.SMS, ChannelKind.EMAIL]


@pytest.fixture
def outbox():
    return MemoryOutbox()


@pytest.fixture
def clock():
    return SteppingClock(START)


@pytest.fixture(params=KINDS, ids=["sms", "email"])
def channel(request, outbox, clock):
    return SandboxChannel(request.param, outbox, clock)


def recipient(channel, script: str | None) -> str:
    """Return a number or an address that asks for a script, or for none."""
    if channel.kind is ChannelKind.SMS:
        return f"+447700900{SANDBOX_SCRIPTS[script] if script else '123'}"
    return f"{script or 'pat'}@example.com"


def to(channel, script: str | None):
    subject = "Your dressing" if channel.kind is ChannelKind.EMAIL else None
    return a_message(to=recipient(channel, script), subject=subject)


def reports_due(outbox, clock, *, after: timedelta):
    clock.advance_to(clock.now() + after)
    return [
        (one.message_id, one.attempt_id, report_of(one))
        for one in outbox.take_due(clock.now(), limit=100)
    ]


@pytest.mark.parametrize("script", [None, "defer"])
def test_most_messages_are_delivered_a_few_seconds_later(channel, outbox, clock, script):
    outgoing = to(channel, script)
    for _ in range(2 if script else 0):
        with pytest.raises(ChannelUnavailable):
            channel.send(outgoing)

    taken = channel.send(outgoing)

    assert reports_due(outbox, clock, after=RECEIPT_AFTER - timedelta(seconds=1)) == []
    ((message_id, attempt_id, report),) = reports_due(outbox, clock, after=timedelta(seconds=1))
    assert (message_id, attempt_id) == (outgoing.message_id, outgoing.attempt_id)
    assert (report.provider_id, report.status) == (taken.provider_id, ReportedStatus.DELIVERED)


def test_a_report_falls_due_once(channel, outbox, clock):
    channel.send(to(channel, None))

    first = reports_due(outbox, clock, after=timedelta(days=1))
    second = reports_due(outbox, clock, after=timedelta(days=1))

    assert (len(first), second) == (1, [])


def test_reports_fall_due_in_portions(channel, outbox, clock):
    for _ in range(3):
        channel.send(to(channel, None))
    clock.advance_to(START + timedelta(days=1))

    portions = [len(outbox.take_due(clock.now(), limit=2)) for _ in range(3)]

    assert portions == [2, 1, 0]


@pytest.mark.parametrize(("script", "opted_out"), [("invalid", False), ("stopped", True)])
def test_some_recipients_are_refused_by_their_own_fault(channel, outbox, script, opted_out):
    with pytest.raises(ChannelRefused) as caught:
        channel.send(to(channel, script))

    assert caught.value.recipient
    assert caught.value.opted_out is opted_out
    assert outbox.entries() == []


@pytest.mark.parametrize(("script", "recipient"), [("bounce", False), ("landline", True)])
def test_some_messages_are_taken_and_then_not_delivered(channel, outbox, clock, script, recipient):
    channel.send(to(channel, script))

    ((_, _, report),) = reports_due(outbox, clock, after=RECEIPT_AFTER)

    assert report.status is ReportedStatus.FAILED
    assert report.code
    assert report.reason
    assert report.recipient is recipient


def test_some_messages_never_bring_a_receipt(channel, outbox, clock):
    sent = channel.send(to(channel, "silent"))

    assert reports_due(outbox, clock, after=timedelta(days=42)) == []
    assert channel.poll(sent.provider_id).status is ReportedStatus.SENT


def test_an_answer_that_is_lost_leaves_a_message_to_be_found(channel, outbox, clock):
    outgoing = to(channel, "lost")
    with pytest.raises(OutcomeUnknown):
        channel.send(outgoing)

    found = channel.find(search_for(outgoing))

    assert found.provider_id == outbox.entries()[0].id
    assert len(reports_due(outbox, clock, after=RECEIPT_AFTER)) == 1


def test_a_message_that_vanished_is_absent(channel):
    outgoing = to(channel, "vanished")
    with pytest.raises(OutcomeUnknown):
        channel.send(outgoing)

    assert isinstance(channel.find(search_for(outgoing)), Absent)


def test_asking_tells_how_a_message_fares(channel, outbox, clock):
    sent = channel.send(to(channel, "bounce"))
    before = channel.poll(sent.provider_id)
    reports_due(outbox, clock, after=RECEIPT_AFTER)

    after = channel.poll(sent.provider_id)

    assert before.status is ReportedStatus.SENT
    assert after.status is ReportedStatus.FAILED
    assert isinstance(channel.poll("SB0"), Absent)


def test_what_was_taken_can_be_read(channel, outbox):
    outgoing = to(channel, None)

    channel.send(outgoing)

    (kept,) = outbox.entries()
    assert (kept.kind, kept.to, kept.body) == (channel.kind, outgoing.to, outgoing.text)
    assert kept.subject == outgoing.subject
    assert kept.accepted_at == START
    channel.close()


def test_every_script_can_be_asked_for_by_number_and_by_address():
    for script, ending in SANDBOX_SCRIPTS.items():
        assert script_of(f"+447700900{ending}") == script
        assert script_of(f"{script}@example.com") == script
    assert script_of("+447700900123") is None
    assert script_of("pat@example.com") is None
