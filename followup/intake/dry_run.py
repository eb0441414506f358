"""Dry run of many enrolments: what would come of each, writing nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from followup.consent.in_force import ObjectionsInForce
from followup.context import AppContext
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.errors import (
    AlreadyEnrolled,
    Conflict,
    EnrolmentClash,
    InvalidInput,
    Problem,
)
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.enrol import (
    CheckedEnrolment,
    EnrolmentRequest,
    check_request,
    foresee_new,
    objections_to,
)
from followup.enrolment.enrol_or_update import foresee
from followup.enrolment.existing import known_patients, patient_keys
from followup.patients.match import PatientKey
from followup.patients.records import name_key
from followup.releases.reviews import require_enrollable


@dataclass(frozen=True, slots=True)
class DryRunResult:
    """What enrolling would come to: new, there already (`enrolment_id`), or refused.

    `objection` is what the patient wants no more of, and would not be sent. With `changes` the
    enrolment that is there would be changed by what the row says, in the fields `updates`; `notes`
    are sentences for whoever brings it in. Of one that is refused because it differs, `updates` are
    the fields that could be applied.
    """

    enrolment_id: UUID | None = None
    problems: tuple[Problem, ...] = ()
    objection: EnrolmentObjection | None = None
    changes: bool = False
    updates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class DryRun:
    """Looks at the requests of one file, batch by batch, and remembers a few bytes of each."""

    def __init__(self, app: AppContext, *, on_conflict: OnConflict = OnConflict.REFUSE) -> None:
        self._app = app
        self._on_conflict = on_conflict
        self._references: dict[int, tuple[int, int]] = {}
        self._procedures: dict[int, int] = {}

    def examine(
        self, requests: Sequence[tuple[int, EnrolmentRequest]]
    ) -> Iterator[tuple[int, DryRunResult]]:
        """Yield what would come of each request; the number beside it is its line."""
        keys = {line: self._keys(request) for line, request in requests}
        with self._app.store.read() as session:
            listed = {key for each in keys.values() for key in each}
            known = known_patients(session, listed)
            in_force = objections_to(
                session, self._app, (request for _, request in requests), keys=listed
            )
            for line, request in requests:
                is_known = not known.isdisjoint(keys[line])
                yield line, self._examine(session, line, request, in_force, is_known=is_known)

    def _keys(self, request: EnrolmentRequest) -> frozenset[PatientKey]:
        indexes = self._app.keyring.indexes
        return patient_keys(
            indexes, request.person, clinic=request.clinic, reference=request.reference
        )

    def _examine(
        self,
        session: Session,
        line: int,
        request: EnrolmentRequest,
        in_force: ObjectionsInForce,
        *,
        is_known: bool,
    ) -> DryRunResult:
        try:
            checked = check_request(self._app, request)
        except InvalidInput as error:
            return DryRunResult(problems=error.problems)
        twice = self._stands_twice(line, checked)
        if twice is not None:
            return DryRunResult(problems=(twice,))
        if not is_known:
            try:
                require_enrollable(session, self._app, request.clinic, request.protocol)
            except Conflict as error:
                return DryRunResult(problems=(Problem("row", str(error)),))
            foreseen = foresee_new(self._app, request, None, in_force)
            return DryRunResult(objection=foreseen.objection)
        return self._foresee(session, checked, in_force)

    def _foresee(
        self, session: Session, checked: CheckedEnrolment, in_force: ObjectionsInForce
    ) -> DryRunResult:
        try:
            foreseen = foresee(
                session, self._app, checked, on_conflict=self._on_conflict, in_force=in_force
            )
            return DryRunResult(
                foreseen.enrolment_id,
                objection=foreseen.objection,
                changes=foreseen.changes,
                updates=foreseen.updates,
                notes=foreseen.notes,
            )
        except AlreadyEnrolled as error:
            if checked.request.reference is None:
                return DryRunResult(error.enrolment_id, objection=error.objection)
            return DryRunResult(problems=(Problem("row", str(error)),))
        except EnrolmentClash as error:
            told = (Problem("row", str(error)),)
            if error.needs is not OnConflict.UPDATE:
                return DryRunResult(problems=told)
            return DryRunResult(error.enrolment_id, problems=told, updates=error.fields)
        except Conflict as error:
            return DryRunResult(problems=(Problem("row", str(error)),))

    def _stands_twice(self, line: int, checked: CheckedEnrolment) -> Problem | None:
        request = checked.request
        if request.reference is not None:
            content = hash(tuple(sorted(checked.content.fields.items())))
            first, said = self._references.setdefault(
                hash((request.clinic, request.reference)), (line, content)
            )
            if first != line:
                return Problem("reference", _same_as(first, differs=said != content))
        first = line
        day = checked.procedure.at.astimezone(checked.clinic.zone).date()
        for mine, looked in _twice_by(request):
            keys = [hash((request.clinic, who, request.protocol, day)) for who in (mine, *looked)]
            first = min([first, *(self._procedures.get(key, line) for key in keys[1:])])
            self._procedures.setdefault(keys[0], line)
        if first != line:
            return Problem("row", f"this patient and procedure stand on line {first} already")
        return None


def _twice_by(request: EnrolmentRequest) -> Iterator[tuple[str, list[str]]]:
    """Yield by what a row's patient is remembered, and by what an earlier one is the same.

    Two of one name and birth date are one patient of that day, unless both have an NHS number.
    """
    number, name = request.person.nhs_number, name_key(request.person)
    if number:
        yield f"nhs {number}", [f"nhs {number}"]
    if name:
        bare, numbered = f"bare {name}", f"numbered {name}"
        yield (numbered, [bare]) if number else (bare, [bare, numbered])


def _same_as(line: int, *, differs: bool) -> str:
    if differs:
        return (
            f"line {line} has the same and says something else: keep the row that is right, or "
            "give each one its own"
        )
    return f"line {line} has the same: give each one its own"
