"""CSV reader: rows of cells, whichever program saved the file.

What can't be read costs its own row alone, wherever the others can be told apart from it.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import BinaryIO

from followup.domain.errors import InvalidInput

DELIMITERS = ",;\t|"
LONGEST_LINE = 1_000_000
MOST_LINES_OF_A_ROW = 50
"""A quotation mark that is never closed would swallow all that follows."""
FIRST_LINES = 20
"""Among these is the row that names the columns."""
CHUNK_BYTES = 1 << 16
END_OF_FILE = "\x1a"
"""Control-Z, which programs of old write behind the last line."""

UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SAVE_AS_UTF_8 = 'save it as "CSV UTF-8" (in Excel: Save as) and use that'
NOT_CSV = (
    (b"PK\x03\x04", "this is an Excel workbook or a zip file"),
    (b"\xd0\xcf\x11\xe0", "this is an old Excel workbook"),
    (b"%PDF", "this is a PDF"),
    (b"{\\rtf", "this is a text document"),
    (b"<", "this is a web page"),
)
QUOTATION = (
    "a quotation mark is out of place or never closed: correct it; inside a quoted cell, write it "
    "twice"
)
OTHER_ENCODING = (
    "this has letters that are not saved as UTF-8, and could be read as others: save the file as "
    '"CSV UTF-8" (in Excel: Save as)'
)
UNDECODED = re.compile("[\udc80-\udcff]")
"""A byte that could not be decoded stands there as half of a surrogate pair."""
MARKER = "sep="
"""What a first line begins with that tells Excel what parts the cells."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row, and the line on which it begins: a quoted cell may hold line ends.

    `fault` is why it can't be read, where it can't.
    """

    line: int
    cells: list[str]
    fault: str | None = None

    @property
    def is_blank(self) -> bool:
        return self.fault is None and not any(cell.strip() for cell in self.cells)


def read_cells(file: BinaryIO) -> Iterator[Cells]:
    """Yield every row of a seekable file, the first one too.

    Read are UTF-8, with or without its mark, and UTF-16 with it. Of a file in any other encoding
    those rows are read that look alike in all of them; the others have a fault. Cells are parted
    by commas, semicolons or tabs, whichever a line near the top has most of. Raises `InvalidInput`
    for what is no such file at all.
    """
    beginning = _beginning(file, 512)
    for magic, told in NOT_CSV:
        if beginning.startswith(magic):
            raise InvalidInput.of("file", f"{told}, not a CSV file: {SAVE_AS_UTF_8}")
    encoding = _encoding(file, beginning)
    if encoding != "utf-16" and b"\0" in beginning:
        raise InvalidInput.of("file", f"this is not a CSV file: {SAVE_AS_UTF_8}")
    try:
        with _decoded(file, encoding) as text:
            delimiter = _delimiter(text)
        with _decoded(file, encoding) as text:
            yield from _rows(_lines(text), delimiter)
    except UnicodeError:
        raise InvalidInput.of("file", f"this is broken UTF-16: {SAVE_AS_UTF_8}") from None


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[Cells]:
    """Yield the rows; after one that can't be read, go on with the line below its first."""
    number, waiting = 0, list[str]()
    while True:
        taken: list[str] = []
        reader = csv.reader(_taking(waiting, lines, taken), delimiter=delimiter, strict=True)
        try:
            cells = next(reader, None)
        except csv.Error:
            yield Cells(number + 1, [], QUOTATION)
            number, waiting = number + 1, taken[1:] + waiting
            continue
        if cells is None:
            return
        yield _row(number + 1, cells)
        number += len(taken)


def _taking(waiting: list[str], lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Yield lines for one row, noting them: first those that wait to be read again."""
    while len(taken) < MOST_LINES_OF_A_ROW:
        line = waiting.pop(0) if waiting else next(lines, None)
        if line is None:
            return
        taken.append(line)
        yield line


def _row(line: int, cells: list[str]) -> Cells:
    if cells and cells[-1].endswith(END_OF_FILE):
        cells[-1] = cells[-1].rstrip(END_OF_FILE)
    if any(map(UNDECODED.search, cells)):
        return Cells(line, [UNDECODED.sub("\ufffd", cell) for cell in cells], OTHER_ENCODING)
    return Cells(line, cells)


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) == LONGEST_LINE:
            raise InvalidInput.of(f"line {number}", f"this line has no end: {SAVE_AS_UTF_8}")
        if number == 1 and line.lower().startswith(MARKER):
            line = "\n"
        yield line


@contextmanager
def _decoded(file: BinaryIO, encoding: str) -> Iterator[io.TextIOWrapper]:
    """Give the file as text, from its beginning, and leave it open at the end."""
    file.seek(0)
    errors = "surrogateescape" if encoding == "ascii" else "strict"
    text = io.TextIOWrapper(file, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    finally:
        # Whoever stopped reading early may have closed the file before coming here.
        with suppress(ValueError):
            text.detach()


def _beginning(file: BinaryIO, size: int) -> bytes:
    file.seek(0)
    return file.read(size)


def _encoding(file: BinaryIO, beginning: bytes) -> str:
    """Return what the bytes prove: other encodings can be told from each other by no means."""
    if beginning.startswith(UTF_16):
        return "utf-16"
    return "utf-8-sig" if _is_utf_8(file) else "ascii"


def _is_utf_8(file: BinaryIO) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while chunk := file.read(CHUNK_BYTES):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: io.TextIOWrapper) -> str:
    """Return what parts the cells: what most lines have most of, and equally many.

    A title above the columns has few of any; names such as "Larkin, Ada" one a line.
    """
    first = text.readline(LONGEST_LINE)
    if first.lower().startswith(MARKER):
        marked = first[len(MARKER) :].rstrip("\r\n")
        if len(marked) == 1:
            return marked
    lines = [first, *(text.readline(LONGEST_LINE) for _ in range(FIRST_LINES))]
    return max(DELIMITERS, key=lambda mark: _regularity(lines, mark))


def _regularity(lines: Sequence[str], mark: str) -> int:
    counts = Counter("".join(line.split('"')[::2]).count(mark) for line in lines)
    return max(times * each for each, times in counts.items())
