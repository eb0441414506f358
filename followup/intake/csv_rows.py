"""CSV rows as enrolment requests.

The first row names the columns, in any order; empty cells count as absent:

    procedure_at   2026-10-23T14:30 or 23/10/2026 14:30, by the clinic's clock unless it has an
                   offset
    reference      yours for the procedure; it makes a second import of the same file harmless
    nhs_number, or name and date_of_birth (1956-04-30 or 30/04/1956)
    mobile, email, language
    channels       what the patient agreed to, preferred first, as in `sms email`
    clinic, protocol
    one for each question of the protocols, by its key or flag (diabetic, steroid): yes or no

What a complaint says never repeats a cell: it may be a patient's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from followup.catalogue.load import Catalogue
from followup.context import ContentContext
from followup.domain.errors import InvalidInput, Problem
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Attribute, Protocol
from followup.enrolment.enrol import EnrolmentRequest
from followup.intake.csv_file import Cells, read_cells
from followup.intake.json_shapes import read_enrolment
from followup.intake.local_times import parse_day, parse_time
from followup.intake.yes_or_no import read_yes_or_no

OF_ENROLMENT = ("procedure_at", "reference", "channels", "clinic", "protocol")
OF_PATIENT = ("nhs_number", "name", "date_of_birth", "mobile", "email", "language")

# Stand in for cells that are wrong, so that the other cells of the row are checked too.
SOME_TIME, SOME_DAY = "2000-01-01T00:00:00+00:00", "2000-01-01"


@dataclass(frozen=True, slots=True)
class Row:
    """A patient's row: the line on which it begins, and what it asks for or what is wrong."""

    line: int
    request: EnrolmentRequest | None
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Defaults:
    """The clinic and the protocol of rows that name none."""

    clinic: str | None = None
    protocol: str | None = None


def read_rows(handbook: ContentContext, file: BinaryIO, *, defaults: Defaults) -> Iterator[Row]:
    """Yield the rows of a seekable file, blank ones left out.

    Raises `InvalidInput`, its fields naming the line, where the file as a whole can't be read.
    """
    listed = read_cells(file)
    first = next(listed, None)
    if first is None:
        raise InvalidInput.of("file", f"this is empty: its first row names the columns; {_NAMES}")
    header = _header(first, handbook.catalogue)
    for cells in listed:
        if not cells.is_blank:
            yield _row(handbook, header, cells, defaults)


def in_columns(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return problems of a request with their fields named as the columns are."""
    return tuple(
        Problem(
            problem.field.rpartition(".")[2],
            problem.message.replace("answer true or false", "write yes or no"),
        )
        for problem in problems
    )


_NAMES = f"it may have {', '.join((*OF_ENROLMENT, *OF_PATIENT))}, and the protocol's questions"


def _header(first: Cells, catalogue: Catalogue) -> list[str]:
    """Return the columns by their names; one without a name is kept, as an empty one."""
    names = [_plain(cell) for cell in first.cells]
    known = dict.fromkeys((*OF_ENROLMENT, *OF_PATIENT, *_questions(catalogue)))
    if not any(name in known for name in names):
        raise InvalidInput.of("line 1", f"this does not name the columns; {_NAMES}")
    problems = [
        f"there is no column {name!r}; {did_you_mean(name, known)}"
        for name in names
        if name and name not in known
    ]
    problems += [
        f"the column {name} is there twice: leave one out"
        for name in dict.fromkeys(names)
        if name and names.count(name) > 1
    ]
    problems += [
        f"the columns {' and '.join(alike)} ask the same: leave one out"
        for alike in map(_columns_of, _attributes(catalogue))
        if len(set(alike)) > 1 and set(alike) <= set(names)
    ]
    if "procedure_at" not in names:
        problems.append("the column procedure_at is missing: add it")
    if problems:
        raise InvalidInput(*(Problem("line 1", problem) for problem in problems))
    return names


def _plain(name: str) -> str:
    plain = re.sub(r"[\s._-]+", "_", name.strip().lower())
    return re.sub(r"^(patient|attributes?)_(?=.)", "", plain)


def _attributes(catalogue: Catalogue) -> Iterator[Attribute]:
    for protocol in catalogue.protocols.values():
        yield from protocol.attributes


def _questions(catalogue: Catalogue) -> Iterator[str]:
    for attribute in _attributes(catalogue):
        yield from _columns_of(attribute)


def _columns_of(attribute: Attribute) -> tuple[str, str]:
    return attribute.key, _plain(attribute.flag)


def _row(handbook: ContentContext, header: list[str], row: Cells, defaults: Defaults) -> Row:
    if len(row.cells) != len(header):
        ragged = f"this row has {len(row.cells)} cells, and the first row has {len(header)}"
        return Row(row.line, None, (Problem("row", f"{ragged}: check its commas and quotes"),))
    cells = {
        name: cell.strip() for name, cell in zip(header, row.cells, strict=True) if cell.strip()
    }
    if "" in cells:
        return Row(row.line, None, (Problem("row", "a cell is filled in a column with no name"),))
    problems: list[Problem] = []
    document = _document(handbook.catalogue, cells, defaults, problems=problems)
    try:
        request = read_enrolment(handbook, document)
    except InvalidInput as error:
        problems.extend(in_columns(error.problems))
    if problems:
        return Row(row.line, None, tuple(problems))
    return Row(row.line, request)


def _document(
    catalogue: Catalogue,
    cells: Mapping[str, str],
    defaults: Defaults,
    *,
    problems: list[Problem],
) -> dict[str, Any]:
    document: dict[str, Any] = {name: cells[name] for name in OF_ENROLMENT if name in cells}
    patient: dict[str, Any] = {name: cells[name] for name in OF_PATIENT if name in cells}
    for field, default, known in (
        ("clinic", defaults.clinic, catalogue.clinics),
        ("protocol", defaults.protocol, catalogue.protocols),
    ):
        document[field] = document.get(field) or default or ""
        if document[field] not in known:
            problems.append(Problem(field, f"name one of: {', '.join(sorted(known))}"))
            document[field] = min(known)
    zone = catalogue.clinics[document["clinic"]].zone
    document["procedure_at"] = _procedure_at(cells, zone, problems=problems)
    if "date_of_birth" in patient:
        patient["date_of_birth"] = _day(patient["date_of_birth"], problems=problems)
    if "channels" in document:
        document["channels"] = re.findall(r"[a-z-]+", document["channels"].lower())
    protocol = catalogue.protocols[document["protocol"]]
    document["attributes"] = _answers(protocol, cells, problems=problems)
    document["patient"] = patient
    return document


def _procedure_at(cells: Mapping[str, str], zone: ZoneInfo, *, problems: list[Problem]) -> str:
    try:
        if "procedure_at" not in cells:
            raise InvalidInput.of("procedure_at", "this is missing: fill it in")
        return parse_time(cells["procedure_at"], zone=zone).astimezone(UTC).isoformat()
    except InvalidInput as error:
        problems.extend(error.problems)
        return SOME_TIME


def _day(text: str, *, problems: list[Problem]) -> str:
    try:
        return parse_day(text, field="date_of_birth").isoformat()
    except InvalidInput as error:
        problems.extend(error.problems)
        return SOME_DAY


def _answers(
    protocol: Protocol, cells: Mapping[str, str], *, problems: list[Problem]
) -> dict[str, bool]:
    asked = {name: each for each in protocol.attributes for name in _columns_of(each)}
    found: dict[str, bool] = {}
    for name, cell in cells.items():
        if name in OF_ENROLMENT or name in OF_PATIENT:
            continue
        answer = read_yes_or_no(cell)
        if name not in asked:
            problems.append(Problem(name, f"{protocol.name} does not ask this: leave it empty"))
        elif answer is None:
            problems.append(Problem(name, f"write yes or no: {asked[name].question}"))
        else:
            found[asked[name].key] = answer
    return found
