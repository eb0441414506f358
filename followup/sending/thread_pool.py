"""Bounded thread pool: many small pieces of work by the threads of one executor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Condition
from typing import Generic, TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")

IN_A_ROW = 8
"""How many things a thread works on before it lets others of the pool have their turn."""


class WorkerPool(Generic[Given, Made]):
    """Things to do and what came of them. `work` must not raise; `most` are done at once.

    One thread adds and waits. It is woken when there is enough for it, not for each result: that
    would cost more than a short piece of work itself.
    """

    def __init__(
        self, executor: ThreadPoolExecutor, work: Callable[[Given], Made], *, most: int
    ) -> None:
        self._executor = executor
        self._work = work
        self._most = most
        self._to_do: deque[Given] = deque()
        self._done: list[Made] = []
        self._threads = 0
        self._enough = 0
        self._changed = Condition()
        self.under_way = 0

    def add(self, things: Iterable[Given]) -> None:
        """Have things done."""
        with self._changed:
            before = len(self._to_do)
            self._to_do.extend(things)
            added = len(self._to_do) - before
            self.under_way += added
            threads = min(self._most - self._threads, added)
            self._threads += threads
        for _ in range(threads):
            self._start()

    def wait(self, enough: int, *, seconds: float) -> list[Made]:
        """Return what has come, once it is enough, or is all there is, or the time is over."""
        with self._changed:
            self._enough = min(enough, self.under_way)
            self._changed.wait_for(lambda: len(self._done) >= self._enough, seconds)
            done, self._done = self._done, []
            self.under_way -= len(done)
        return done

    def _start(self) -> None:
        try:
            self._executor.submit(self._run)
        except RuntimeError:
            # The pool has been shut down and takes nothing new: what is begun is finished here.
            while self._do_some():
                pass

    def _run(self) -> None:
        if self._do_some():
            self._start()

    def _do_some(self) -> bool:
        """Do some of what is to be done; say whether there may be more."""
        for _ in range(IN_A_ROW):
            with self._changed:
                if not self._to_do:
                    self._threads -= 1
                    return False
                given = self._to_do.popleft()
            made = self._work(given)
            with self._changed:
                self._done.append(made)
                if len(self._done) == self._enough:
                    self._changed.notify()
        return True
