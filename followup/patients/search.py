"""Patient search over keyed hashes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from followup.patients.merged import is_found_by, is_known_by
from followup.store.engine.types import AnyRow
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient


class SearchedBy(StrEnum):
    """What a search went by; the audit trail keeps it, and never what was typed."""

    LIST = "list"
    NHS_NUMBER = "nhs-number"
    MOBILE = "mobile"
    EMAIL = "email"
    REFERENCE = "reference"
    NAME = "name"
    BEGINNING = "beginning"
    """The first letters of names, where nobody has the whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchTerms:
    """Which enrolments: every condition that is set must hold.

    The hashes are those of `BlindIndexes`; `clinics` are those that may be seen. Of each of the
    `keys`, which `followup.patients.search_keys` makes, the patient has one. `begins` is how the
    words of the name begin, in plain letters: no condition of the database, which has it sealed
    (`find_patients`). `before` is the procedure time and id of the last enrolment of the page
    before, and `by` says what the search goes by.
    """

    clinics: Collection[str]
    nhs_number: bytes | None = None
    mobile: bytes | None = None
    email: bytes | None = None
    keys: Sequence[Collection[bytes]] = ()
    begins: Sequence[str] = ()
    references: Collection[str] = ()
    besides: UUID | None = None
    states: Collection[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    before: tuple[datetime, UUID] | None = None
    by: SearchedBy = SearchedBy.LIST

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on an enrolment and its patient."""
        yield Enrolment.clinic.in_(list(self.clinics))
        hashes = {
            Patient.nhs_number_index: self.nhs_number,
            Patient.mobile_index: self.mobile,
            Patient.email_index: self.email,
        }
        for column, wanted in hashes.items():
            if wanted is not None:
                yield is_known_by(Patient.id, column, wanted)
        for alternatives in self.keys:
            yield is_found_by(Patient.id, alternatives)
        if self.references:
            yield Enrolment.reference.in_(list(self.references))
        if self.besides is not None:
            yield Enrolment.patient_id != self.besides
        if self.states:
            yield Enrolment.state.in_(list(self.states))
        if self.since is not None:
            yield Enrolment.procedure_at >= self.since
        if self.until is not None:
            yield Enrolment.procedure_at < self.until
        if self.before is not None:
            yield tuple_(Enrolment.procedure_at, Enrolment.id) < tuple_(*self.before)


def search_patients(session: Session, sought: SearchTerms, *, limit: int) -> Sequence[AnyRow]:
    """Return pairs of enrolment and patient, the latest procedure first."""
    return session.execute(
        select(Enrolment, Patient)
        .join(Patient, Patient.id == Enrolment.patient_id)
        .where(*sought.conditions())
        .order_by(Enrolment.procedure_at.desc(), Enrolment.id.desc())
        .limit(limit)
    ).all()
