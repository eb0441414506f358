"""`followup safety-case`: hazards, controls with their proof, and the words that would be sent."""

from __future__ import annotations

from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated

import typer

from followup.catalogue.bank_holidays import bank_holidays
from followup.cli.framework.opening import handbook
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import fields, note, say, say_json
from followup.cli.oversight.safety_sheet import TITLE, safety_sheet
from followup.content.safety_check import safety_findings
from followup.domain.errors import FollowupError
from followup.safety_case.case import UNSIGNED, SafetyCase, compile_safety_case
from followup.sheets import html_of


def safety_case(
    *,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it as a page, to read and print.")
    ] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it as a PDF.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the hazards and what is done about each.

    Bound to the version, the commit and the words; ends with 1, and writes nothing, where the test
    that proves a control is gone or skipped. No clinical safety officer has signed it.
    """
    book = handbook()
    content, catalogue, today = book.content, book.catalogue, book.clock.now().date()
    protocols = tuple(catalogue.protocols.values())
    findings = safety_findings(
        content,
        clinics=catalogue.clinics.values(),
        protocols=protocols,
        today=today,
        holidays=bank_holidays,
    )
    case = compile_safety_case(content, protocols, findings, today=today)
    sheet = safety_sheet(case)
    if html is not None:
        _write(html, html_of(sheet, title=TITLE, note=UNSIGNED).encode())
    if pdf is not None:
        from followup.web.console.words.report_pdf import pdf_of  # noqa: PLC0415 - slow to import

        made_at = datetime.combine(today, time(), UTC)
        foot = f"{TITLE}, {case.program.version}, not signed"
        _write(pdf, pdf_of(sheet, title=TITLE, foot=foot, made_at=made_at))
    if as_json:
        say_json(_as_json(case))
    elif html is None and pdf is None:
        fields(sheet.facts)
        say()
        for hazard in case.hazards:
            say(f"{hazard.id}  {hazard.before.level} -> {hazard.after.level}  {hazard.hazard}")


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise FollowupError(f"{path}: can't be written: {error.strerror}") from error
    note(f"Written to {path}. {UNSIGNED}")


def _as_json(case: SafetyCase) -> dict[str, object]:
    program = case.program
    return {
        "signed": False,
        "made_on": case.made_on.isoformat(),
        "version": program.version,
        "commit": program.commit,
        "changed_since_commit": program.changed,
        "program_digest": program.digest,
        "proved_here": case.proved_here,
        "hazards": [
            {
                "id": hazard.id,
                "hazard": hazard.hazard,
                "before": hazard.before.level,
                "after": hazard.after.level,
                "tests": [control.test for control in hazard.controls],
            }
            for hazard in case.hazards
        ],
        "protocols": {each.key: each.version for each in case.protocols},
        "words": {
            each.id: f"{each.template}/{each.language}/{each.channel}" for each in case.words
        },
        "releases": [each.digest for each in case.releases],
    }
