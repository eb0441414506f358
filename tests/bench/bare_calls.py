"""A contestant: bare calls of Twilio's client as it comes, from a pool of threads.

    python -m tests.bench.bare_calls URL ACCOUNT TOKEN COUNT THREADS START

begins at START (seconds since the epoch), and prints when it ended and the processor time that it
took, in seconds.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from twilio.rest import Client

WORDS = "x" * 250


def main() -> None:
    url, account, token, count, threads, start = sys.argv[1:]
    client = Client(account, token)  # type: ignore[no-untyped-call]
    client.api.base_url = url

    def call(number: int) -> None:
        client.messages.create(
            to=f"+447700900{number % 1000:03d}", from_="+447700900999", body=WORDS
        )

    with ThreadPoolExecutor(int(threads)) as pool:
        # Its connections are open when the time begins.
        list(pool.map(call, range(2 * int(threads))))
        time.sleep(max(float(start) - time.time(), 0.0))
        spent = time.process_time()
        list(pool.map(call, range(int(count))))
        sys.stdout.write(f"{time.time()} {time.process_time() - spent}\n")


if __name__ == "__main__":
    main()
