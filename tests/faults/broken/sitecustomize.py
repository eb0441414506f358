# ruff: noqa: INP001 - Python looks for it in a folder that is no package.
"""Takes one safety mechanism, TEST_BREAK, out of a process of the product: for fault runs alone.

Python imports this at its start where this folder is on PYTHONPATH. A fault run that stays clean
with a mechanism broken would prove nothing about it.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


def without_write_ahead(send: Any) -> None:
    """Call the provider before the attempt is committed, in the transaction that is open."""

    def deliver(app: Any, token: Any, portion: Any, *, executor: Any) -> int:
        calls = send.ProviderCalls(app, executor, token=token)
        with app.store.write() as session:
            unit = send.UnitOfWork(session, app, app.by("worker"))
            started = send._start(unit, token, portion)
            calls.begin(started)
            while len(calls._turns._done) < len(started):
                time.sleep(0.005)
        made: int = calls.finish()
        return made

    send._deliver = deliver


def without_compare_and_set(messages: Any) -> None:
    """Move a message whatever its state is by now, and lock no row that is looked at."""
    from sqlalchemy import Select, literal_column, or_  # noqa: PLC0415 - not at Python's start

    right = messages._change

    def change(shape: Any) -> Any:
        statement = right(shape)._generate()
        mine, state = statement._where_criteria
        statement._where_criteria = (mine, or_(state, literal_column("1 = 1")))
        return statement

    messages._change = change
    Select.with_for_update = lambda self, **_: self  # type: ignore[method-assign]


def without_reconciliation_wait(reconcile: Any) -> None:
    """Believe the provider's "not there" at once."""
    right = reconcile._absent
    late = datetime.max.replace(tzinfo=UTC)
    reconcile._absent = lambda *given, **_: right(*given, asked_at=late)


def without_lease_check(prepare: Any) -> None:
    """Call the provider though the lease may be over."""
    right = prepare.prepare_attempt

    def prepared(*given: Any, **more: Any) -> Any:
        started = right(*given, **more)
        return started and replace(started, call_before=started.call_before + timedelta(days=1))

    prepare.prepare_attempt = prepared


def without_own_account(app: Any) -> None:
    """Look for an attempt at the second account, whichever was called for it."""
    app.AppContext.line_of = lambda self, kind, **_: self.standby.get(kind) or self.channels[kind]


BREAKS: dict[str, tuple[str, Callable[[Any], None]]] = {
    "write-ahead": ("followup.sending.send_batch", without_write_ahead),
    "compare-and-set": ("followup.store.message_state", without_compare_and_set),
    "reconciliation-wait": ("followup.delivery.reconcile", without_reconciliation_wait),
    "lease-check": ("followup.sending.attempt_builder", without_lease_check),
    "own-account": ("followup.context", without_own_account),
}


class _Breaker:
    """Breaks a module as soon as it is imported, before another has taken anything from it."""

    def __init__(self, name: str, break_it: Callable[[Any], None]) -> None:
        self._name = name
        self._break_it = break_it

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def execute_and_break(module: ModuleType) -> None:
            execute(module)
            self._break_it(module)

        spec.loader.exec_module = execute_and_break  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, _Breaker(*BREAKS[os.environ["TEST_BREAK"]]))
