"""Safety review of one protocol at all clinics, and of what no protocol sends."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import date

from followup.domain.protocols.protocol import Protocol
from followup.domain.safety.beyond_rules import beyond_the_source, call_questions
from followup.domain.safety.contradictions import contradictions
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.help_rules import (
    Holidays,
    department_beside_signs,
    open_help,
    red_flag_reach,
)
from followup.domain.safety.reach_rules import unreached
from followup.domain.safety.said import SaidText
from followup.domain.safety.source_use import all_sentences_weighed, document_kept
from followup.domain.safety.text_rules import (
    few_characters_too_many,
    lock_screen,
    numbers_and_links,
)


def review_protocol(
    protocol: Protocol,
    said: Sequence[SaidText],
    *,
    from_day: date,
    holidays: Holidays,
    hosts: Collection[str],
) -> Iterator[SafetyFinding]:
    """Yield every breach by a protocol and the texts that its steps send."""
    yield from document_kept(protocol)
    yield from all_sentences_weighed(protocol)
    yield from beyond_the_source(protocol, said)
    yield from call_questions(protocol)
    yield from red_flag_reach(protocol, said)
    yield from unreached(protocol, said)
    yield from contradictions(said)
    yield from review_texts(
        said, protocol=protocol, from_day=from_day, holidays=holidays, hosts=hosts
    )


def review_texts(
    said: Sequence[SaidText],
    *,
    protocol: Protocol | None = None,
    from_day: date,
    holidays: Holidays,
    hosts: Collection[str],
) -> Iterator[SafetyFinding]:
    """Yield every breach by single texts."""
    yield from department_beside_signs(said)
    yield from open_help(said, from_day=from_day, holidays=holidays)
    yield from lock_screen(said, protocol)
    yield from numbers_and_links(said, hosts=hosts)
    yield from few_characters_too_many(said)
