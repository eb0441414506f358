"""A provider in this process that does as it is told, and remembers truthfully what it took."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Lock

from followup.domain.errors import (
    ChannelBusy,
    ChannelDown,
    ChannelError,
    ChannelRefused,
    ChannelUnavailable,
    OutcomeUnknown,
)
from followup.providers.interface import (
    Absent,
    CannotTell,
    ChannelKind,
    Outgoing,
    ProviderReport,
    ReportedStatus,
    Sought,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call goes: whether the message is taken, and what the caller hears about it."""

    takes: bool
    error: ChannelError | None = None


ACCEPT = Answer(takes=True)
LOST = Answer(takes=True, error=OutcomeUnknown("timeout", "no answer within 10 s"))
"""Taken, and the answer is lost."""
VANISHED = Answer(takes=False, error=OutcomeUnknown("reset", "the connection was reset"))
"""Not taken, and the caller can't know."""


def refuse(code: str = "21606", *, recipient: bool = False, opted_out: bool = False) -> Answer:
    """Return the answer "never": for the set-up's sake unless the recipient is at fault."""
    error = ChannelRefused(code, "refused", recipient=recipient, opted_out=opted_out)
    return Answer(takes=False, error=error)


def unavailable(code: str = "20429", *, retry_after: timedelta | None = None) -> Answer:
    """Return the answer "later"."""
    return Answer(takes=False, error=ChannelUnavailable(code, "later", retry_after=retry_after))


def busy(*, retry_after: timedelta | None = None) -> Answer:
    """Return the answer "slower"."""
    return Answer(takes=False, error=ChannelBusy("20429", "slower", retry_after=retry_after))


DOWN = Answer(takes=False, error=ChannelDown("not-reached", "the connection was refused"))
"""Not reached at all."""


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as this provider holds it."""

    id: str
    outgoing: Outgoing
    report: ProviderReport


class ScriptedChannel:
    """A `Channel`. What is scripted is used up call by call; then everything is accepted.

    `for_recipient` answers one address the same way for ever. `during_call` runs inside each call
    before anything is taken, in the caller's thread. `looks_away` makes `find` and `poll` answer
    `CannotTell`; `lists` False hides what was taken from `find`, as an index that lags does.
    """

    provider = "scripted"
    can_look = True

    def __init__(
        self,
        kind: ChannelKind,
        *,
        sender: str = "",
        account: str = "",
        longest_call: timedelta = timedelta(seconds=13),
        during_call: Callable[[Outgoing], object] | None = None,
    ) -> None:
        self.kind = kind
        self.account = account
        self.sender = sender or f"{kind}-sender"
        self.longest_call = longest_call
        self.during_call = during_call
        self.looks_away = False
        self.lists = True
        self.closed = False
        self.calls: list[Outgoing] = []
        self.sought: list[Sought] = []
        self.taken: dict[str, Taken] = {}
        self.for_recipient: dict[str, Answer] = {}
        self._script: deque[Answer] = deque()
        self._lock = Lock()

    def script(self, *answers: Answer) -> None:
        """Answer the next calls like this, in order."""
        self._script.extend(answers)

    def send(self, outgoing: Outgoing) -> ProviderReport:
        if self.during_call is not None:
            self.during_call(outgoing)
        with self._lock:
            self.calls.append(outgoing)
            answer = self.for_recipient.get(outgoing.to) or (
                self._script.popleft() if self._script else ACCEPT
            )
            taken = self._take(outgoing) if answer.takes else None
        if answer.error is not None:
            # An exception keeps a traceback: each raise gets one of its own.
            raise _again(answer.error)
        assert taken is not None
        return taken.report

    def find(self, sought: Sought) -> ProviderReport | Absent | CannotTell:
        with self._lock:
            self.sought.append(sought)
            candidates = [
                taken
                for taken in self.taken.values()
                if taken.outgoing.to == sought.outgoing.to
                and taken.outgoing.text == sought.outgoing.text
            ]
        if self.looks_away or not self.can_look:
            return CannotTell()
        found = [one for one in candidates if not sought.belongs_elsewhere(one.id)]
        return found[0].report if found and self.lists else Absent()

    def poll(self, provider_id: str) -> ProviderReport | Absent | CannotTell:
        if self.looks_away or not self.can_look:
            return CannotTell()
        taken = self.taken.get(provider_id)
        return Absent() if taken is None else taken.report

    def close(self) -> None:
        self.closed = True

    def reaches(
        self,
        provider_id: str,
        status: ReportedStatus,
        *,
        code: str | None = None,
        recipient: bool = False,
        opted_out: bool = False,
    ) -> ProviderReport:
        """Let a message that was taken get that far; return the receipt that says so."""
        with self._lock:
            taken = self.taken[provider_id]
            report = replace(
                taken.report, status=status, code=code, recipient=recipient, opted_out=opted_out
            )
            self.taken[provider_id] = replace(taken, report=report)
        return report

    @property
    def texts(self) -> list[str]:
        """The words of everything taken, in order."""
        return [taken.outgoing.text for taken in self.taken.values()]

    def _take(self, outgoing: Outgoing) -> Taken:
        id_ = f"SC{self.account}{self.kind}{len(self.taken) + 1:06d}-{outgoing.attempt_id.hex[:8]}"
        report = ProviderReport(provider_id=id_, status=ReportedStatus.ACCEPTED)
        taken = self.taken[id_] = Taken(id_, outgoing, report)
        return taken


def _again(error: ChannelError) -> ChannelError:
    if isinstance(error, ChannelRefused):
        return ChannelRefused(
            error.code, error.reason, recipient=error.recipient, opted_out=error.opted_out
        )
    if isinstance(error, ChannelUnavailable):
        return type(error)(error.code, error.reason, retry_after=error.retry_after)
    return type(error)(error.code, error.reason)
