"""Work on uploaded lists: a job checks every row, and enrols those that were found right.

A worker that dies leaves a list where it was. Its lease runs out, another one takes it, and begins
again: what is enrolled by then is found so and left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from followup.context import AppContext
from followup.domain.errors import HOW_TO_APPLY, InvalidInput, Problem
from followup.domain.intake.list_state import ListState
from followup.domain.intake.on_conflict import OnConflict
from followup.intake.csv_cells import clean
from followup.intake.csv_columns import Layout
from followup.intake.csv_file import read_cells
from followup.intake.csv_import import CsvImport
from followup.intake.uploaded_lists import (
    DifferingRow,
    Findings,
    PatientList,
    RefusedRow,
    UploadedFile,
    read_list,
    seal_findings,
)
from followup.staff.members import find_member
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.uploaded_lists import UploadedList
from followup.wording.formats import capital
from followup.wording.objections import objection_text

LEASE = timedelta(minutes=1)
"""Real time; a batch takes a second or two, and each says how far it is."""
LONGEST = timedelta(seconds=15)
"""So long a job enrols at once: then others have their turn."""
MOST_TRIES = 3
UNDER_WAY = (ListState.CHECKING.value, ListState.ENROLLING.value)

log = structlog.get_logger()


class _TurnOver(Exception):
    """Enough was done for now."""


class _Lost(Exception):
    """The list was removed, or another worker has taken it over."""


@dataclass(slots=True)
class _Work:
    """A list that this worker has leased: the lease is the proof that nobody else took it over."""

    app: AppContext
    list: PatientList
    lease: datetime
    began: datetime

    def advance(self, done: int, *, of: int) -> None:
        """Say how far it is, and lease it anew; raise `_Lost` where it is not ours any more."""
        lease = self.app.clock.real_now() + LEASE
        progress = min(100 * done // max(of, 1), 100)
        self._write(leased_until_real_at=lease, progress=progress)
        self.lease = lease

    def let_go(self) -> None:
        """Leave the rest to whoever takes it next."""
        self._write(leased_until_real_at=None, tries=0)

    def finish(
        self, state: ListState, findings: Findings, entry: AuditEntry, **values: object
    ) -> None:
        """Write what was found."""
        sealed = seal_findings(self.app.keyring.system, findings, self.list.id)
        self._write(
            entry, state=state.value, findings_sealed=sealed, leased_until_real_at=None, **values
        )

    def _write(self, entry: AuditEntry | None = None, **values: object) -> None:
        def work(session: Session) -> None:
            ours = (
                update(UploadedList)
                .where(
                    UploadedList.id == self.list.id,
                    UploadedList.leased_until_real_at == self.lease,
                )
                .values(**values)
            )
            if session.execute(ours.returning(UploadedList.id)).first() is None:
                raise _Lost
            if entry is not None:
                record_event(session, self.app.by(self.list.actor), entry)

        self.app.store.transact(work)


def work_off_lists(app: AppContext) -> int:
    """Work on the list that has waited longest; return 0 where none does."""
    work = _take(app)
    if work is None:
        return 0
    file = work.list.file
    try:
        if file is None or work.list.tries > MOST_TRIES:
            log.error("list.given_up", list_id=str(work.list.id))
            _fail(work, "Something went wrong here, and the log says what. Upload it again later.")
        elif work.list.state is ListState.CHECKING:
            _check(work, file)
        else:
            _enrol(work, file)
    except InvalidInput as error:
        _fail(work, capital(error.problems[0].message))
    except _TurnOver:
        work.let_go()
    except _Lost:
        log.info("list.taken_over", list_id=str(work.list.id))
    return 1


def _take(app: AppContext) -> _Work | None:
    """Lease the list that has waited longest."""

    def work(session: Session) -> _Work | None:
        now = app.clock.real_now()
        free = or_(
            UploadedList.leased_until_real_at.is_(None), UploadedList.leased_until_real_at < now
        )
        row = session.scalar(
            select(UploadedList)
            .where(UploadedList.state.in_(UNDER_WAY), free)
            .order_by(UploadedList.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if row is None:
            return None
        lease = row.leased_until_real_at = now + LEASE
        row.tries += 1
        clinics = find_member(session, row.staff_id).clinics
        found = read_list(app, row)
        allowed = None if clinics is None else frozenset(clinics)
        found = replace(found, defaults=replace(found.defaults, clinics=allowed))
        return _Work(app, found, lease, now)

    return app.store.transact(work)


def _check(work: _Work, file: UploadedFile) -> None:
    job = CsvImport(work.app, file.open(), work.list.defaults, layout=file.layout)
    tally = job.examine(lambda done: work.advance(done, of=len(file.content)))
    differing = _differing(file, tally.differing)
    refused = _refused(file, [one for one in tally.in_order() if one[0] not in tally.differing])
    new = job.accepted_lines()
    known = {row.line for row in refused} | {row.line for row in differing} | set(new)
    findings = Findings(
        name=file.name,
        layout=file.layout,
        new=tuple(new),
        already=tuple(line for line in job.lines if line not in known),
        refused=refused,
        differing=differing,
        objections={line: objection_text(*found) for line, found in tally.objections.items()},
    )
    entry = AuditEntry(
        action="list.checked",
        clinic=work.list.defaults.clinic,
        detail={"new": len(new), "refused": len(refused), "differing": len(differing)},
    )
    work.finish(ListState.CHECKED, findings, entry)


def _enrol(work: _Work, file: UploadedFile) -> None:
    """Enrol what was found right when a person said so, update what they chose, and no more."""
    before = work.list.findings
    assert before is not None  # noqa: S101 - a list is enrolled once it was checked
    approved = {row.line: row.fields for row in before.to_update}
    enrolling = CsvImport(
        work.app, file.open(), work.list.defaults, layout=file.layout, lines=frozenset(before.new)
    )
    # A job of its own, so that a new row that has come to differ since is not applied unasked.
    updating = CsvImport(
        work.app,
        file.open(),
        work.list.defaults,
        on_conflict=OnConflict.UPDATE,
        layout=file.layout,
        lines=approved,
        approved=approved,
    )
    count, begun = len(before.new) + len(approved), 0
    for job, size in ((enrolling, len(before.new)), (updating, len(approved))):
        if size:
            _write(work, job, begun=begun, of=count)
        begun += size
    late = _refused(file, [*enrolling.tally.in_order(), *updating.tally.in_order()])
    told = enrolling.tally.objections | updating.tally.objections
    findings = replace(
        before,
        new=(),
        refused=tuple(sorted((*before.refused, *late), key=lambda row: row.line)),
        objections={line: objection_text(*found) for line, found in told.items()},
        enrolled=len(before.new) - enrolling.tally.refused,
        updated=len(approved) - updating.tally.refused,
    )
    entry = AuditEntry(
        action="list.enrolled",
        clinic=work.list.defaults.clinic,
        detail={
            "enrolled": findings.enrolled,
            "updated": findings.updated,
            "refused": len(findings.refused),
        },
    )
    work.finish(ListState.DONE, findings, entry, content_sealed=None)


def _write(work: _Work, job: CsvImport, *, begun: int, of: int) -> None:
    """Write the rows of one job, after as many as were `begun` with before."""
    job.examine(lambda _: work.advance(work.list.progress, of=100))

    def advance(done: int) -> None:
        work.advance(begun + done, of=of)
        if begun + done < of and work.app.clock.real_now() - work.began > LONGEST:
            raise _TurnOver

    job.write(actor=work.list.actor, partial=True, advance=advance)


def _fail(work: _Work, why: str) -> None:
    file, before = work.list.file, work.list.findings
    kept = file or before
    layout = kept.layout if kept else Layout(line=0, titles=(), fields=())
    findings = before or Findings(name=work.list.name, layout=layout)
    entry = AuditEntry(action="list.failed", clinic=work.list.defaults.clinic)
    work.finish(ListState.FAILED, replace(findings, failure=why), entry, content_sealed=None)


def _refused(
    file: UploadedFile, complaints: Sequence[tuple[int, Problem]]
) -> tuple[RefusedRow, ...]:
    """Return each row that was refused, with its cells and all that is wrong with it."""
    wrong: dict[int, list[tuple[str, str]]] = {}
    for line, problem in complaints:
        wrong.setdefault(line, []).append((problem.field, _in_console(problem.message)))
    return tuple(
        RefusedRow(
            line=row.line,
            cells=tuple(map(clean, row.cells)),
            problems=tuple(wrong[row.line]),
        )
        for row in read_cells(file.open())
        if row.line in wrong
    )


def _differing(
    file: UploadedFile, found: Mapping[int, tuple[UUID, tuple[str, ...]]]
) -> tuple[DifferingRow, ...]:
    """Return each row that differs from its enrolment, with its cells."""
    return tuple(
        DifferingRow(
            line=row.line,
            cells=tuple(map(clean, row.cells)),
            enrolment_id=found[row.line][0],
            fields=found[row.line][1],
        )
        for row in read_cells(file.open())
        if row.line in found
    )


def _in_console(message: str) -> str:
    """Return what is wrong with a row, with the way out that whoever uploads a list has."""
    for how in HOW_TO_APPLY.values():
        message = message.replace(how, "enrol this patient with the form: it asks you first")
    return message
