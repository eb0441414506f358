"""CSV import: every row checked first, then enrolled."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from followup.context import AppContext
from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.errors import Conflict, InvalidInput, Problem
from followup.domain.intake.on_conflict import OnConflict
from followup.enrolment.bulk import (
    ENROLMENT_BATCH,
    PreparedEnrolment,
    enrol_all_again,
    enrol_prepared,
    prepare_enrolment,
)
from followup.enrolment.enrol import Enrolled, EnrolmentRequest
from followup.enrolment.message_rows import MessageRows
from followup.intake.csv_columns import Layout
from followup.intake.csv_document import Defaults
from followup.intake.csv_rows import Row, in_columns, read_rows
from followup.intake.dry_run import DryRun, DryRunResult
from followup.intake.kept_rows import KeptRows, LinedRequest

Item = TypeVar("Item")
ImportProgress = Callable[[int], None]
"""Is told how far it is: bytes while looking, rows while enrolling."""
CHANGED_SINCE = (
    "the enrolment has changed since the list was checked; nothing was changed. Upload the row "
    "again to see how it differs now"
)


@dataclass(slots=True)
class ImportTally:
    """How an import went. `complaints` are the lines that were refused, with why.

    `objections` are the lines of patients who want no messages, with their clinic's zone, `notes`
    what else is to be known of a line. `differing` are, of the lines that were refused, those whose
    enrolment is there and could be updated: which one it is, and in which fields.
    """

    rows: int = 0
    enrolled: int = 0
    updated: int = 0
    already: int = 0
    refused: int = 0
    to_update: int = 0
    complaints: list[tuple[int, Problem]] = field(default_factory=list)
    notes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    objections: dict[int, tuple[EnrolmentObjection, ZoneInfo]] = field(default_factory=dict)
    differing: dict[int, tuple[UUID, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def new(self) -> int:
        """How many are neither refused, nor there already, nor to be corrected."""
        return self.rows - self.already - self.refused - self.to_update

    @property
    def to_write(self) -> int:
        """How many are to be enrolled or corrected."""
        return self.new + self.to_update

    def refuse(self, line: int, problems: Iterable[Problem]) -> None:
        self.refused += 1
        self.complaints += [(line, problem) for problem in problems]

    def in_order(self) -> list[tuple[int, Problem]]:
        """Return the complaints as their lines follow each other."""
        return sorted(self.complaints, key=lambda complaint: complaint[0])


class CsvImport:
    """One import of a seekable file; memory grows by a few bytes a row, and by the complaints.

    First `examine`, then `write`; both raise `InvalidInput` where the file can't be read.
    """

    def __init__(
        self,
        app: AppContext,
        source: BinaryIO,
        defaults: Defaults,
        *,
        on_conflict: OnConflict = OnConflict.REFUSE,
        layout: Layout | None = None,
        lines: Container[int] | None = None,
        approved: Mapping[int, Collection[str]] | None = None,
    ) -> None:
        """Take `layout` for what the columns are, and these `lines` alone, where they are given.

        With `approved`, only those fields of each line are updated: a row that would change more
        is refused.
        """
        self.tally = ImportTally()
        self.lines = array("L")
        """The line of each row that was looked at."""
        self._app = app
        self._source = source
        self._defaults = defaults
        self._on_conflict = on_conflict
        self._layout = layout
        self._only = lines
        self._approved = approved
        # A byte for each row: whether it is to be enrolled.
        self._accepted = bytearray()
        self._kept = KeptRows()
        self._make = MessageRows(app)

    def examine(self, advance: ImportProgress) -> ImportTally:
        """Look at every row, and write nothing."""
        examiner = DryRun(self._app, on_conflict=self._on_conflict)
        for batch in _read_ahead(_batches(self._rows())):
            wanted = [(row.line, row.request) for row in batch if row.request is not None]
            forecasts = dict(examiner.examine(wanted))
            good: list[LinedRequest] = []
            for row in batch:
                accepted = self._judge(row, forecasts.get(row.line))
                self.lines.append(row.line)
                self._accepted.append(accepted)
                if accepted and row.request is not None:
                    good.append((row.line, row.request))
            self._kept.keep(good)
            advance(self._source.tell())
        return self.tally

    def accepted_lines(self) -> list[int]:
        """Return the lines that are to be enrolled."""
        return [line for line, good in zip(self.lines, self._accepted, strict=True) if good]

    def write(self, *, actor: str, partial: bool, advance: ImportProgress) -> ImportTally:
        """Enrol the rows that were found right; raise `Conflict` where one clashes after all.

        With `partial` that one is refused, and the others are enrolled.
        """
        wanted = self._prepared(self._kept.rows() or self._read_again(), actor=actor)
        for batch in _read_ahead(_batches(wanted)):
            self._write_batch(batch, actor=actor, partial=partial)
            advance(
                self.tally.rows - self.tally.to_write + self.tally.enrolled + self.tally.updated
            )
        return self.tally

    def _rows(self) -> Iterator[Row]:
        return read_rows(
            self._app,
            self._source,
            defaults=self._defaults,
            layout=self._layout,
            lines=self._only,
        )

    def _read_again(self) -> Iterator[LinedRequest]:
        for row, good in zip(self._rows(), self._accepted, strict=False):
            if good and row.request is not None:
                yield row.line, row.request

    def _prepared(self, rows: Iterable[LinedRequest], *, actor: str) -> Iterator[_ToWrite]:
        for line, request in rows:
            prepared = None
            with suppress(InvalidInput):
                prepared = self._prepare(request, actor)
            yield _ToWrite(line, request, prepared)

    def _prepare(self, request: EnrolmentRequest, actor: str) -> PreparedEnrolment:
        by = self._app.by(actor)
        return prepare_enrolment(self._app, request, by=by, make=self._make)

    def _judge(self, row: Row, forecast: DryRunResult | None) -> bool:
        self.tally.rows += 1
        problems = row.problems if forecast is None else in_columns(forecast.problems)
        if not problems and forecast is not None and self._exceeds(row.line, forecast):
            problems = (Problem("row", CHANGED_SINCE),)
        if problems:
            self.tally.refuse(row.line, problems)
            if forecast is not None and forecast.enrolment_id is not None and forecast.updates:
                self.tally.differing[row.line] = (forecast.enrolment_id, forecast.updates)
            return False
        if row.request is not None and forecast is not None:
            self._note(row.line, row.request, forecast.objection, forecast.notes)
        if forecast is not None and forecast.changes:
            self.tally.to_update += 1
        elif forecast is not None and forecast.enrolment_id is not None:
            self.tally.already += 1
            return False
        return True

    def _exceeds(self, line: int, forecast: DryRunResult) -> bool:
        """Say whether a row would change more than was approved."""
        if self._approved is None:
            return False
        return not set(forecast.updates) <= set(self._approved.get(line, ()))

    def _write_batch(self, batch: list[_ToWrite], *, actor: str, partial: bool) -> None:
        requests = [(row.line, row.request) for row in batch]
        try:
            results = enrol_prepared(
                self._app,
                [row.prepared or self._prepare(row.request, actor) for row in batch],
                actor=actor,
                on_conflict=self._on_conflict,
            )
        except (Conflict, InvalidInput) as error:
            if not partial:
                raise Conflict(self._clash(error)) from error
            self._write_singly(requests, actor=actor)
            return
        for (line, request), result in zip(requests, results, strict=True):
            self._note(line, request, result.objection, result.notes)
        self._count(results)

    def _write_singly(self, requests: list[tuple[int, EnrolmentRequest]], *, actor: str) -> None:
        for line, request in requests:
            try:
                result = enrol_all_again(
                    self._app, request, actor=actor, on_conflict=self._on_conflict
                )
            except (Conflict, InvalidInput) as clash:
                self.tally.refuse(line, (Problem("row", str(clash)),))
            else:
                self._note(line, request, result.objection, result.notes)
                self._count([result])

    def _note(
        self,
        line: int,
        request: EnrolmentRequest,
        objection: EnrolmentObjection | None,
        notes: tuple[str, ...],
    ) -> None:
        """Keep what is known last of a row: something may have come or gone since it was read."""
        self.tally.objections.pop(line, None)
        self.tally.notes.pop(line, None)
        if notes:
            self.tally.notes[line] = notes
        if objection is not None:
            zone = self._app.catalogue.clinics[request.clinic].zone
            self.tally.objections[line] = (objection, zone)

    def _count(self, results: Sequence[Enrolled]) -> None:
        created = sum(result.created for result in results)
        updated = sum(result.changed for result in results)
        self.tally.enrolled += created
        self.tally.updated += updated
        self.tally.already += len(results) - created - updated

    def _clash(self, error: Exception) -> str:
        return (
            f"{error}. This came about while the file was being imported: {self.tally.enrolled} of "
            "its patients are enrolled, the others are not; run it again"
        )


@dataclass(frozen=True, slots=True)
class _ToWrite:
    """A row to be enrolled; `prepared` unless it can't be any more, which is told in its turn."""

    line: int
    request: EnrolmentRequest
    prepared: PreparedEnrolment | None


def _batches(items: Iterator[Item]) -> Iterator[list[Item]]:
    while batch := list(islice(items, ENROLMENT_BATCH)):
        yield batch


def _read_ahead(batches: Iterator[list[Item]]) -> Iterator[list[Item]]:
    """Yield the batches, preparing the next one while the database is busy with this one."""
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as reader:
        coming = reader.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = reader.submit(next, batches, None)
            yield batch
