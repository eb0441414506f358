"""Provider calls of committed attempts, with their outcomes committed as they come."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from uuid import UUID

import structlog

from followup.context import AppContext
from followup.domain import actors
from followup.domain.errors import (
    ChannelBusy,
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    OutcomeUnknown,
)
from followup.domain.reasons import Reason
from followup.messages.outcomes import NOT_CALLED, CompletedCall, settle_attempt
from followup.providers.interface import ProviderReport
from followup.routing.accounts import account_of
from followup.sending.attempt_builder import StartedAttempt
from followup.sending.kill_switch_check import KillSwitchCheck
from followup.sending.provider_feedback import apply_backpressure, end_failover, record_outcomes
from followup.sending.spans import trace_attempts
from followup.sending.thread_pool import WorkerPool
from followup.tracing.spans import attempt_ref

COMMIT_EVERY = 100
"""Outcomes are committed in groups of this many ..."""
COMMIT_WITHIN = 0.25
"""... or after this many seconds, so that a crash leaves few outcomes unknown."""

log = structlog.get_logger()


class ProviderCalls:
    """The provider calls of one portion: begun here, made by the executor, and settled here.

    One thread uses it, and may write the next attempts ahead while calls are under way. Whatever
    happens it must `finish`: what came of the calls is known here alone.
    """

    def __init__(self, app: AppContext, executor: ThreadPoolExecutor, *, token: UUID) -> None:
        self._app = app
        self._token = token
        self._brake = KillSwitchCheck(app)
        self._turns = WorkerPool(executor, self._work, most=app.policy.send_concurrency)
        self._unsettled: list[tuple[StartedAttempt, CompletedCall]] = []
        self._waiting_since = 0.0
        self._made = 0

    def begin(self, started: Sequence[StartedAttempt]) -> None:
        """Let attempts that are committed be called."""
        self._turns.add(started)

    def make_room(self) -> None:
        """Return once no more calls are under way than can be made at once.

        More attempts written ahead would only be more that nobody knows of after a crash.
        """
        most = self._app.policy.send_concurrency
        while self._turns.under_way > most:
            self._take_in(self._turns.under_way - most)
            if self._turns.under_way > most:
                self.settle_group()

    def settle_group(self) -> None:
        """Settle what has come, once it is a group or has waited for long."""
        waited = monotonic() - self._waiting_since
        if len(self._unsettled) >= COMMIT_EVERY or (self._unsettled and waited >= COMMIT_WITHIN):
            self._settle()

    def finish(self) -> int:
        """Wait for every call and commit its outcome; return how many calls were made."""
        while self._turns.under_way:
            self._take_in(max(COMMIT_EVERY - len(self._unsettled), 1))
            self.settle_group()
        self._settle()
        return self._made

    def _take_in(self, enough: int) -> None:
        """Take in outcomes: that many, or what is there after a while."""
        ended = self._turns.wait(enough, seconds=COMMIT_WITHIN)
        if ended and not self._unsettled:
            self._waiting_since = monotonic()
        self._unsettled += ended

    def _settle(self) -> None:
        ended, self._unsettled = self._unsettled, []
        if ended:
            record_outcomes(self._app, ended)
            began = self._app.traces.time()
            settle_attempt(self._app, [called for _, called in ended], actor=actors.WORKER)
            settled = began, self._app.traces.time()
            trace_attempts(self._app, self._token, ended, settled=settled)
            end_failover(self._app, ended)
            self._made += sum(called.result is not NOT_CALLED for _, called in ended)

    def _work(self, started: StartedAttempt) -> tuple[StartedAttempt, CompletedCall]:
        outgoing = started.outgoing
        try:
            if not started.rendered[0]:
                return started, self._call(started)
            with self._app.traces.within(attempt_ref(outgoing.message_id, outgoing.attempt_id)):
                return started, self._call(started)
        except BaseException as error:
            # Whoever waits for it would wait for ever.
            log.exception("call.ended_without_outcome", attempt_id=str(outgoing.attempt_id))
            unknown = OutcomeUnknown(Reason.BUG.value, type(error).__name__)
            return started, CompletedCall(outgoing.message_id, outgoing.attempt_id, unknown)

    def _call(self, started: StartedAttempt) -> CompletedCall:
        """Make one provider call, unless its lease is over or it has been stopped meanwhile.

        After its lease another worker may hold the message.
        """
        app, outgoing = self._app, started.outgoing
        result: ProviderReport | ChannelError
        # The lease last of all: looking at the switches may take time.
        if (
            self._brake.stops(started.row)
            or app.breaker.is_open(account_of(started.channel))
            or app.clock.real_now() >= started.call_before
        ):
            return CompletedCall(outgoing.message_id, outgoing.attempt_id, NOT_CALLED)
        began = app.traces.time(outgoing.message_id)
        try:
            result = started.channel.send(outgoing)
        except ChannelBusy as error:
            apply_backpressure(app, started, error)
            result = error
        except (ChannelRefused, ChannelUnavailable, OutcomeUnknown) as error:
            result = error
        except Exception as error:
            # The edge of a thread: a bug in a provider module must neither pass for "not sent" nor
            # keep the outcomes of the other messages from being committed.
            log.exception("channel.bug", attempt_id=str(outgoing.attempt_id))
            result = OutcomeUnknown(Reason.BUG.value, type(error).__name__)
        lasted = began, app.traces.time(outgoing.message_id)
        return CompletedCall(outgoing.message_id, outgoing.attempt_id, result, lasted)
