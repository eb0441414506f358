"""The processes of a run, and what is done to them: killed, frozen, their servers taken away."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable

import psutil

from tests.faults.scenes.scene import Scene
from tests.support.stacks import Running

LONGEST_START = 60
"""Seconds until a worker that was started on a busy machine has a process to kill."""


class Cast:
    """Two workers of two processes or more, two beats and the web, revived when they die."""

    def __init__(self, scene: Scene, *, processes: int = 2) -> None:
        self.scene = scene
        self._processes = processes
        self.web = scene.web()
        self.workers = scene.start(workers=2, beats=0, concurrency=processes)
        self.beats = [scene.stack.beat() for _ in range(2)]

    def kill_one(self) -> None:
        """Kill a pool process mostly, a whole worker or a beat at times, the web process seldom."""
        chance = self.scene.random.random()
        if chance < 0.75:
            self._kill_pool_process()
        elif chance < 0.92:
            self._kill("worker", self.scene.random.choice(self.workers))
        elif chance < 0.97:
            self._kill("beat", self.scene.random.choice(self.beats))
        else:
            self._kill("web", self.web)
        self.revive()

    def freeze_one(self, *, seconds: float) -> threading.Timer:
        """SIGSTOP a worker and its pool processes; the timer is when they go on."""
        frozen = [psutil.Process(pid) for pid in self.scene.random.choice(self.workers).pids]
        for process in frozen:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        self.scene.kills["worker frozen"] += 1
        timer = threading.Timer(seconds, _resume, [frozen])
        timer.start()
        return timer

    def take_a_server_away(self) -> None:
        """Flush, stop or kill Redis, or stop or kill PostgreSQL, in turn, for a second or three."""
        redis, postgres = self.scene.redis, self.scene.postgres
        kinds: list[tuple[str, Callable[[], object]]] = [
            ("PostgreSQL SIGKILLed", postgres.kill),
            ("Redis flushed", redis.flush),
            ("Redis stopped", redis.stop),
            ("PostgreSQL stopped", postgres.stop),
            ("Redis SIGKILLed", redis.kill),
        ]
        done = sum(self.scene.kills[name] for name, _ in kinds)
        name, strike = kinds[done % len(kinds)]
        strike()
        self.scene.kills[name] += 1
        time.sleep(self.scene.random.uniform(0.5, 3.0))
        for server in (redis, postgres):
            if not server.is_running:
                server.start()
        self.revive()

    def revive(self) -> None:
        """Start again what has died."""
        stack = self.scene.stack
        self.workers = [
            one if one.is_running else stack.worker(concurrency=self._processes)
            for one in self.workers
        ]
        self.beats = [one if one.is_running else stack.beat() for one in self.beats]
        if not self.web.is_running:
            self.web = self.scene.web()

    def _kill(self, kind: str, victim: Running) -> None:
        victim.kill()
        self.scene.kills[f"SIGKILL of a {kind}"] += 1

    def _kill_pool_process(self) -> None:
        """Kill one as soon as there is one: a worker that was just started has none yet."""
        for _ in range(LONGEST_START * 10):
            children = [pid for worker in self.workers for pid in worker.pids[1:]]
            with contextlib.suppress(ProcessLookupError, IndexError):
                os.kill(self.scene.random.choice(children), signal.SIGKILL)
                self.scene.kills["SIGKILL of a pool process"] += 1
                return
            self.revive()
            time.sleep(0.1)


def _resume(frozen: list[psutil.Process]) -> None:
    for process in frozen:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()
