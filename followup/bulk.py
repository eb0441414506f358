"""Enrolling many patients: all looked at before the first is written, then written in batches.

A batch is one transaction. More would hold up the dispatcher on SQLite, and no transaction may
last so long that the audit trail is sealed before it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, Problem
from followup.enrol import Checked, Enrolled, Request, check, enrol, enrol_many, foresee
from followup.kit import Kit
from followup.store.models import Enrolment, Patient
from followup.store.patients import identity_of

BATCH = 200


@dataclass(frozen=True, slots=True)
class Forecast:
    """What enrolling would come to: new, there already (`enrolment_id`), or refused."""

    enrolment_id: UUID | None = None
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class Examiner:
    """Looks at requests without writing; it remembers those of a file, to find them twice in it."""

    kit: Kit
    references: dict[int, int] = field(default_factory=dict)
    procedures: dict[int, int] = field(default_factory=dict)

    def examine(self, requests: Sequence[tuple[int, Request]]) -> Iterator[tuple[int, Forecast]]:
        """Yield what would come of each request; the number beside it is its line."""
        with self.kit.store.read() as session:
            known = _known(session, self.kit, [request for _, request in requests])
            for line, request in requests:
                is_known = not known.isdisjoint(_keys(self.kit, request))
                yield line, self._examine(session, line, request, is_known=is_known)

    def _examine(
        self, session: Session, line: int, request: Request, *, is_known: bool
    ) -> Forecast:
        try:
            checked = check(self.kit, request)
        except InvalidInput as error:
            return Forecast(problems=error.problems)
        twice = self._seen_before(line, checked)
        if twice is not None:
            return Forecast(problems=(twice,))
        if not is_known:
            return Forecast()
        try:
            return Forecast(foresee(session, self.kit, checked))
        except AlreadyEnrolled as error:
            return _there_already(request, error)
        except Conflict as error:
            return Forecast(problems=(Problem("reference", str(error)),))

    def _seen_before(self, line: int, checked: Checked) -> Problem | None:
        request = checked.request
        if request.reference is not None:
            key = hash((request.clinic, request.reference))
            first = self.references.setdefault(key, line)
            if first != line:
                return Problem("reference", f"line {first} has the same: give each one its own")
        identity = identity_of(request.person)
        key = hash((request.clinic, identity, request.protocol, checked.procedure.at))
        first = self.procedures.setdefault(key, line)
        if first != line:
            return Problem("row", f"this patient and procedure stand on line {first} already")
        return None


def write(kit: Kit, requests: Sequence[Request], *, actor: str) -> list[Enrolled]:
    """Enrol a batch in one transaction; raise `Conflict` where that clashes after all."""
    return enrol_many(kit, requests, actor=actor)


def write_one(kit: Kit, request: Request, *, actor: str) -> Enrolled:
    """Enrol one of a batch by itself, as `Examiner` would judge it; raise `Conflict`."""
    try:
        return enrol(kit, request, actor=actor)
    except AlreadyEnrolled as error:
        if request.reference is not None:
            raise
        return Enrolled(enrolment_id=error.enrolment_id, created=False)


def _there_already(request: Request, error: AlreadyEnrolled) -> Forecast:
    """Take a request without a reference of its own for the enrolment that is there."""
    if request.reference is None:
        return Forecast(error.enrolment_id)
    return Forecast(problems=(Problem("row", str(error)),))


Key = tuple[str, str | bytes]


def _keys(kit: Kit, request: Request) -> set[Key]:
    """Return by what the database may know a request: its reference, and its patient."""
    identity = kit.keyring.indexes.of("identity", identity_of(request.person))
    keys: set[Key] = {(request.clinic, identity)}
    if request.reference is not None:
        keys.add((request.clinic, request.reference))
    return keys


def _known(session: Session, kit: Kit, requests: Sequence[Request]) -> set[Key]:
    """Return the keys of these requests that the database has: two queries, however many."""
    keys = {key for request in requests for key in _keys(kit, request)}
    references = [key for key in keys if isinstance(key[1], str)]
    identities = [key for key in keys if isinstance(key[1], bytes)]
    by_reference = tuple_(Enrolment.clinic, Enrolment.reference)
    by_identity = tuple_(Patient.clinic, Patient.identity_index)
    found = [
        *session.execute(
            select(Enrolment.clinic, Enrolment.reference).where(by_reference.in_(references))
        ),
        *session.execute(
            select(Patient.clinic, Patient.identity_index).where(by_identity.in_(identities))
        ),
    ]
    return {(row[0], row[1]) for row in found}
