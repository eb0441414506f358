"""The other contestant: bare calls of Twilio's client as it comes, from a pool of threads.

    python -m tests.bench.bare_calls URL ACCOUNT TOKEN COUNT THREADS

prints how many seconds the calls took.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from twilio.rest import Client

WORDS = "x" * 250


def main() -> None:
    url, account, token, count, threads = sys.argv[1:]
    client = Client(account, token)  # type: ignore[no-untyped-call]
    client.api.base_url = url

    def call(number: int) -> None:
        client.messages.create(
            to=f"+447700900{number % 1000:03d}", from_="+447700900999", body=WORDS
        )

    call(0)
    with ThreadPoolExecutor(int(threads)) as pool:
        started = time.perf_counter()
        list(pool.map(call, range(int(count))))
        sys.stdout.write(f"{time.perf_counter() - started}\n")


if __name__ == "__main__":
    main()
