"""`followup incident`: everything about one event in one file, for those who investigate it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer

from followup.audit.incident import Incident, compile_incident, incident_json
from followup.cli.framework.boundary import Command, Group, WrongUse
from followup.cli.framework.new_file import write_new_file
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import note, say
from followup.cli.oversight.audit import verdict_json
from followup.cli.oversight.incident_sheet import TITLE, incident_sheet
from followup.cli.patients.timeline import about
from followup.safety_case.identity import program_identity
from followup.sheets import html_of

WARNING = (
    "This is about a patient. Their name and addresses are masked, but the words that they wrote, "
    "and the notes of staff, are as they stand, and may name somebody."
)
README = f"""Everything about one event, as the product keeps it.

{WARNING}

incident.html   the whole of it, to read and print
incident.json   the same as data, with every attempt, receipt, item and audit event
protocol.json   the protocol exactly as the enrolment was planned by it
words.json      the templates of what was sent, exactly as they stood then, with their approval
verifier.json   whether the audit trail, of all patients, is as it was written: what
                `followup audit --verify` says, at the time of this export
evidence.zip    the audit events with proofs that anybody can check without us; it is missing
                where one of them is not as it was signed
program.json    which program made this: version, commit where that is known, digest
manifest.json   the SHA-256 of each of these files

Texts from a number that several patients share belong to none of them, and are left out.
"""

group = new_app(
    cls=Group, no_args_is_help=True, help="Export everything about one event, for its inquiry."
)


@group.callback()
def incident() -> None:
    """Export everything about one event, for its inquiry."""


@group.command(cls=Command)
def export(
    *,
    message: Annotated[
        UUID | None, typer.Option(metavar="ID", help="The message that it is about: its whole id.")
    ] = None,
    enrolment: Annotated[
        str | None, typer.Option(metavar="ID", help="The enrolment: its id or reference.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; incident-….zip if left out.")
    ] = None,
) -> None:
    """Write everything about one event to a zip file.

    JSON and a page to read: messages in their exact words, attempts, receipts, replies, calls,
    items, the audit trail and whether it is intact. No other patient is named. Nothing is
    overwritten, and the file can be read by its owner alone.
    """
    if (message is None) == (enrolment is None):
        raise WrongUse("give a message with --message or an enrolment with --enrolment")
    with opened() as app:
        found = compile_incident(app, actor=actor(), enrolment=enrolment, message=message)
        content = _zip(found)
    path = to or Path(f"incident-{found.evidence.enrolment.id}.zip")
    write_new_file(path, content)
    say(f"Written to {path}.")
    note(WARNING)
    if found.verdict.damage:
        note("The audit trail is NOT INTACT: see verifier.json, and followup audit --verify.")


def _zip(found: Incident) -> bytes:
    program = program_identity()
    data: dict[str, Any] = {
        "incident.json": {**about(found.evidence.enrolment), **incident_json(found)},
        "protocol.json": found.protocol,
        "words.json": found.words,
        "verifier.json": verdict_json(found.verdict, public_key=found.public_key),
        "program.json": {
            "version": program.version,
            "commit": program.commit,
            "changed_since_commit": program.changed,
            "digest": program.digest,
        },
    }
    texts = {name: json.dumps(each, indent=2, ensure_ascii=False) for name, each in data.items()}
    texts["incident.html"] = html_of(incident_sheet(found), title=TITLE, note=WARNING)
    texts["README.txt"] = README
    files = {name: text.encode() for name, text in texts.items()}
    if found.pack is not None:
        files["evidence.zip"] = found.pack
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files["manifest.json"] = json.dumps(digests, indent=2, sort_keys=True).encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(name, content)
    return packed.getvalue()
