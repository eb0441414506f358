"""Safety check: every message as each clinic sends it, held against the safety rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from urllib.parse import urlsplit

from followup.content.library import EXAMPLE_ADDRESSES, Content
from followup.content.said_texts import said_by_protocol, said_on_page, said_otherwise
from followup.domain.clinics.clinic import Clinic
from followup.domain.protocols.protocol import Protocol
from followup.domain.safety.contradictions import contradictions
from followup.domain.safety.finding import SafetyFinding
from followup.domain.safety.help_rules import Holidays
from followup.domain.safety.review import review_protocol, review_texts
from followup.domain.safety.source_use import QuotingCard, word_for_word
from followup.domain.safety.text_rules import clinic_reachable

OUR_HOSTS = frozenset(
    host for host in (urlsplit(url).hostname for url in EXAMPLE_ADDRESSES.values()) if host
)
"""The hosts of the addresses that stand in for a patient's own."""


def safety_findings(
    content: Content,
    *,
    clinics: Iterable[Clinic],
    protocols: Iterable[Protocol],
    today: date,
    holidays: Holidays,
) -> tuple[SafetyFinding, ...]:
    """Return every breach of a safety rule, each once."""
    clinics, protocols = tuple(clinics), tuple(protocols)
    found = [*word_for_word(protocols, _cards(content, protocols))]
    for clinic in clinics:
        found += clinic_reachable(clinic)
    for protocol in protocols:
        found += review_protocol(
            protocol,
            said_by_protocol(content, protocol, clinics),
            from_day=today,
            holidays=holidays,
            hosts=OUR_HOSTS,
        )
        for page in said_on_page(content, protocol, clinics):
            found += contradictions([page])
    others = said_otherwise(content, protocols, clinics)
    found += review_texts(others, from_day=today, holidays=holidays, hosts=OUR_HOSTS)
    return tuple(dict.fromkeys(found))


def _cards(content: Content, protocols: Sequence[Protocol]) -> list[QuotingCard]:
    senders: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for protocol in protocols:
        own = content.of(protocol=protocol.key).cards
        for name in {step.template for step in protocol.steps} & own.keys():
            senders.setdefault((name, tuple(own[name].source)), set()).add(protocol.key)
    sent = {name for name, _ in senders}
    return [
        *(QuotingCard(name, said, frozenset(keys)) for (name, said), keys in senders.items()),
        *(
            QuotingCard(name, tuple(card.source))
            for name, card in content.cards.items()
            if name not in sent
        ),
    ]
