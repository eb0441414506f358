"""A process that enrols patients one by one, as requests of the API do, from a pool of threads.

    python -m tests.bench.single_enrolments FIRST COUNT THREADS START

enrols so many patients from serial FIRST on, beginning at START (seconds since the epoch), and
prints when it ended and the processor time that it took, in seconds. The settings say where.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from followup.bootstrap import build_app
from followup.enrolment.enrol import enrol
from tests.bench.machinery import MORNING, settings_of
from tests.support.people import request
from tests.support.stacks import Stack

WARM_UP = 50
"""Patients of each process that are enrolled before the time begins."""
READY_IN = 15.0
"""Seconds in which a process is ready, connections and all."""


def enrol_from_processes(
    stack: Stack, *, first: int, patients: int, processes: int, threads: int
) -> tuple[float, float]:
    """Return the seconds that it took, and the processor time of the processes in seconds."""
    start, count = time.time() + READY_IN, patients // processes
    started = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", __name__),
                *map(str, (first + number * (count + WARM_UP), count, threads, start)),
            ],
            env={**os.environ, **stack.environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(processes)
    ]
    told = [process.communicate()[0].split() for process in started]
    return max(float(ended) for ended, _ in told) - start, sum(float(spent) for _, spent in told)


def main() -> None:
    first, count, threads, start = sys.argv[1:]
    with (
        closing(build_app(settings_of(os.environ))) as app,
        ThreadPoolExecutor(int(threads)) as pool,
    ):

        def enrol_one(serial: int) -> None:
            enrol(app, request(serial, procedure_at=MORNING), actor="bench")

        begin = int(first) + WARM_UP
        list(pool.map(enrol_one, range(int(first), begin)))
        time.sleep(max(float(start) - time.time(), 0.0))
        spent = time.process_time()
        list(pool.map(enrol_one, range(begin, begin + int(count))))
        sys.stdout.write(f"{time.time()} {time.process_time() - spent}\n")


if __name__ == "__main__":
    main()
