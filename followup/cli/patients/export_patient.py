"""`followup export-patient`: all that is held on a person, for them to have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.new_file import require_new_name, write_new_file
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.screen import note, say
from followup.enrolment.queries import patient_id_of
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
    require_new_name(output)
    with opened() as app:
        made = export_person(app, patient_id_of(app, identifier), actor=actor())
    write_new_file(output, made.content)
    say(f"Everything held on this patient ({made.rows:,} records) is in {output}.")
    note("It names them and tells of their health. Check who asks, and hand it over safely.")
