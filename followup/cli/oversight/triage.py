"""`followup triage`: how a reply is sorted, and how well the phrases do on labelled ones."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import typer

from followup.cli.framework.opening import handbook
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import Cell, Column, fields, note, say, say_json, table
from followup.content.handbook import ContentContext
from followup.domain.auto_reply import choose
from followup.domain.errors import InvalidInput
from followup.domain.triage.triage import Found, Known, sort_reply
from followup.replies.sorting import sort_text
from followup.replies.triage_evaluation import (
    ClassScore,
    TriageEvaluation,
    read_corpus,
    score_triage,
)
from followup.wording.formats import capital
from followup.wording.replies import class_text

FOR_EACH_CORE = 100
"""So many replies take a core longer than a process takes to begin."""
_forked: list[Callable[[str], str]] = []
"""What a process that was forked does with each text: it can't be sent there."""


def triage(
    text: Annotated[
        str | None, typer.Argument(metavar="TEXT", help="What a patient might write.")
    ] = None,
    *,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Show sensitivity and false alarms by class for labelled replies: CSV with the "
            "columns classes and text.",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Sort one reply a line, - for standard input; JSON, a line each."
        ),
    ] = None,
    day: Annotated[
        int | None, typer.Option(metavar="N", help="The patient's day, 0 being the procedure's.")
    ] = None,
    step: Annotated[
        str | None, typer.Option(metavar="KEY", help="The step that was sent last.")
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="What the patient said yes to; no-KEY for a no."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(metavar="KEY", help="The protocol that the patient is on.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how a reply is sorted, and how well that works.

    Nothing is taken in. What is not provably harmless goes to a person; nothing scores or
    diagnoses.
    """
    book = handbook()
    known = Known(
        day=day, step=step, attributes=dict(map(_said, attribute or ())), protocol=protocol
    )
    if file is not None:
        _show_all(book, file, known=known)
    elif report:
        _report(book, report, as_json=as_json)
    elif text is None:
        raise InvalidInput.of("text", "give the text of a reply, --file FILE, or --report FILE")
    else:
        _show(sort_text(book, text, known=known), known=known, as_json=as_json)


def _said(attribute: str) -> tuple[str, bool]:
    key = attribute.removeprefix("no-").replace("-", "_")
    return key, not attribute.startswith("no-")


def _show_all(book: ContentContext, file: Path, *, known: Known) -> None:
    def line_of(text: str) -> str:
        shown = _as_told(sort_text(book, text, known=known), known=known)
        return json.dumps(shown, ensure_ascii=False) + "\n"

    for line in _on_each_core(line_of, list(_lines(file))):
        sys.stdout.write(line)


def _on_each_core(work: Callable[[str], str], texts: Sequence[str]) -> Iterator[str]:
    """Yield what is made of each text, in order; of many, by a process for each core."""
    cores = os.cpu_count() or 1
    if len(texts) < FOR_EACH_CORE * cores or sys.platform != "linux":
        yield from map(work, texts)
        return
    work(texts[0])
    with ProcessPoolExecutor(
        cores, get_context("fork"), initializer=_forked.append, initargs=(work,)
    ) as processes:
        yield from processes.map(_do_forked, texts, chunksize=FOR_EACH_CORE // 4)


def _do_forked(text: str) -> str:
    return _forked[0](text)


def _lines(file: Path) -> Iterator[str]:
    """Yield the replies of a file, one a line; a form feed is no end of one."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        text = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput.of("file", f"{file} can't be read as UTF-8 text") from error
    for line in text.removesuffix("\n").split("\n") if text else ():
        yield line.removesuffix("\r")


def _as_told(found: Found, *, known: Known) -> dict[str, Any]:
    return {
        "classes": [each.value for each in found.classes],
        "phrases": list(found.phrases),
        "rules": list(found.codes),
        "meaning": found.meaning.value,
        "urgency": found.urgency,
        "answer": choose(found, known),
        "version": found.version,
    }


def _show(found: Found, *, known: Known, as_json: bool) -> None:
    if as_json:
        say_json(_as_told(found, known=known))
        return
    fields(
        [
            ("About", capital(", ".join(map(class_text, found.classes)))),
            ("Urgency", str(found.urgency or "nobody need look")),
            ("Answer", choose(found, known) or "none"),
            ("Phrases", "; ".join(found.phrases)),
            ("Rules", ", ".join(found.codes)),
            ("Version", found.version),
        ]
    )


def _report(book: ContentContext, files: list[Path], *, as_json: bool) -> None:
    sort = partial(sort_reply, book.catalogue.triage)
    reports = [score_triage(file.stem, read_corpus(file), sort) for file in files]
    if as_json:
        say_json({report.name: _as_json(report) for report in reports})
        return
    for report in reports:
        say(f"{report.name}: {report.replies} replies")
        table(
            [Column("Class"), Column("Labelled"), Column("Sensitivity"), Column("False alarms")],
            ([Cell(each.value), *_cells(one)] for each, one in report.scores.items()),
        )
        for missed in report.missed:
            say(f"missed: {missed}")
        say()
    note("One author wrote the phrases and the replies: see docs/replies.md on what that is worth.")


def _cells(one: ClassScore) -> list[str]:
    share = "" if one.sensitivity is None else f"{one.sensitivity:.3f}"
    return [str(one.labelled), share, str(one.false_alarms)]


def _as_json(report: TriageEvaluation) -> dict[str, object]:
    return {
        "replies": report.replies,
        "missed": list(report.missed),
        "classes": {
            each.value: {
                "labelled": one.labelled,
                "found": one.found,
                "sensitivity": one.sensitivity,
                "false_alarms": one.false_alarms,
            }
            for each, one in report.scores.items()
        },
    }
