"""Looking at many enrolments without writing: what would come of each, and which stand twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from followup.domain.errors import AlreadyEnrolled, Conflict, InvalidInput, Problem
from followup.enrol import Checked, Request, check, foresee
from followup.kit import Kit
from followup.store.known import Key, keys_of, known_among
from followup.store.patients import identity_of


@dataclass(frozen=True, slots=True)
class Forecast:
    """What enrolling would come to: new, there already (`enrolment_id`), or refused."""

    enrolment_id: UUID | None = None
    problems: tuple[Problem, ...] = ()


class Examiner:
    """Looks at the requests of one file, batch by batch, and remembers a few bytes of each."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit
        self._references: dict[int, int] = {}
        self._procedures: dict[int, int] = {}

    def examine(self, requests: Sequence[tuple[int, Request]]) -> Iterator[tuple[int, Forecast]]:
        """Yield what would come of each request; the number beside it is its line."""
        keys = {line: self._keys(request) for line, request in requests}
        with self._kit.store.read() as session:
            known = known_among(session, (key for each in keys.values() for key in each))
            for line, request in requests:
                is_known = not known.isdisjoint(keys[line])
                yield line, self._examine(session, line, request, is_known=is_known)

    def _keys(self, request: Request) -> frozenset[Key]:
        indexes = self._kit.keyring.indexes
        return keys_of(indexes, request.person, clinic=request.clinic, reference=request.reference)

    def _examine(
        self, session: Session, line: int, request: Request, *, is_known: bool
    ) -> Forecast:
        try:
            checked = check(self._kit, request)
        except InvalidInput as error:
            return Forecast(problems=error.problems)
        twice = self._stands_twice(line, checked)
        if twice is not None:
            return Forecast(problems=(twice,))
        return self._foresee(session, checked) if is_known else Forecast()

    def _foresee(self, session: Session, checked: Checked) -> Forecast:
        try:
            return Forecast(foresee(session, self._kit, checked))
        except AlreadyEnrolled as error:
            if checked.request.reference is None:
                return Forecast(error.enrolment_id)
            return Forecast(problems=(Problem("row", str(error)),))
        except Conflict as error:
            return Forecast(problems=(Problem("row", str(error)),))

    def _stands_twice(self, line: int, checked: Checked) -> Problem | None:
        request = checked.request
        if request.reference is not None:
            first = self._references.setdefault(hash((request.clinic, request.reference)), line)
            if first != line:
                return Problem("reference", f"line {first} has the same: give each one its own")
        who = identity_of(request.person)
        key = hash((request.clinic, who, request.protocol, checked.procedure.at))
        first = self._procedures.setdefault(key, line)
        if first != line:
            return Problem("row", f"this patient and procedure stand on line {first} already")
        return None
