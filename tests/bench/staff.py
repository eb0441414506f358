"""Staff who are at the console at once, in a process of their own.

Each has a connection of their own, opens a page, reads for a while, and opens another. What they
wait for is measured where they sit: with this machine's network, and with the others' requests.

    python -m tests.bench.staff PORT    # reads what they are to do from standard input, as JSON
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from tests.web.console.visitors import SAME_ORIGIN

READS = 5.0
"""Seconds that somebody reads a page, in the mean."""


def visit(
    port: int, tokens: Sequence[str], paths: Mapping[str, str], *, host: str, seconds: float
) -> dict[str, list[float]]:
    """Let everybody with a token look around from another process; return milliseconds."""
    told = {"tokens": tokens, "paths": paths, "host": host, "seconds": seconds}
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.staff", str(port)],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


class _Desk(threading.Thread):
    """One member of staff."""

    def __init__(self, port: int, token: str, serial: int, told: Mapping[str, Any]) -> None:
        super().__init__()
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._headers = {**SAME_ORIGIN, "Host": told["host"], "Cookie": f"followup={token}"}
        self._told = told
        self._chance = Random(serial)
        self.took: defaultdict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []

    def run(self) -> None:
        ends = time.monotonic() + self._told["seconds"]
        time.sleep(self._chance.uniform(0, READS))
        while time.monotonic() < ends:
            name = self._chance.choice(sorted(self._told["paths"]))
            began = time.perf_counter()
            self._connection.request("GET", self._told["paths"][name], headers=self._headers)
            answer = self._connection.getresponse()
            answer.read()
            self.took[name].append((time.perf_counter() - began) * 1000)
            if answer.status != http.HTTPStatus.OK:
                self.failed.append(f"{name}: {answer.status}")
            time.sleep(self._chance.expovariate(1 / READS))


def main(port: int, told: Mapping[str, Any]) -> int:
    """Print what each page took; return 1 where one did not come."""
    desks = [_Desk(port, token, at, told) for at, token in enumerate(told["tokens"])]
    for desk in desks:
        desk.start()
    for desk in desks:
        desk.join()
    if failed := [each for desk in desks for each in desk.failed]:
        print(*failed[:9], file=sys.stderr, sep="\n")  # noqa: T201
        return 1
    took: defaultdict[str, list[float]] = defaultdict(list)
    for desk in desks:
        for name, found in desk.took.items():
            took[name] += found
    json.dump(took, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), json.load(sys.stdin)))
