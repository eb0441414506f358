"""Facts that a feed tells: of each the latest word, whatever order the words come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from followup.intake.feed.event import Fact

Facts = dict[str, Any]
"""For each fact a pair: the stamp of the event that said it last, and what that said."""


def take_in(facts: Facts, news: Mapping[str, Fact], *, stamp: str) -> frozenset[str]:
    """Put what an event says into the facts; return the names of those that it changed.

    What a newer event said stays.
    """
    changed: set[str] = set()
    for name, value in news.items():
        known = facts.get(name)
        if known is not None and known[0] > stamp:
            continue
        facts[name] = [stamp, value]
        if (None if known is None else known[1]) != value:
            changed.add(name)
    return frozenset(changed)


def join_facts(facts: Facts, others: Facts) -> frozenset[str]:
    """Put other facts about the same thing in; return the names of those that changed."""
    changed: set[str] = set()
    for name, (stamp, value) in others.items():
        changed |= take_in(facts, {name: value}, stamp=stamp)
    return frozenset(changed)


def fact(facts: Facts, name: str) -> Any:  # noqa: ANN401 - as the feed had it
    """Return what is known; None for what was never said, or deleted."""
    known = facts.get(name)
    return None if known is None else known[1]
