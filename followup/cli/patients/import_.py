"""`followup import`: the patients of a CSV file."""

from __future__ import annotations

import gc
import io
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO

import typer

from followup.cli.framework.boundary import EXIT_REFUSED, WrongUse
from followup.cli.framework.choices import clinic_key, protocol_key
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Clinic, Protocol, Reopen, Update, on_conflict
from followup.cli.framework.screen import console, note, say, say_json
from followup.context import AppContext
from followup.domain.errors import InvalidInput
from followup.enrolment.objections import objection_json
from followup.intake.csv_document import Defaults
from followup.intake.csv_import import CsvImport, ImportProgress, ImportTally
from followup.wording.formats import count
from followup.wording.objections import objection_text

CHUNK_BYTES = 1 << 16
MOST_COMPLAINTS = 100
"""Complaints that a person is shown; JSON holds all."""

LONGEST_STDIN = 256 * 1024 * 1024


def import_patients(
    file: Annotated[str, typer.Argument(metavar="FILE|-", help="A CSV file, or standard input.")],
    *,
    partial: Annotated[
        bool, typer.Option("--partial", help="Enrol the rows that are right; else all or none.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look at every row, and enrol nobody.")
    ] = False,
    update: Update = False,
    reopen: Reopen = False,
    clinic: Clinic = None,
    protocol: Protocol = None,
    as_json: AsJson = False,
) -> None:
    """Enrol the patients of a CSV file.

    The first row names the columns, in any order: procedure_at (2026-10-23T14:30 or 23/10/2026
    14:30, by the clinic's clock), reference, nhs_number, name, date_of_birth, mobile, email,
    language, channels (such as "sms email"), clinic, protocol, and a column for each question of
    the protocol, such as diabetic and steroid, answered yes or no. An empty cell is absent.

    Every row is looked at before the first is written; complaints name the line. Safe to run twice:
    who is enrolled already, with the same content, is left as is. A row that differs from its
    enrolment is refused, with the names of what differs; --update applies it. Ends with 1 where a
    row was refused. A file of more than 200 patients is written in steps: should the machine die
    in between, run it again.
    """
    with _opened_file(file) as source, opened() as app:
        job = CsvImport(
            app,
            source,
            _defaults(app, clinic=clinic, protocol=protocol),
            on_conflict=on_conflict(update=update, reopen=reopen),
        )
        _collect_seldom()
        with _progress("Checking", _size(source)) as advance:
            tally = job.examine(advance)
        if tally.rows == 0:
            raise InvalidInput.of("file", "this holds no patients below its first row")
        if not dry_run and (partial or not tally.refused):
            _write(job, partial=partial)
    stopped = bool(tally.refused) and not partial
    if as_json:
        say_json(_as_json(tally, dry_run=dry_run, stopped=stopped))
    else:
        _show(tally, dry_run=dry_run, stopped=stopped)
    if tally.refused:
        raise typer.Exit(EXIT_REFUSED)


def _collect_seldom() -> None:
    """Let Python look for cycles more seldom: rows make none, and looking takes a tenth of all."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


def _defaults(app: AppContext, *, clinic: str | None, protocol: str | None) -> Defaults:
    """Return what rows mean that name no clinic or protocol; nothing where it can't be told."""

    def default(choose: Callable[..., str], given: str | None) -> str | None:
        try:
            return choose(app.catalogue, given)
        except InvalidInput:
            if given is not None:
                raise
            return None

    return Defaults(clinic=default(clinic_key, clinic), protocol=default(protocol_key, protocol))


def _write(job: CsvImport, *, partial: bool) -> None:
    try:
        with _progress("Enrolling", job.tally.rows) as advance:
            job.write(actor=actor(), partial=partial, advance=advance)
    except KeyboardInterrupt:
        done = count(job.tally.enrolled, "patient")
        note(f"Interrupted: {done} enrolled. Run it again to go on.")
        raise


@contextmanager
def _opened_file(name: str) -> Iterator[BinaryIO]:
    """Give the file, or standard input, as one that can be read twice."""
    if name == "-":
        # Piece by piece, so that Ctrl-C is heeded in between.
        yield io.BytesIO(_all_of_stdin())
        return
    try:
        file = open(name, "rb")  # noqa: PTH123, SIM115 - closed below
    except OSError as error:
        raise WrongUse(f"{name} can't be read: {error.strerror}") from None
    with file:
        if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
            raise WrongUse(f"{name} is a device, which has no end: name a file, or - for a pipe")
        yield file


def _all_of_stdin() -> bytes:
    """Return standard input, piece by piece, so that Ctrl-C is heeded in between."""
    content = bytearray()
    while piece := sys.stdin.buffer.read(CHUNK_BYTES):
        content += piece
        if len(content) > LONGEST_STDIN:
            raise WrongUse("standard input is too long for a list: import it in parts")
    return bytes(content)


def _size(source: BinaryIO) -> int:
    return source.seek(0, io.SEEK_END)


@contextmanager
def _progress(title: str, total: int) -> Iterator[ImportProgress]:
    """Draw a bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import Progress  # noqa: PLC0415 - slow to import, and pipes need none

    with Progress(console=console(to_stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=total)
        yield lambda done: progress.update(task, completed=done)


def _as_json(tally: ImportTally, *, dry_run: bool, stopped: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "rows": tally.rows,
        "enrolled": tally.enrolled,
        "updated": tally.updated,
        "already_enrolled": tally.already,
        "refused": tally.refused,
        "dry_run": dry_run,
        "errors": [
            {"line": line, "field": problem.field, "message": problem.message}
            for line, problem in tally.in_order()
        ],
        "objections": [
            {"line": line, **objection_json(*found)}
            for line, found in sorted(tally.objections.items())
        ],
        "notes": [{"line": line, "message": told} for line, told in _notes(tally)],
    }
    if stopped:
        told["error"] = "nothing was written, because rows were refused"
    return told


def _show(tally: ImportTally, *, dry_run: bool, stopped: bool) -> None:
    for line, problem in tally.in_order()[:MOST_COMPLAINTS]:
        note(f"line {line}: {problem.field}: {problem.message}")
    if len(tally.complaints) > MOST_COMPLAINTS:
        note(f"... and {len(tally.complaints) - MOST_COMPLAINTS} more; --json lists all.")
    figures = f"{_count(tally.already, 'is', 'are')} enrolled already, {tally.refused} refused"
    if stopped:
        nobody = "nobody would be" if dry_run else "nobody was"
        note(
            f"Refused: {tally.refused} of {count(tally.rows, 'patient')} need correcting, so "
            f"{nobody} enrolled. --partial enrols the others."
        )
    elif dry_run:
        figures = f"{tally.to_update} would be updated, {figures}" if tally.to_update else figures
        say(f"{count(tally.new, 'patient')} would be enrolled; {figures}. Nothing was written.")
    else:
        figures = f"{tally.updated} updated, {figures}" if tally.updated else figures
        say(f"{count(tally.enrolled, 'patient')} enrolled; {figures}.")
    if not stopped or dry_run:
        told = [(line, objection_text(*found)) for line, found in tally.objections.items()]
        _show_lines([*told, *_notes(tally)])


def _show_lines(told: Sequence[tuple[int, str]]) -> None:
    for line, sentence in sorted(told)[:MOST_COMPLAINTS]:
        say(f"line {line}: {sentence}")
    if len(told) > MOST_COMPLAINTS:
        say(f"... and {len(told) - MOST_COMPLAINTS} more; --json lists all.")


def _notes(tally: ImportTally) -> list[tuple[int, str]]:
    return [(line, told) for line, notes in sorted(tally.notes.items()) for told in notes]


def _count(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"
