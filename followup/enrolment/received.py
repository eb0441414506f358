"""Content of a request as it was received: what differs from it, or from the enrolment, later on.

What the sender said last is remembered, field by field, as keyed hashes. So a correction is told
from a repetition: one who sends the old mobile number again after staff have corrected it says
nothing new, and the correction stands.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.identity import fold_untitled
from followup.domain.needs import write_needs
from followup.patients.records import Person
from followup.store.models.enrolments import Enrolment

PROTOCOL, TIME, CHANNELS = "protocol", "procedure_at", "channels"
ANSWER, PATIENT = "attributes.", "patient."
LANGUAGE = f"{PATIENT}language"


@dataclass(frozen=True, slots=True)
class Received:
    """What a request says, by dotted path; `derived` are channels that follow from its addresses.

    They are empty where the request names the channels itself.
    """

    fields: Mapping[str, str]
    derived: tuple[ChannelKind, ...]


def read_content(
    *,
    protocol: str,
    procedure_at: datetime,
    attributes: Mapping[str, bool],
    person: Person,
    channels: Sequence[ChannelKind],
    assumed: Collection[str] = (),
) -> Received:
    """Return what a request says; `assumed` are fields that it left out and that were filled in."""
    told = _content(protocol, procedure_at, attributes, person, channels)
    return Received(
        {name: value for name, value in told.items() if name not in assumed},
        tuple(channels) if CHANNELS in assumed else (),
    )


def marks_of(app: AppContext, enrolment_id: UUID, sent: Received) -> dict[str, str]:
    """Return what is remembered of a request that made, or changed, this enrolment."""
    of = str(enrolment_id)
    return {name: _mark(app, of, name, value) for name, value in sent.fields.items()}


def differences(
    app: AppContext,
    enrolment: Enrolment,
    person: Person,
    sent: Received,
    *,
    merged: Sequence[Enrolment] = (),
) -> tuple[str, ...]:
    """Return the fields, as dotted paths, in which a request says something new of an enrolment.

    What a request leaves out is kept, and says nothing; nor does what was sent before of another
    record of the procedure, which was `merged` into this one.
    """
    held = _content(
        enrolment.protocol,
        enrolment.procedure_at,
        enrolment.attributes,
        person,
        [ChannelKind(channel) for channel in enrolment.channels],
    )
    found = [
        name
        for name, value in sent.fields.items()
        if held.get(name) != value
        and not any(
            (each.received or {}).get(name) == _mark(app, str(each.id), name, value)
            for each in (enrolment, *merged)
        )
    ]
    if PROTOCOL in found:
        # The answers to other questions are not compared.
        found = [name for name in found if not name.startswith(ANSWER)]
    if added_channels(enrolment, sent, found):
        found.append(CHANNELS)
    return tuple(found)


def added_channels(
    enrolment: Enrolment, sent: Received, fields: Collection[str]
) -> list[ChannelKind]:
    """Return the channels of addresses that are new, where a request leaves its channels out."""
    fresh = {ChannelKind.SMS: f"{PATIENT}mobile", ChannelKind.EMAIL: f"{PATIENT}email"}
    return [
        channel
        for channel in sent.derived
        if channel.value not in enrolment.channels and fresh[channel] in fields
    ]


def _content(
    protocol: str,
    procedure_at: datetime,
    attributes: Mapping[str, bool],
    person: Person,
    channels: Sequence[ChannelKind],
) -> dict[str, str]:
    told = {PROTOCOL: protocol, TIME: procedure_at.isoformat()}
    told |= {f"{ANSWER}{key}": str(value) for key, value in attributes.items()}
    return told | _personal(person) | {CHANNELS: " ".join(sorted(channels))}


def _personal(person: Person) -> dict[str, str]:
    born = person.date_of_birth
    told = {
        "name": fold_untitled(person.name) if person.name else None,
        "nhs_number": person.nhs_number,
        "date_of_birth": born.isoformat() if born else None,
        "mobile": person.mobile,
        "email": person.email.casefold() if person.email else None,
        "language": person.language,
        "needs": write_needs(person.needs),
    }
    return {f"{PATIENT}{name}": value for name, value in told.items() if value is not None}


def _mark(app: AppContext, enrolment_id: str, name: str, value: str) -> str:
    # Of this enrolment alone, so that nobody sees whether two patients have something in common.
    return app.keyring.indexes.of("received", f"{enrolment_id}\0{name}\0{value}").hex()
