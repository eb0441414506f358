"""Command output: tables on a terminal, plain lines into a pipe, JSON for programs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

GAP = "  "
WORTH_WRAPPING = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. A `wide` one holds running text, and comes last in a pipe."""

    title: str
    wide: bool = False
    right: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text with a colour, and with a heading of its own where it has one."""

    text: str
    colour: str | None = None
    heading: str | None = None


def is_terminal() -> bool:
    """Say whether a person is looking, on something that can draw."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def say(text: str = "") -> None:
    """Print a line of the answer."""
    print(printable(text))


def note(text: str) -> None:
    """Print a line beside the answer, on standard error."""
    # What was said before must not come out after it where both go to one place.
    sys.stdout.flush()
    print(printable(text), file=sys.stderr, flush=True)


def say_json(value: Any, *, indent: int | None = 2) -> None:  # noqa: ANN401 - any JSON value.
    """Print a JSON document, in ASCII where the terminal or pipe takes no more."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    print(json.dumps(value, indent=indent, ensure_ascii=not is_utf8))


def say_lines(values: Iterable[Any]) -> None:
    """Print JSON values, one a line: a program can read them as they come."""
    for value in values:
        say_json(value, indent=None)


def printable(text: str) -> str:
    """Return the text without what could steer a terminal: it may come from anywhere."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter == "\n" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs"} else "?"
        for letter in text
    )


def table(columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]]) -> None:
    """Print a table: drawn on a terminal; in a pipe one line a row, with nothing cut off."""
    listed = [[_cell(value) for value in row] for row in rows]
    if is_terminal():
        _draw(columns, listed)
    else:
        _write(columns, listed)


def fields(pairs: Iterable[tuple[str, str]]) -> None:
    """Print names and values, one pair a line."""
    listed = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        say(f"{name:<{width}}{GAP}{value}")


def bullet(text: str) -> None:
    """Print an entry of a list: wrapped on a terminal, on one line in a pipe."""
    _wrapped(text, first="- ", others="  ")


def paragraph(text: str, *, indent: str) -> None:
    """Print running text behind an indent, line by line as it is; long lines as in `bullet`."""
    for line in text.split("\n"):
        _wrapped(line, first=indent, others=indent)


def _wrapped(text: str, *, first: str, others: str) -> None:
    width = shutil.get_terminal_size().columns - len(first) if is_terminal() else 0
    lines = [text]
    if width > WORTH_WRAPPING:
        lines = textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False) or [""]
    say(first + f"\n{others}".join(lines))


def console(*, to_stderr: bool = False) -> Console:
    """Return a console that draws; imported late because it is slow and pipes need none."""
    from rich.console import Console  # noqa: PLC0415

    return Console(stderr=to_stderr, highlight=False, markup=False, emoji=False)


def _cell(value: str | Cell) -> Cell:
    return Cell(value) if isinstance(value, str) else value


def _draw(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    from rich.table import Table  # noqa: PLC0415 - as in `console`

    # Without frames, which only cost width; a row of running text is set off by an empty line.
    drawn = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold underline")
    for column in columns:
        drawn.add_column(column.title, justify="right" if column.right else "left", overflow="fold")
    airy = any(column.wide for column in columns)
    for row in rows:
        if airy:
            drawn.add_row()
        drawn.add_row(*(_drawn(cell) for cell in row))
    console().print(drawn)


def _drawn(cell: Cell) -> Text:
    from rich.text import Text  # noqa: PLC0415 - as in `console`

    text = Text(printable(cell.text), style=cell.colour or "")
    if cell.heading:
        return Text.assemble((printable(cell.heading), "bold"), "\n", text)
    return text


def _write(columns: Sequence[Column], rows: Sequence[Sequence[Cell]]) -> None:
    order = sorted(range(len(columns)), key=lambda place: columns[place].wide)
    lines = [[columns[place].title for place in order]]
    lines += [[_on_one_line(row[place]) for place in order] for row in rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(order))]
    for line in lines:
        cells = [
            text.rjust(width) if columns[place].right else text.ljust(width)
            for text, width, place in zip(line, widths, order, strict=True)
        ]
        print(GAP.join(cells).rstrip())


def _on_one_line(cell: Cell) -> str:
    whole = f"{cell.heading}: {cell.text}" if cell.heading else cell.text
    return " ".join(printable(whole).split())


@contextmanager
def shown_once(take_back: Callable[[], str]) -> Iterator[None]:
    """Print a secret that can't be shown again; where it can't be printed, take it back.

    `take_back` returns what it did, as a sentence.
    """
    try:
        yield
        sys.stdout.flush()
    except OSError:
        # Not by `note`, which would flush the answer once more.
        print(take_back(), file=sys.stderr, flush=True)
        raise
