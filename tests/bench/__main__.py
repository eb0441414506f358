"""`make bench`: how fast patients are enrolled, and messages claimed and sent, on this machine.

Machines are shared and noisy, so what counts are ratios between contestants that take turns in one
run. Nothing here fails for being slow. docs/performance.md says what is compared with what.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from tests.bench import (
    claims,
    enrolling,
    feeds,
    first_text,
    idle,
    lateness,
    memory,
    polls,
    provider_http,
    reply_flood,
    throughput,
)
from tests.bench.figures import Figures
from tests.bench.machinery import Machinery

Section = Callable[[Machinery, Figures, argparse.Namespace], None]

SECTIONS: dict[str, Section] = {
    "throughput": lambda machinery, figures, given: throughput.measure(
        machinery,
        figures,
        messages=given.messages,
        rounds=given.rounds,
        beside=given.beside,
        timeline=given.timeline,
    ),
    "provider-http": lambda _, figures, given: provider_http.measure(figures, rounds=given.rounds),
    "claims": lambda machinery, figures, given: claims.measure(
        machinery,
        figures,
        sizes=(10_000, 1_000_000, *([10_000_000] if given.ten_million else [])),
    ),
    "polls": lambda machinery, figures, given: polls.measure(
        machinery,
        figures,
        sizes=(10_000, 1_000_000, *([10_000_000] if given.ten_million else [])),
    ),
    "lateness": lambda machinery, figures, given: lateness.measure(
        machinery, figures, seconds=given.seconds
    ),
    "first-text": lambda machinery, figures, given: first_text.measure(
        machinery, figures, turns=given.rounds
    ),
    "enrolling": lambda machinery, figures, given: enrolling.measure(
        machinery, figures, patients=given.patients, rows=given.import_rows
    ),
    "feeds": lambda machinery, figures, given: feeds.measure(
        machinery, figures, seconds=given.feed_seconds, a_second=given.feed_pace
    ),
    "reply-flood": lambda machinery, figures, given: reply_flood.measure(
        machinery, figures, replies=given.replies, on=given.flood_on
    ),
    "memory": lambda machinery, figures, given: memory.measure(
        machinery, figures, messages=given.memory_messages
    ),
    "idle": lambda _, figures, given: idle.measure(figures, spans=given.rounds),
}


def main() -> None:
    """Measure what is asked for, and print one line for each figure."""
    given = _arguments().parse_args()
    figures = Figures(as_json=given.json)
    with Machinery() as machinery:
        for name in given.only or SECTIONS:
            SECTIONS[name](machinery, figures, given)
    figures.finish()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print everything as JSON at the end")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="measure these alone")
    parser.add_argument("--ten-million", action="store_true", help="claim among so many as well")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contestant")
    parser.add_argument("--replies", type=int, default=10_000, help="that come in as a flood")
    parser.add_argument(
        "--flood-on",
        nargs="+",
        choices=reply_flood.WAYS,
        default=list(reply_flood.WAYS),
        help="the databases that the flood comes to: all, unless told",
    )
    parser.add_argument("--messages", type=int, default=4000, help="how many are sent in a turn")
    parser.add_argument(
        "--beside",
        nargs="*",
        choices=throughput.CONTESTANTS,
        default=throughput.CONTESTANTS,
        help="whom sending is compared with: all, unless told",
    )
    parser.add_argument("--timeline", action="store_true", help="show a turn of ours slot by slot")
    parser.add_argument("--seconds", type=int, default=20, help="of lateness to measure")
    parser.add_argument("--patients", type=int, default=200, help="enrolled one by one")
    parser.add_argument("--import-rows", type=int, default=2000, help="rows of the imported file")
    parser.add_argument("--feed-seconds", type=int, default=20, help="of a feed to measure")
    parser.add_argument("--feed-pace", type=int, default=100, help="messages of it a second")
    parser.add_argument(
        "--memory-messages", type=int, default=10_000, help="sent while memory is watched"
    )
    return parser


if __name__ == "__main__":
    main()
