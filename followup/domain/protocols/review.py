"""What a person should look at in protocols and clinics that are well formed and can be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, time

from followup.domain.clinics.clinic import Clinic
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.timeline import Fate, plan_timeline
from followup.domain.protocols.timing import Procedure, instant_at

_ORDINARY_DAY = date(2026, 6, 10)


def protocol_reservations(
    protocols: Iterable[Protocol], clinics: Iterable[Clinic], *, today: date
) -> tuple[str, ...]:
    """Return a sentence for each thing that the clinic should settle, with what to do about it."""
    protocols, clinics = tuple(protocols), tuple(clinics)
    return (
        *(sentence for protocol in protocols for sentence in _of_source(protocol, today)),
        *(sentence for clinic in clinics for sentence in _of_clinic(clinic)),
        *(
            sentence
            for protocol in protocols
            for clinic in clinics
            for sentence in _never_sent(protocol, clinic)
        ),
    )


def _of_source(protocol: Protocol, today: date) -> Iterator[str]:
    source = protocol.source
    if source.overdue(today):
        due = f"{source.review_due.day} {source.review_due:%B %Y}"
        yield (
            f"protocol {protocol.key}: its source ({source.reference}) was due for review by "
            f"{due}: have the clinic confirm that it still holds, or bring its new version in"
        )
    if source.note is not None:
        yield f"protocol {protocol.key}: {source.note}"


def _of_clinic(clinic: Clinic) -> Iterator[str]:
    if clinic.unconfirmed:
        yield (
            f"clinic {clinic.key}: nobody at the clinic has confirmed "
            f"{', '.join(clinic.unconfirmed)}: ask, correct the file, and shorten its list "
            '"unconfirmed"'
        )


def _never_sent(protocol: Protocol, clinic: Clinic) -> Iterator[str]:
    """Name the messages that fall outside the sending hours whatever the hour of the procedure."""
    for step in protocol.steps:
        everybody = replace(protocol, steps=(replace(step, audience=()),))
        sent = {
            message.occurrence
            for procedure in _procedures(clinic)
            for message in plan_timeline(
                everybody,
                procedure,
                attributes={},
                enrolled_at=procedure.at - LONGEST_AHEAD,
                hours=clinic.sending_hours,
            )
            if message.fate is Fate.PLANNED
        }
        for occurrence in range(1, len(step.occurrences) + 1):
            if occurrence not in sent:
                yield (
                    f'protocol {protocol.key}, step "{step.key}", target {occurrence}: at clinic '
                    f"{clinic.key} its window holds no hour in which messages may be sent: move "
                    "it, or widen the sending hours"
                )


def _procedures(clinic: Clinic) -> Iterator[Procedure]:
    for hour in range(24):
        at = instant_at(_ORDINARY_DAY, time(hour), zone=clinic.zone)
        yield Procedure(at=at, zone=clinic.zone)
