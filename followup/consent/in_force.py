"""Objections in force, looked up once for many people, and what of an enrolment they cover.

As the dispatcher judges each message: an objection of the patient covers their addresses, and one
of an address covers what goes there, whoever has it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.eligibility import Objections
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.patients.match import COLUMNS, IDENTITY, NUMBER, PERSON, PatientKey, keys_of
from followup.patients.records import Person, address_index, open_objections
from followup.store.encryption.sealing import BlindIndexes
from followup.store.engine.bulk import is_among
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Objection, Patient

Addresses = Mapping[ChannelKind, bytes | None]
"""The blind index of where each channel reaches a patient."""


class ObjectionsInForce:
    """Objections in force, by patient and by address."""

    def __init__(self, found: Iterable[Objection]) -> None:
        self._of_patients: defaultdict[UUID | None, list[Objection]] = defaultdict(list)
        self._of_addresses: defaultdict[bytes | None, list[Objection]] = defaultdict(list)
        for objection in found:
            if objection.patient_id is not None:
                self._of_patients[objection.patient_id].append(objection)
            if objection.contact_index is not None:
                self._of_addresses[objection.contact_index].append(objection)

    def to_all_of(self, patient_id: UUID) -> bool:
        """Say whether this patient wants no messages, whichever address they are given."""
        return any(each.channel is None for each in self._of_patients.get(patient_id, ()))

    def against(
        self, channels: Iterable[ChannelKind], *, patient_id: UUID | None, addresses: Addresses
    ) -> EnrolmentObjection | None:
        """Return what covers any of the channels that a patient agreed to."""
        agreed = frozenset(channels)
        covering = {
            channel: found
            for channel in sorted(agreed)
            if (found := self._covering(channel, patient_id, addresses.get(channel)))
        }
        if not covering:
            return None
        covers_all = len(covering) == len(agreed)
        general = any(each.channel is None for found in covering.values() for each in found)
        to_messages = covers_all and (general or len(covering) > 1)
        return EnrolmentObjection(
            channel=None if to_messages else next(iter(covering)),
            # The first day on which all of that was so.
            since=max(min(each.lodged_at for each in found) for found in covering.values()),
            covers_all=covers_all,
        )

    def _covering(
        self, channel: ChannelKind, patient_id: UUID | None, address: bytes | None
    ) -> list[Objection]:
        found = [*self._of_patients.get(patient_id, ()), *self._of_addresses.get(address, ())]
        return [each for each in found if each.channel in {None, channel.value}]


def addresses_of(patient: Patient) -> Addresses:
    """Return where a patient is reached."""
    return {ChannelKind.SMS: patient.mobile_index, ChannelKind.EMAIL: patient.email_index}


def addresses_given(indexes: BlindIndexes, person: Person) -> Addresses:
    """Return where somebody would be reached who is yet to be enrolled."""
    given = {channel: person.address(channel) for channel in ChannelKind}
    return {
        channel: address_index(indexes, channel, address) if address else None
        for channel, address in given.items()
    }


def objections_of_people(
    session: Session,
    indexes: BlindIndexes,
    people: Iterable[tuple[str, Person]],
    keys: Collection[PatientKey] | None = None,
) -> ObjectionsInForce:
    """Return the objections of people, each with their clinic, known there or not: one query.

    `keys` are those of all of them, where they are known.
    """
    listed = list(people)
    if keys is None:
        keys = {key for clinic, person in listed for key in keys_of(indexes, person, clinic=clinic)}
    given = {
        address
        for _, person in listed
        for address in addresses_given(indexes, person).values()
        if address is not None
    }
    values = {name: [value for kind, _, value in keys if kind == of] for of, name in _KINDS.items()}
    return ObjectionsInForce(session.scalars(_OF_PEOPLE, {**values, "given": given}))


_KINDS = {IDENTITY: "identities", NUMBER: "numbers", PERSON: "names"}


def _of_people() -> Select[Objection]:
    """Return the query of `objections_of_people`: to make it takes longer than to run it."""
    known = (is_among(COLUMNS[kind], bindparam(name)) for kind, name in _KINDS.items())
    theirs = (
        select(Patient.id, Patient.merged_into, Patient.mobile_index, Patient.email_index)
        .where(or_(*known))
        .cte("theirs")
        .c
    )
    return select(Objection).where(
        Objection.lifted_at.is_(None),
        or_(
            is_among(Objection.contact_index, bindparam("given")),
            Objection.patient_id.in_(select(theirs.id)),
            Objection.patient_id.in_(select(theirs.merged_into)),
            # An address that was left out now is kept from before.
            Objection.contact_index.in_(select(theirs.mobile_index)),
            Objection.contact_index.in_(select(theirs.email_index)),
        ),
    )


_OF_PEOPLE = _of_people()


def objection_to_enrolment(session: Session, enrolment: Enrolment) -> EnrolmentObjection | None:
    """Return what in force covers an enrolment."""
    patient = session.get_one(Patient, enrolment.patient_id)
    addresses = addresses_of(patient)
    found = open_objections(
        session,
        patient_ids=[patient.id],
        contact_indexes=[index for index in addresses.values() if index is not None],
    )
    return ObjectionsInForce(found).against(
        map(ChannelKind, enrolment.channels), patient_id=patient.id, addresses=addresses
    )


def objections_against(
    session: Session, *, patient_ids: Collection[UUID], addresses: Collection[bytes]
) -> Objections:
    """Return the objections in force that may concern messages to these people and addresses."""
    concerned = {"patients": set(patient_ids), "addresses": set(addresses)}
    found = session.connection().execute(_AGAINST, concerned).all()
    return Objections(
        frozenset((row.patient_id, row.channel) for row in found if row.patient_id),
        frozenset((row.contact_index, row.channel) for row in found if row.contact_index),
    )


_AGAINST = select(Objection.patient_id, Objection.contact_index, Objection.channel).where(
    Objection.lifted_at.is_(None),
    or_(
        is_among(Objection.patient_id, bindparam("patients")),
        is_among(Objection.contact_index, bindparam("addresses")),
    ),
)
