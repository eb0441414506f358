"""`followup export-patient`: all that is held on a person, for them to have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.boundary import WrongUse
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.screen import note, say
from followup.enrolment.queries import find_enrolment
from followup.subject_access.export import export_person


def export_patient(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="As for timeline.")],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The zip to write; a new name.")
    ],
) -> None:
    """Export all that is held on a patient, for them to have.

    A zip with a page to read and JSON for machines. It names no other patient, and staff by their
    role. Who made it stands in the audit trail.
    """
    if output.exists():
        raise WrongUse(f"{output}: is there already: give another name")
    if not output.parent.is_dir():
        raise WrongUse(f"{output.parent}: there is no such folder")
    with opened() as app:
        with app.store.read() as session:
            patient = find_enrolment(session, identifier).patient_id
        made = export_person(app, patient, actor=actor())
    output.touch(mode=0o600)
    output.write_bytes(made.content)
    say(f"Everything held on this patient ({made.rows:,} records) is in {output}.")
    note("It names them and tells of their health. Check who asks, and hand it over safely.")
