"""Traces at the level of use cases: one tree a message, what a span may hold, and none when off."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from uuid import UUID, uuid4

from followup.context import AppContext
from followup.delivery.receipts import TakenReceipt, take_receipt
from followup.domain.errors import ChannelRefused
from followup.providers.interface import ProviderReport, ReportedStatus
from followup.settings.logging import add_span
from followup.store.models.messages import Attempt
from followup.tracing.otlp import MOST_WAITING, OtlpWriter
from followup.tracing.spans import Field, Span, SpanRef, attributes_of
from followup.tracing.traces import Traces
from tests.sending.test_hot_path import counting
from tests.stand_ins.collector import Collector
from tests.support.apps import enrol_many, enrol_one, rows, sms_of, tick
from tests.support.people import SMS
from tests.support.scripted_channel import Answer


class Kept:
    """Spans in a list."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    def write(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        """Keep them."""


def traced(app: AppContext, *, ratio: float = 1.0) -> tuple[AppContext, Kept]:
    kept = Kept()
    return replace(app, traces=Traces(kept, ratio=ratio)), kept


def test_claim_attempt_and_receipt_are_one_tree_under_the_id_of_the_message(sqlite_app):
    app, kept = traced(sqlite_app)
    enrol_one(app, channels=(SMS,))
    lines = []
    sms_of(app).during_call = lambda _: lines.append(add_span(None, "info", {}))

    tick(app)
    (attempt,) = rows(app, Attempt)
    report = ProviderReport(provider_id=attempt.provider_id, status=ReportedStatus.DELIVERED)
    ids = {"message_id": attempt.message_id, "attempt_id": attempt.id}
    assert take_receipt(app, report, provider="scripted", **ids) is TakenReceipt.APPLIED

    by_name = {one.name: one for one in kept.spans}
    claim, sent, receipt = (by_name[name] for name in ("claim", "attempt", "receipt"))
    assert {one.at.trace for one in kept.spans} == {attempt.message_id}
    assert (claim.parent, sent.parent, receipt.parent) == (None, claim.at.span, sent.at.span)
    steps = [one.name for one in kept.spans if one.parent == sent.at.span]
    assert steps == ["render", "call provider", "record outcome", "receipt"]
    assert all(0 < one.began <= one.ended for one in kept.spans)
    assert attributes_of(sent)["followup.outcome"] == "accepted"
    assert attributes_of(receipt)["followup.outcome"] == "delivered.applied"
    # A line that is logged during the call tells the attempt.
    assert lines == [{"trace_id": attempt.message_id.hex, "span_id": f"{sent.at.span:016x}"}]
    assert "trace_id" not in add_span(None, "info", {})


def test_tracing_asks_the_database_nothing(sqlite_app):
    app, kept = traced(sqlite_app)

    def asked(by: AppContext, first: int) -> Counter[str]:
        enrol_many(by, 5, first=first, channels=(SMS,))
        with counting(by) as counted:
            tick(by)
        return Counter(counted.statements)

    asked(sqlite_app, 1)  # What is asked for once alone.
    off, on = asked(sqlite_app, 11), asked(app, 21)

    assert len([one for one in kept.spans if one.name == "attempt"]) == 5
    assert set(on) == set(off)
    # On a busy machine outcomes come in two groups, of four statements each.
    assert on.total() <= off.total() + 4


def test_a_refusal_is_a_failed_span_with_the_code_and_without_the_words(sqlite_app):
    app, kept = traced(sqlite_app)
    enrol_one(app, channels=(SMS,))
    error = ChannelRefused("21610", "+447700900001 replied STOP")
    sms_of(app).script(Answer(takes=False, error=error))

    tick(app)

    (attempt,) = [one for one in kept.spans if one.name == "attempt"]
    told = attributes_of(attempt)
    assert attempt.failed
    assert (told["followup.outcome"], told["followup.code"]) == ("refused", "21610")


def test_a_value_that_may_be_somebodys_is_left_out():
    private = (
        "+447700900001", "07700900001", "999 000 0018", "9990000018", "ann@example.com",
        "Ann Example", "O’Brien", "cant feel my legs", "SM9990000018", "https://h.example/p/a?b=c",
        "1950-03-04", "04/03/1950", "", "é",
    )  # fmt: skip
    plain = ("21610", "5.1.1", "550", "no-address", "derriford-pain", "/p/{token}", "GET", "sms")

    def told(value: str) -> object:
        at = SpanRef(uuid4(), 1)
        span = Span(name="x", at=at, began=1, ended=2, fields={Field.CODE: value})
        return attributes_of(span).get("followup.code")

    assert [value for value in private if told(value) is not None] == []
    assert [told(value) for value in plain] == list(plain)


def test_a_trace_is_kept_by_every_process_or_by_none():
    ids = [uuid4() for _ in range(2000)]
    tenth, half = Traces(Kept(), ratio=0.1), Traces(Kept(), ratio=0.5)

    kept = {one for one in ids if tenth.covers(one)}

    assert 100 < len(kept) < 320
    assert kept == {one for one in ids if Traces(Kept(), ratio=0.1).covers(one)}
    assert kept <= {one for one in ids if half.covers(one)}
    assert all(Traces(Kept()).covers(one) for one in (*ids, UUID(int=0)))
    assert tenth.time(next(one for one in ids if one not in kept)) == 0


def test_a_collector_that_never_answers_keeps_nothing_from_being_sent(sqlite_app):
    with Collector(answers=False) as collector:
        writer = OtlpWriter(f"{collector.url}/v1/traces", headers={}, resource={})
        app = replace(sqlite_app, traces=Traces(writer))
        enrol_many(app, 3, channels=(SMS,))
        for serial in range(2 * MOST_WAITING):
            at = SpanRef(UUID(int=serial + 1), 1)
            app.traces.keep(Span(name="claim", at=at, began=1, ended=2))

        tick(app)

        assert [one.outcome for one in rows(app, Attempt)] == ["accepted"] * 3
        app.traces.close()
        assert collector.spans == []


def test_no_exporter_is_loaded_where_traces_are_off(tmp_path):
    """Neither where a platform names a collector for every container."""
    program = (
        "import sys; import tasks.dispatch, followup.web.app; from tasks.app import resources\n"
        "assert not resources.app().traces.on\n"
        "print(sorted(one for one in sys.modules if one.startswith(('opentelemetry.exporter',"
        " 'opentelemetry.sdk.trace', 'google.protobuf', 'followup.tracing.otlp'))))"
    )
    environment = {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "FOLLOWUP_DATA_DIR": str(tmp_path),
    }

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
