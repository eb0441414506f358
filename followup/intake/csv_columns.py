"""CSV columns: which row names them, and which of our fields each one is.

Headings are read as people write them: `DOB`, `E-mail`, `Mobile No.`, `Date of procedure`. One that
could mean several things, such as `Phone` or `Date`, is not guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from followup.catalogue.load import Catalogue
from followup.domain.errors import InvalidInput, Problem
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Attribute
from followup.intake.csv_cells import clean
from followup.intake.csv_file import FIRST_LINES, Cells, read_cells
from followup.intake.local_times import DateOrder, date_order

OF_ENROLMENT = ("procedure_at", "reference", "channels", "clinic", "protocol")
OF_PATIENT = ("nhs_number", "name", "date_of_birth", "mobile", "email", "language")
IN_PARTS = {"procedure_at": ("procedure_date", "procedure_time"), "name": ("forename", "surname")}
"""Fields that may be parted into two columns."""
NOT_USED = "-"
"""What a column is that nothing is taken from."""
TO_CORRECT = "what_to_correct"
"""Our own column, in the file of the rows that were refused: there to be read by people."""

SPELLINGS = {
    "procedure_at": (
        "procedure date time", "procedure date and time", "date and time of procedure",
        "date time of procedure", "procedure datetime", "operation date time",
        "operation date and time", "surgery date and time", "theatre date and time",
    ),
    "procedure_date": (
        "date of procedure", "operation date", "date of operation", "op date", "date of op",
        "surgery date", "date of surgery", "theatre date", "treatment date", "date of treatment",
    ),
    "procedure_time": (
        "time of procedure", "operation time", "time of operation", "op time", "time of op",
        "surgery time", "time of surgery", "theatre time", "treatment time", "time of treatment",
        "procedure start", "procedure start time",
    ),
    "reference": ("ref", "ref no", "reference no", "reference number", "our reference",
                  "your reference"),
    "channels": ("channel", "messages by"),
    "nhs_number": ("nhs no", "nhs num", "nhs", "nhsno", "nhs identifier"),
    "name": ("full name", "patient name", "patient", "name of patient"),
    "forename": ("forenames", "first name", "first names", "given name", "given names"),
    "surname": ("last name", "family name"),
    "date_of_birth": ("dob", "d o b", "birth date", "birthdate", "born"),
    "mobile": ("mobile no", "mobile number", "mobile phone", "mobile phone number", "mobile tel",
               "mobile telephone", "mobile telephone no", "mobile telephone number",
               "mobile tel no", "mobile contact", "mobile contact number", "tel mobile",
               "telephone mobile",
               "phone mobile", "mob", "mob no", "mob tel", "cell", "cell phone"),
    "email": ("e mail", "email address", "e mail address"),
    "language": ("preferred language",),
}  # fmt: skip
DATES = frozenset({"procedure_at", "procedure_date", "date_of_birth"})
_NAMES = f"it may have {', '.join((*OF_ENROLMENT, *OF_PATIENT))}, and the protocol's questions"
_MAY_BE_DATE = re.compile(r"\d[/.-]", re.ASCII)
_NO_HEADING = re.compile(r"\d{3}|@", re.ASCII)
"""What stands in a patient's row and in no heading."""
_JOINED = re.compile(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[A-Z]{2})(?=[A-Z][a-z])")
"""Where words are joined, as databases name columns: DateOfBirth, NHSNumber."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The row that names the columns, and the field that each of them is.

    A field is None where the heading is not known, and empty where there is no heading. In some
    columns, by their places, there are dates that can only be read `month_first`, or `day_first`.
    """

    line: int
    titles: tuple[str, ...]
    fields: tuple[str | None, ...]
    month_first: frozenset[int] = frozenset()
    day_first: frozenset[int] = frozenset()

    @property
    def doubtful(self) -> frozenset[int]:
        """The columns whose dates may have the month first, by their places.

        One date that has it makes the others of its column doubtful. It does those of other columns
        too, which the same program wrote, unless one of them can only be read day first.
        """
        dates = frozenset(place for place, field in enumerate(self.fields) if field in DATES)
        proved = dates & self.month_first
        return proved | (dates - self.day_first) if proved else proved

    @property
    def last_named(self) -> int:
        """The place of the last column that has a heading."""
        return max(place for place, title in enumerate(self.titles) if title)

    def with_fields(self, fields: Sequence[str | None]) -> Layout:
        """Return the layout with the fields that a person chose."""
        return replace(self, fields=tuple(fields))

    def columns_of(self, field: str) -> tuple[int, ...]:
        """Return the places of the columns that a field is read from."""
        wanted = (field, *IN_PARTS.get(field, ()))
        return tuple(place for place, each in enumerate(self.fields) if each in wanted)


def find_layout(file: BinaryIO, catalogue: Catalogue) -> Layout:
    """Return the columns of a seekable file: the row near its top with most headings we know.

    Raises `InvalidInput` for an empty file, and one without a row that could be headings.
    """
    spelt = spellings(catalogue)
    best: tuple[int, Cells] | None = None
    empty = True
    for row in _first_rows(file):
        empty = empty and row.is_blank
        titles = [clean(cell) for cell in row.cells]
        if row.fault or sum(map(bool, titles)) == 0 or any(map(_NO_HEADING.search, titles)):
            continue
        known = sum(plain(title) in spelt for title in titles)
        # Without any, what has the most columns: a title has one.
        score = known * 1000 + min(sum(map(bool, titles)), 999)
        if best is None or score > best[0]:
            best = score, row
    if empty:
        raise InvalidInput.of("file", f"this is empty: its first row names the columns; {_NAMES}")
    if best is None:
        raise InvalidInput.of("line 1", f"this does not name the columns; {_NAMES}")
    row = best[1]
    titles = [clean(cell) for cell in row.cells]
    fields = tuple(spelt.get(plain(title)) if title else "" for title in titles)
    month_first, day_first = _orders(file, row.line)
    return Layout(
        line=row.line,
        titles=tuple(titles),
        fields=fields,
        month_first=month_first,
        day_first=day_first,
    )


def layout_problems(
    layout: Layout, catalogue: Catalogue, *, named: Callable[[str], str] = str
) -> list[str]:
    """Return what is wrong with the columns, in a sentence each; `named` says what a field is."""
    fields = [field for field in layout.fields if field and field != NOT_USED]
    if not fields:
        return [f"this does not name the columns; {_NAMES}"]
    known = dict.fromkeys(field_names(catalogue))
    problems = [
        f"there is no column {title!r}; {did_you_mean(plain(title), known)}"
        for title, field in zip(layout.titles, layout.fields, strict=True)
        if field is None
    ]
    problems += [
        f"the column {named(field)} is there twice: leave one out"
        for field in dict.fromkeys(fields)
        if fields.count(field) > 1
    ]
    problems += [
        f"the columns {named(whole)} and {named(part)} say the same: leave one out"
        for whole, parts in IN_PARTS.items()
        for part in parts
        if {whole, part} <= set(fields)
    ]
    if not {"procedure_at", "procedure_date"} & set(fields):
        problems.append(f"the column {named('procedure_at')} is missing: add it")
    if "forename" in fields and "surname" not in fields:
        problems.append(f"the column {named('surname')} is missing: add it")
    return problems


def require_layout(layout: Layout, catalogue: Catalogue) -> None:
    """Raise `InvalidInput` with all that is wrong with the columns."""
    if problems := layout_problems(layout, catalogue):
        raise InvalidInput(*(Problem(f"line {layout.line}", each) for each in problems))


def field_names(catalogue: Catalogue) -> Iterator[str]:
    """Yield the fields that columns may be."""
    yield from (*OF_ENROLMENT, *OF_PATIENT)
    for parts in IN_PARTS.values():
        yield from parts
    yield from (attribute.key for attribute in _attributes(catalogue))


def spellings(catalogue: Catalogue) -> dict[str, str]:
    """Return the field that each plain heading means."""
    found = {plain(each.flag): each.key for each in _attributes(catalogue)}
    # A question that protocols keep under different keys names neither.
    asked = {(plain(each.question), each.key) for each in _attributes(catalogue)}
    titles = [title for title, _ in asked]
    found |= {title: key for title, key in asked if titles.count(title) == 1}
    found |= {plain(each): field for field, all_of in SPELLINGS.items() for each in all_of}
    return {**found, **{name: name for name in field_names(catalogue)}, TO_CORRECT: NOT_USED}


def plain(title: str) -> str:
    """Return a heading in small letters, with underscores for all that parts its words."""
    apart = _JOINED.sub("_", title.strip())
    found = re.sub(r"[^\w]+|_+", "_", apart.lower()).strip("_")
    return re.sub(r"^(patient_?s?|attributes?)_(?=.)|(?<=.)_(y_n|yes_no)$", "", found)


def _attributes(catalogue: Catalogue) -> Iterator[Attribute]:
    for protocol in catalogue.protocols.values():
        yield from protocol.attributes


def _first_rows(file: BinaryIO) -> Iterator[Cells]:
    filled = 0
    for row in read_cells(file):
        yield row
        filled += not row.is_blank
        if filled == FIRST_LINES:
            return


def _orders(file: BinaryIO, line: int) -> tuple[frozenset[int], frozenset[int]]:
    """Return the columns that have a date which can only be read month first, and day first."""
    found: dict[DateOrder | None, set[int]] = {order: set() for order in (None, *DateOrder)}
    for row in read_cells(file):
        if row.line > line:
            for place, cell in enumerate(row.cells):
                if _MAY_BE_DATE.search(cell):
                    found[date_order(clean(cell))].add(place)
    return frozenset(found[DateOrder.MONTH_FIRST]), frozenset(found[DateOrder.DAY_FIRST])
