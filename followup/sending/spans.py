"""What the send path tells a trace: each claim, and each attempt with its steps, once it has ended.

An attempt is told when its outcome is committed, so that nothing waits on the way to the call. One
whose process dies before that leaves the claim alone in its trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from followup.context import AppContext
from followup.domain.errors import ChannelError
from followup.messages.outcomes import CompletedCall, code_of, outcome_of
from followup.providers.interface import ProviderReport
from followup.sending.attempt_builder import StartedAttempt
from followup.tracing.spans import Field, Span, SpanKind, SpanRef, attempt_ref, claim_ref
from followup.tracing.traces import new_span


def trace_claim(
    app: AppContext, token: UUID, message_ids: Sequence[UUID], *, began: int, ended: int
) -> None:
    """Tell of one lease, which was made by a transaction that took so long."""
    for message_id in message_ids if app.traces.on else ():
        app.traces.keep(
            Span(
                name="claim",
                at=claim_ref(message_id, token),
                began=began,
                ended=ended,
                fields={Field.MESSAGE: message_id},
            )
        )


def trace_attempts(
    app: AppContext,
    token: UUID,
    calls: Iterable[tuple[StartedAttempt, CompletedCall]],
    *,
    settled: tuple[int, int],
) -> None:
    """Tell of attempts under one lease whose outcomes were committed together, in so long."""
    for started, called in calls:
        if started.rendered[0]:
            for span in _spans_of(started, called, token=token, settled=settled):
                app.traces.keep(span)


def _spans_of(
    started: StartedAttempt, called: CompletedCall, *, token: UUID, settled: tuple[int, int]
) -> Iterator[Span]:
    whole = attempt_ref(called.message_id, called.attempt_id)
    failed = isinstance(called.result, ChannelError)
    yield Span(
        name="attempt",
        at=whole,
        parent=claim_ref(called.message_id, token).span,
        began=started.rendered[0],
        ended=settled[1],
        failed=failed,
        fields=_fields_of(started, called),
    )
    yield _step("render", whole, started.rendered)
    if called.lasted[0]:
        yield _step("call provider", whole, called.lasted, kind=SpanKind.CLIENT, failed=failed)
    yield _step("record outcome", whole, settled)


def _fields_of(
    started: StartedAttempt, called: CompletedCall
) -> dict[Field, UUID | str | int | None]:
    row, result = started.row, called.result
    code = result.code if isinstance(result, ProviderReport) else None
    return {
        Field.MESSAGE: called.message_id,
        Field.ATTEMPT: called.attempt_id,
        Field.NUMBER: row.attempt_count + 1,
        Field.CLINIC: row.clinic,
        Field.CHANNEL: row.channel,
        Field.PROVIDER: started.channel.provider,
        Field.OUTCOME: outcome_of(result).value,
        Field.CODE: code_of(result) if isinstance(result, ChannelError) else code,
    }


def _step(
    name: str,
    whole: SpanRef,
    lasted: tuple[int, int],
    *,
    kind: SpanKind = SpanKind.INTERNAL,
    failed: bool = False,
) -> Span:
    began, ended = lasted
    return Span(
        name=name,
        at=SpanRef(whole.trace, new_span()),
        parent=whole.span,
        began=began,
        ended=ended,
        kind=kind,
        failed=failed,
    )
