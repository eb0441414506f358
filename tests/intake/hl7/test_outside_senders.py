"""Senders that others have written: each sends over loopback, and reads our acknowledgements."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from followup.store.models.feeds import FeedMessage
from tests.support.apps import rows, sweep
from tests.support.hl7 import message
from tests.support.outside_judges import Judge, hl7_senders

LIBRARIES = ("simple-hl7", "@medplum/hl7")


@pytest.fixture(scope="module")
def senders() -> Iterator[Judge]:
    with hl7_senders() as running:
        yield running


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_another_library_sends_is_taken_and_it_reads_what_we_answer(
    app, port, senders, library
):
    def send(text: str) -> list[str]:
        answer = senders.ask({"library": library, "port": port, "text": text})
        sweep(app, "work-off-feeds")
        return answer

    assert [
        send(message("SIU^S12", id_="1", at="20261018090000")),
        send(message("ADT^A04", id_="2", at="20261019090000", serial=2, visit="V2")),
        send(message("ADT^A31", id_="3", at="20261019100000", phones="+447700900555^PRN^CP")),
        send(message("ADT^A31", id_="3", at="20261019100000", serial=3)),
        send(message("ADT^A17", id_="4")),
    ] == [
        ["AA", "1", "ACK^S12"],
        ["AA", "2", "ACK^A04"],
        ["AA", "3", "ACK^A31"],
        ["AR", "3", "ACK^A31"],
        ["AR", "4", "ACK^A17"],
    ]
    states = {(row.control_id, row.state) for row in rows(app, FeedMessage)}
    assert states == {
        ("1", "enrolled"), ("2", "enrolled"), ("3", "changed"), ("3", "refused"), ("4", "refused"),
    }  # fmt: skip
