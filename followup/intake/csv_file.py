"""CSV reader: rows of cells, whichever program saved the file."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from followup.domain.errors import InvalidInput

DELIMITERS = ",;\t"
LONGEST_LINE = 1_000_000
CHUNK_BYTES = 1 << 16

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SAVE_AS_UTF_8 = 'save it as UTF-8 (in Excel, choose "CSV UTF-8") and import that'


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row, and the line on which it begins: a quoted cell may hold line ends."""

    line: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        return not any(cell.strip() for cell in self.cells)


def read_cells(file: BinaryIO) -> Iterator[Cells]:
    """Yield every row of a seekable file, the first one too. UTF-8, with or without its mark.

    Cells are parted by commas, semicolons or tabs, whichever the first line has most of. Raises
    `InvalidInput`, its field naming the line.
    """
    if _beginning(file, 2) in UTF_16:
        raise InvalidInput.of("file", f"this is UTF-16: {SAVE_AS_UTF_8}")
    started = 1
    try:
        with _decoded(file) as text:
            delimiter = _delimiter(text.readline(LONGEST_LINE))
        with _decoded(file) as text:
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            for cells in reader:
                yield Cells(started, cells)
                started = reader.line_num + 1
    except csv.Error:
        raise InvalidInput.of(
            f"line {started}",
            "a quotation mark is out of place or never closed: correct it; inside a quoted cell, "
            "write it twice",
        ) from None
    except UnicodeDecodeError:
        line = _undecodable_line(file)
        raise InvalidInput.of(f"line {line}", f"this is not UTF-8: {SAVE_AS_UTF_8}") from None


@contextmanager
def _decoded(file: BinaryIO) -> Iterator[io.TextIOWrapper]:
    """Give the file as text, from its beginning, and leave it open at the end."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        yield text
    finally:
        # Whoever stopped reading early may have closed the file before coming here.
        with suppress(ValueError):
            text.detach()


def _beginning(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def _delimiter(header: str) -> str:
    """Return what parts the cells; of several that occur alike, the first of `DELIMITERS`."""
    return max(DELIMITERS, key=header.count)


def _undecodable_line(file: BinaryIO) -> int:
    """Return the number of the first line that is not UTF-8."""
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    line = 1
    while chunk := file.read(CHUNK_BYTES):
        try:
            line += decoder.decode(chunk).count("\n")
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
    return line
