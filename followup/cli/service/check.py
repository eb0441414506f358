"""`followup check`: whether everything is as it must be, and what a clinic should settle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from followup.cli.framework.boundary import EXIT_REFUSED
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import bullet, fields, say, say_json
from followup.cli.service.check_live import check_live
from followup.cli.service.check_parts import look_at_everything
from followup.cli.service.findings import Finding, Findings


def check(
    *,
    live: Annotated[
        bool, typer.Option("--live", help="List what is missing before patients get messages.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check settings, protocols, words, database and keys.

    Ends with 0 where nothing is wrong, warnings or not, and with 1 where something must be
    corrected before messages can go out.
    """
    if live:
        check_live(as_json=as_json)
        return
    findings = look_at_everything()
    if as_json:
        say_json(_as_json(findings))
    else:
        _show(findings)
    if findings.errors:
        raise typer.Exit(EXIT_REFUSED)


def _as_json(findings: Findings) -> dict[str, object]:
    return {
        "ok": not findings.errors,
        "errors": [_entry(finding) for finding in findings.errors],
        "warnings": [_entry(finding) for finding in findings.warnings],
        "sound": [_entry(finding) for finding in findings.sound],
    }


def _entry(finding: Finding) -> dict[str, str]:
    return {"part": finding.part, "message": finding.message}


def _show(findings: Findings) -> None:
    fields((finding.part, finding.message) for finding in findings.sound)
    _list("Warnings", findings.warnings)
    _list("Errors", findings.errors)
    say()
    if findings.errors:
        say("Not ready: correct the errors first.")
    else:
        say("Ready." if not findings.warnings else "Ready, but mind the warnings.")


def _list(title: str, found: Sequence[Finding]) -> None:
    if found:
        say()
        say(f"{title}:")
    for finding in found:
        bullet(f"{finding.part}: {finding.message}")
