"""`followup triage`: how a reply is sorted, and how well the phrases do on labelled ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.opening import handbook
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import Cell, Column, fields, note, say, say_json, table
from followup.context import ContentContext
from followup.domain.errors import InvalidInput
from followup.domain.triage.triage import Found, sort_reply
from followup.replies.triage_evaluation import (
    ClassScore,
    TriageEvaluation,
    read_corpus,
    score_triage,
)
from followup.wording.formats import capital
from followup.wording.replies import class_text


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
    as_json: AsJson = False,
) -> None:
    """Show how a reply is sorted, and how well that works.

    Nothing is taken in. Fixed phrases route a reply to a person; nothing scores or diagnoses.
    """
    book = handbook()
    if report:
        _report(book, report, as_json=as_json)
    elif text is None:
        raise InvalidInput.of("text", "give the text of a reply, or --report FILE")
    else:
        _show(sort_reply(book.catalogue.triage, text), as_json=as_json)


def _show(found: Found, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {
                "classes": [each.value for each in found.classes],
                "phrases": list(found.phrases),
                "rules": list(found.codes),
                "version": found.version,
            }
        )
        return
    fields(
        [
            ("About", capital(", ".join(map(class_text, found.classes)))),
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
