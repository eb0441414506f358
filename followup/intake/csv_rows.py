"""CSV rows as enrolment requests.

A row near the top names the columns, in any order and as people write them (see `csv_columns`);
empty cells count as absent:

    procedure_at   2026-10-23T14:30, 23/10/2026 14:30 or 23 October 2026 2:30 PM, by the clinic's
                   clock unless it has an offset; or procedure_date and procedure_time
    reference      yours for the procedure; it makes a second import of the same file harmless
    nhs_number, or name and date_of_birth (1956-04-30 or 30/04/1956); or forename and surname
    mobile, email, language
    channels       what the patient agreed to, preferred first, as in `sms email`
    clinic, protocol
    one for each question of the protocols, by its key or flag (diabetic, steroid): yes or no

What a complaint says never repeats a cell: it may be a patient's.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from followup.content.handbook import ContentContext
from followup.domain.errors import InvalidInput, Problem
from followup.enrolment.enrol import EnrolmentRequest
from followup.intake.csv_cells import cell_fault, clean
from followup.intake.csv_columns import (
    NOT_USED,
    Layout,
    find_layout,
    require_layout,
)
from followup.intake.csv_document import Choices, Defaults, document_of
from followup.intake.csv_file import Cells, read_cells
from followup.intake.json_shapes import read_enrolment
from followup.intake.local_times import DateOrder, date_order

FOOTER = re.compile(
    r"(?:grand |sub-?)?totals?\b.*|count\b.*|(?:no\.|number) of (?:patients|cases).*|"
    r"\d+ (?:patients|cases)|end of (?:list|report|file)\b.*|page \d+(?: of \d+)?",
    re.IGNORECASE,
)
FIGURE = re.compile(r"\d{1,5}", re.ASCII)
MOST_FOOTER_CELLS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """A patient's row: the line on which it begins, and what it asks for or what is wrong."""

    line: int
    request: EnrolmentRequest | None
    problems: tuple[Problem, ...] = ()


def read_rows(
    handbook: ContentContext,
    file: BinaryIO,
    *,
    defaults: Defaults,
    layout: Layout | None = None,
    lines: Container[int] | None = None,
) -> Iterator[Row]:
    """Yield the rows of a seekable file; blank ones, totals and repeated headings are left out.

    `layout` says which column is what; without it, the headings do. With `lines`, only the rows
    that begin there are read. Raises `InvalidInput`, its
    fields naming the line, where the file as a whole can't be read.
    """
    layout = layout or find_layout(file, handbook.catalogue)
    require_layout(layout, handbook.catalogue)
    choices = Choices.of(handbook.catalogue, defaults)
    for cells in read_cells(file):
        if cells.line <= layout.line or (lines is not None and cells.line not in lines):
            continue
        if not (cells.is_blank or _is_furniture(cells, layout)):
            yield _row(handbook, cells, layout=layout, choices=choices)


def in_columns(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems of a request with their fields named as the columns are."""
    return tuple(
        Problem(
            problem.field.rpartition(".")[2],
            problem.message.replace("answer true or false", "write yes or no"),
        )
        for problem in problems
    )


def _is_furniture(row: Cells, layout: Layout) -> bool:
    """Say whether a row is no patient's: the headings once more, or what stands below a list."""
    filled = [cell for each in row.cells if (cell := each.strip())]
    if row.fault is not None or (
        len(filled) > MOST_FOOTER_CELLS and clean(row.cells[0]) != layout.titles[0]
    ):
        return False
    filled = [cell for each in filled if (cell := clean(each))]
    if len(filled) <= MOST_FOOTER_CELLS:
        said = [cell for cell in filled if FIGURE.fullmatch(cell) is None]
        return bool(said) and all(map(FOOTER.fullmatch, said))
    return filled == [title for title in layout.titles if title]


def _row(handbook: ContentContext, row: Cells, *, layout: Layout, choices: Choices) -> Row:
    if row.fault is not None:
        return Row(row.line, None, (Problem("row", row.fault),))
    found = [clean(cell) for cell in row.cells]
    wide = len(layout.fields)
    if any(found[wide:]):
        return Row(row.line, None, (Problem("row", _ragged(len(found), wide)),))
    # Spreadsheets leave out empty cells at the end of some rows.
    padded = [*found[:wide], *[""] * (wide - len(found))]
    if any(cell and field == "" for field, cell in zip(layout.fields, padded, strict=True)):
        return Row(row.line, None, (Problem("row", "a cell is filled in a column with no name"),))
    cells = {
        field: cell
        for field, cell in zip(layout.fields, padded, strict=True)
        if cell and field and field != NOT_USED
    }
    wrong = [*_faults(cells), *_doubts(layout, padded)]
    told = {problem.field for problem in wrong}
    found_wrong: list[Problem] = []
    document = document_of(
        handbook.catalogue,
        cells,
        choices,
        today=handbook.clock.now().date(),
        problems=found_wrong,
    )
    try:
        request = read_enrolment(handbook, document)
    except InvalidInput as error:
        found_wrong.extend(in_columns(error.problems))
    # Of a cell that a spreadsheet spoilt, that alone is told.
    problems = (*wrong, *(each for each in found_wrong if each.field not in told))
    if problems and len(found) <= layout.last_named:
        return Row(row.line, None, (Problem("row", _ragged(len(found), wide)),))
    return Row(row.line, None, problems) if problems else Row(row.line, request)


def _ragged(found: int, wanted: int) -> str:
    return f"this row has {found} cells for {wanted} headings: check its commas and quotes"


def _faults(cells: Mapping[str, str]) -> Iterator[Problem]:
    for field, cell in cells.items():
        if (fault := cell_fault(field, cell)) is not None:
            yield Problem(field, fault)


def _doubts(layout: Layout, cells: list[str]) -> Iterator[Problem]:
    for place in sorted(layout.doubtful):
        if date_order(cells[place]) is DateOrder.EITHER:
            yield Problem(
                layout.fields[place] or "row",
                "other rows put the month first, and this could be meant so too: write the day "
                "first in every row, or 2026-10-23",
            )
