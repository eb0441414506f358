"""Patient records: found by keyed hashes, written and read sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from followup.domain.channel import ChannelKind
from followup.domain.errors import NotFound
from followup.domain.identity import fold_name, fold_untitled, may_be_renamed, names_alike
from followup.domain.needs import ReadingNeed
from followup.domain.needs import parse_needs as read_needs
from followup.domain.needs import write_needs as needs_text
from followup.domain.number_confirmation import ConfirmationMethod
from followup.domain.people.likeness import given_names_agree, is_one_name_in_two_forms
from followup.patients.merged import survivor_of, survivors_of
from followup.patients.search_keys import write_search_keys
from followup.store.encryption.sealing import BlindIndexes, Keyring, Sealer
from followup.store.engine.types import new_id
from followup.store.models.patients import Objection, Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who a patient is and how to reach them, in the clear: normalised values, nothing sealed.

    `mobile` is E.164, `nhs_number` ten digits, `language` a BCP 47 tag.
    """

    name: str | None
    nhs_number: str | None
    date_of_birth: date | None
    mobile: str | None
    email: str | None
    language: str
    needs: frozenset[ReadingNeed] = frozenset()

    def address(self, channel: ChannelKind) -> str | None:
        """Return where this channel reaches the person."""
        return self.mobile if channel is ChannelKind.SMS else self.email


INDEXED_BY = 4
"""Which way to write names the indexes and search keys are made by.

`followup.patients.index_people` looks after those that were made by another.
"""

SEALED_FIELDS = ("name", "nhs_number", "date_of_birth", "mobile", "email")


def column(name: str) -> str:
    """Return the associated data under which a patient's column is sealed."""
    return f"patients.{name}"


def identity_of(person: Person) -> str:
    """Return what makes a person the same one at a clinic: NHS number, else name and birth date."""
    if person.nhs_number:
        return f"nhs {person.nhs_number}"
    return f"person {fold_name(person.name or '')} {person.date_of_birth}"


def identity_keys(person: Person) -> list[str]:
    """Return what may stand for this person in `identity_index`.

    That is the identity, and as it was written before names were folded.
    """
    former = " ".join((person.name or "").casefold().split())
    keys = [identity_of(person)]
    if not person.nhs_number:
        keys.append(f"person {former} {person.date_of_birth}")
    return list(dict.fromkeys(keys))


def name_key(person: Person) -> str | None:
    """Return a person's name without its title, and date of birth, as they are compared.

    None without both.
    """
    if person.name and person.date_of_birth:
        return f"{fold_untitled(person.name)} {person.date_of_birth}"
    return None


def likeness_key(person: Person) -> str | None:
    """Return what people whose names are nearly alike must share to be asked about."""
    if person.mobile and person.date_of_birth:
        return f"{person.date_of_birth} {person.mobile}"
    return None


def find_another(
    session: Session, indexes: BlindIndexes, patient: Patient, *, before: Person, after: Person
) -> Patient | None:
    """Return who else is at the clinic what a patient is about to become; None if it's the same."""
    if identity_of(after) == identity_of(before):
        return None
    found = _of_identity(session, indexes, after, clinic=patient.clinic)
    other = found and survivor_of(session, found)
    return None if other is None or other.id == patient.id else other


def _of_identity(
    session: Session, indexes: BlindIndexes, person: Person, *, clinic: str
) -> Patient | None:
    identity = indexes.of("identity", identity_of(person))
    return session.scalar(
        select(Patient).where(Patient.clinic == clinic, Patient.identity_index == identity)
    )


def may_be_same(known: Person, given: Person) -> bool:
    """Say whether somebody who was sent may be this patient, with details that are corrected.

    By NHS number where both have one; else by a name that is the same or nearly so, also in another
    form of it, and by the date of birth unless the name is the very same.
    """
    if known.nhs_number and given.nhs_number:
        return known.nhs_number == given.nhs_number
    if not (known.name and given.name):
        return False
    if fold_name(known.name) == fold_name(given.name):
        return True
    return known.date_of_birth == given.date_of_birth and is_one_name_in_two_forms(
        known.name, given.name
    )


def may_have_number_of(known: Person, given: Person) -> bool:
    """Say whether somebody who comes under a patient's NHS number may be that patient.

    With another name and another date of birth, or with quite another name, the number is more
    likely mistyped, or a twin's. Another surname alone is that of somebody who married; another
    given name may be a twin's: see `has_other_given_name`.
    """
    if not (known.name and given.name) or fold_name(known.name) == fold_name(given.name):
        return True
    if known.date_of_birth and given.date_of_birth and known.date_of_birth != given.date_of_birth:
        return names_alike(known.name, given.name)
    return may_be_renamed(known.name, given.name) or given_names_agree(known.name, given.name)


def has_other_birth_date(known: Person, given: Person) -> bool:
    """Say whether two birth dates are known, and differ."""
    born, given_born = known.date_of_birth, given.date_of_birth
    return born is not None and given_born is not None and born != given_born


def has_other_given_name(known: Person, given: Person) -> bool:
    """Say whether the given name is another one: no short form, initial or misspelling of it."""
    if not known.name or not given.name:
        return False
    return not given_names_agree(known.name, given.name)


def find_by_address(
    session: Session,
    indexes: BlindIndexes,
    channel: ChannelKind,
    address: str,
    *,
    lock: bool = False,
) -> Sequence[Patient]:
    """Return the patients who are reached at this address, the latest first.

    One whose record was merged is the survivor. With `lock` none of them is merged meanwhile.
    """
    index = address_index(indexes, channel, address)
    matches = Patient.mobile_index if channel is ChannelKind.SMS else Patient.email_index
    query = select(Patient).where(matches == index).order_by(Patient.created_at.desc())
    if lock:
        query = query.with_for_update(read=True, key_share=True)
    return survivors_of(session, session.scalars(query).all())


def address_index(indexes: BlindIndexes, channel: ChannelKind, address: str) -> bytes:
    """Return the blind index of an address; e-mail addresses are compared without case."""
    return indexes.of(channel.value, address.casefold())


def add_patient(
    session: Session,
    keyring: Keyring,
    person: Person,
    *,
    clinic: str,
    at: datetime,
    may_be_another: bool = False,
) -> Patient:
    """Add a patient with a data key of their own.

    One who `may_be_another` has no identity beside whoever has the same name and birth date.
    """
    patient = new_patient(keyring, person, clinic=clinic, at=at)
    if may_be_another and _of_identity(session, keyring.indexes, person, clinic=clinic):
        patient.identity_index = None
    session.add(patient)
    # The rows that follow refer to it.
    session.flush()
    write_search_keys(session, keyring.indexes, [(patient, person)], are_new=True)
    return patient


def new_patient(keyring: Keyring, person: Person, *, clinic: str, at: datetime) -> Patient:
    """Return a patient with a data key of their own, still to be written."""
    key, wrapped = keyring.masters.new_data_key()
    patient = Patient(
        id=new_id(at),
        clinic=clinic,
        data_key=wrapped.wrapped,
        master_key_id=wrapped.master_key_id,
        language=person.language,
        created_at=at,
    )
    _write(patient, Sealer(key), keyring.indexes, person)
    return patient


def update_patient(
    session: Session, patient: Patient, keyring: Keyring, person: Person
) -> tuple[str, ...]:
    """Write what is new about a patient; return the names of the fields that changed.

    A contact detail that is absent in `person` is kept, and so are needs where none are given. A
    changed address is usable again, and a changed number was not confirmed yet.
    """
    sealer = keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        raise NotFound("this patient's data was erased")
    before = _read(patient, sealer)
    if before.name and person.name and fold_untitled(before.name) == fold_untitled(person.name):
        # The same name, written otherwise: as it was first entered is good enough.
        person = replace(person, name=before.name)
    merged = Person(
        **{name: getattr(person, name) or getattr(before, name) for name in SEALED_FIELDS},
        language=person.language,
        needs=person.needs or before.needs,
    )
    changed = tuple(
        name
        for name in (*SEALED_FIELDS, "language", "needs")
        if getattr(merged, name) != getattr(before, name)
    )
    if "mobile" in changed:
        patient.mobile_unusable = None
        patient.mobile_confirmed = patient.mobile_confirmed_by = None
        patient.mobile_confirmed_at = None
    if "email" in changed:
        patient.email_unusable = None
    if changed:
        patient.language = merged.language
        stays_without = patient.identity_index is None and not merged.nhs_number
        _write(patient, sealer, keyring.indexes, merged)
        if stays_without:
            patient.identity_index = None
        write_search_keys(session, keyring.indexes, [(patient, merged)])
    return changed


def confirm_mobile(patient: Patient, *, way: ConfirmationMethod, at: datetime, by: str) -> None:
    """Note how staff made sure that the number which stands there is the patient's."""
    patient.mobile_confirmed = way.value
    patient.mobile_confirmed_at, patient.mobile_confirmed_by = at, by


def set_needs(patient: Patient, keyring: Keyring, needs: frozenset[ReadingNeed]) -> bool:
    """Write what the patient needs, or that there is nothing; return False if that stood there."""
    sealer = keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        raise NotFound("this patient's data was erased")
    if needs_of(patient.needs_sealed, sealer) == needs:
        return False
    patient.needs_sealed = sealer.seal_if(needs_text(needs), column=column("needs"))
    return True


def needs_of(sealed: bytes | None, sealer: Sealer) -> frozenset[ReadingNeed]:
    """Return a patient's needs."""
    return read_needs(sealer.open_if(sealed, column=column("needs")))


def read_patient(patient: Patient, keyring: Keyring) -> Person | None:
    """Return who a patient is, or None if they were erased."""
    sealer = keyring.patient(patient.data_key, patient.master_key_id)
    return None if sealer is None else _read(patient, sealer)


def read_name(patient: Patient, keyring: Keyring) -> str | None:
    """Return a patient's name alone; None where there is none, or they were erased."""
    sealer = keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        return None
    return sealer.open_if(patient.name_sealed, column=column("name"))


def open_objections(
    session: Session, *, patient_ids: Sequence[UUID], contact_indexes: Sequence[bytes]
) -> Sequence[Objection]:
    """Return the objections in force of any of these patients or addresses."""
    matches: list[ColumnElement[bool]] = []
    if patient_ids:
        matches.append(Objection.patient_id.in_(patient_ids))
    if contact_indexes:
        matches.append(Objection.contact_index.in_(contact_indexes))
    if not matches:
        return []
    return session.scalars(
        select(Objection).where(Objection.lifted_at.is_(None), or_(*matches))
    ).all()


def _write(patient: Patient, sealer: Sealer, indexes: BlindIndexes, person: Person) -> None:
    for name in SEALED_FIELDS:
        value = getattr(person, name)
        text = value.isoformat() if isinstance(value, date) else value
        setattr(patient, f"{name}_sealed", sealer.seal_if(text, column=column(name)))
    patient.needs_sealed = sealer.seal_if(needs_text(person.needs), column=column("needs"))
    patient.identity_index = indexes.of("identity", identity_of(person))
    write_likeness(patient, indexes, person)
    patient.nhs_number_index = indexes.of_if("nhs number", person.nhs_number)
    patient.mobile_index = (
        address_index(indexes, ChannelKind.SMS, person.mobile) if person.mobile else None
    )
    patient.email_index = (
        address_index(indexes, ChannelKind.EMAIL, person.email) if person.email else None
    )


def write_likeness(patient: Patient, indexes: BlindIndexes, person: Person) -> None:
    """Write the indexes that depend on how names are compared, but for the identity itself."""
    patient.person_index = indexes.of_if("person", name_key(person))
    patient.likeness_index = indexes.of_if("likeness", likeness_key(person))
    patient.indexed_by = INDEXED_BY


def _read(patient: Patient, sealer: Sealer) -> Person:
    opened = {
        name: sealer.open_if(getattr(patient, f"{name}_sealed"), column=column(name))
        for name in SEALED_FIELDS
    }
    born = opened["date_of_birth"]
    return Person(
        name=opened["name"],
        nhs_number=opened["nhs_number"],
        date_of_birth=date.fromisoformat(born) if born else None,
        mobile=opened["mobile"],
        email=opened["email"],
        language=patient.language,
        needs=needs_of(patient.needs_sealed, sealer),
    )
