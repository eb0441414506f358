"""What the stand-in does wrong: by a plan, request by request, and by chance from a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum


class Fault(StrEnum):
    """What goes wrong with one request; `accept…` takes the message first, `refuse…` does not."""

    ACCEPT_NEVER_ANSWER = "accept-never-answer"
    ACCEPT_RESET = "accept-reset"
    ACCEPT_CLOSE = "accept-close"
    ACCEPT_500 = "accept-500"
    ACCEPT_TRUNCATE = "accept-truncate"
    """Half of the answer, then the end."""
    ACCEPT_GARBAGE = "accept-garbage"
    """201 with something that is no JSON."""
    ACCEPT_SLOWLY = "accept-slowly"
    """The answer comes `seconds` late."""
    ACCEPT_TRICKLE = "accept-trickle"
    """The answer comes a byte at a time, for `seconds`."""
    ACCEPT_KILL_CALLER = "accept-kill-caller"
    """SIGKILL to the process that called, as the message is taken."""
    ACCEPT_STOP_CALLER = "accept-stop-caller"
    """SIGSTOP to the process that called, as the message is taken; it goes on after `seconds`."""
    REFUSE_NEVER_ANSWER = "refuse-never-answer"
    REFUSE_RESET = "refuse-reset"
    REFUSE_CLOSE = "refuse-close"
    REFUSE_500 = "refuse-500"
    REFUSE_503 = "refuse-503"
    REFUSE_429 = "refuse-429"
    """With Retry-After, of `seconds`."""
    REFUSE_CODE = "refuse-code"
    """400 with the error `code` of Twilio's."""
    REFUSE_KILL_CALLER = "refuse-kill-caller"

    CALLBACK_NONE = "callback-none"
    CALLBACK_LATE = "callback-late"
    """`seconds` later than usual."""
    CALLBACK_TWICE = "callback-twice"
    CALLBACK_OUT_OF_ORDER = "callback-out-of-order"
    CALLBACK_BEFORE_ANSWER = "callback-before-answer"
    """All reports come before the answer to the request, which waits for them."""

    UNDELIVERED = "undelivered"
    """Taken, sent, and then not delivered, with the error `code`."""
    FAILED = "failed"
    """Taken and never sent, with the error `code`."""

    @property
    def accepts(self) -> bool:
        return self.startswith("accept-")


ANSWERS = frozenset(fault for fault in Fault if fault.startswith(("accept-", "refuse-")))
CALLBACKS = frozenset(fault for fault in Fault if fault.startswith("callback-"))
FATES = frozenset({Fault.UNDELIVERED, Fault.FAILED})
KINDS = (ANSWERS, CALLBACKS, FATES)
"""A request suffers at most one of each."""


@dataclass(slots=True, kw_only=True)
class Planned:
    """A fault for the next `times` requests that fit, after letting `skip` of them pass.

    `on` is `create`, `list` or `fetch`; `to` the number that it is about, any if None.
    """

    fault: Fault
    on: str = "create"
    to: str | None = None
    times: int = 1
    skip: int = 0
    seconds: float = 1.0
    code: int = 30003

    @classmethod
    def of(cls, data: Mapping[str, object]) -> Planned:
        known = {one.name for one in fields(cls)}
        if unknown := set(data) - known:
            raise ValueError(f"a planned fault has no {', '.join(sorted(unknown))}")
        return cls(**dict(data) | {"fault": Fault(str(data["fault"]))})  # type: ignore[arg-type]


class Faults:
    """Decides what goes wrong, and counts what did."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.killed: list[int] = []
        self._plan: list[Planned] = []
        self._chances: dict[Fault, float] = {}
        self._random = random.Random(0)

    def plan(self, planned: list[Planned]) -> None:
        self._plan.extend(planned)

    def set_chances(self, chances: Mapping[str, float], *, seed: int | None) -> None:
        """Let each fault happen to that share of the requests to create a message."""
        self._chances = {Fault(name): share for name, share in chances.items()}
        for kind in KINDS:
            if sum(self._chances.get(fault, 0.0) for fault in kind) > 1:
                raise ValueError("the chances of faults that exclude each other exceed 1")
        if seed is not None:
            self._random = random.Random(seed)

    def draw(self, on: str, to: str | None) -> dict[Fault, Planned]:
        """Return what goes wrong with one request: what is planned, else what chance has it."""
        drawn = {}
        for kind in KINDS:
            planned = self._planned(kind, on, to) or self._by_chance(kind, on)
            if planned is not None:
                drawn[planned.fault] = planned
                self.counts[planned.fault.value] += 1
        return drawn

    def _planned(self, kind: frozenset[Fault], on: str, to: str | None) -> Planned | None:
        for planned in self._plan:
            if planned.fault not in kind or planned.on != on or planned.to not in {None, to}:
                continue
            if planned.skip:
                planned.skip -= 1
                continue
            planned.times -= 1
            if planned.times == 0:
                self._plan.remove(planned)
            return planned
        return None

    def _by_chance(self, kind: frozenset[Fault], on: str) -> Planned | None:
        if on != "create" or not self._chances:
            return None
        draw = self._random.random()
        for fault, share in self._chances.items():
            if fault in kind:
                draw -= share
                if draw < 0:
                    return Planned(fault=fault)
        return None
