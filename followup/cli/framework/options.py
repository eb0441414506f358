"""Shared options, with one wording."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.domain.intake.on_conflict import OnConflict

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Clinic = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="The clinic. May be left out where there is only one."),
]
Protocol = Annotated[
    str | None,
    typer.Option(metavar="KEY", help="The protocol. Without it, nerve-root-block or the only one."),
]
ProcedureAt = Annotated[
    str,
    typer.Option(
        metavar="TIME",
        help="When the procedure was: 2026-10-23T14:30, by the clinic's clock unless it has an "
        "offset.",
    ),
]
Diabetic = Annotated[
    bool | None, typer.Option("--diabetic/--no-diabetic", help="Whether the patient is diabetic.")
]
Steroid = Annotated[
    bool | None, typer.Option("--steroid/--no-steroid", help="Whether a steroid was injected.")
]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--attribute",
        metavar="KEY=yes|no",
        help="An answer to a question of another protocol; may be repeated.",
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(
        metavar="LIST",
        help="What the patient agreed to, preferred first: sms,email.",
    ),
]
Language = Annotated[
    str | None, typer.Option(metavar="TAG", help="Without it, the clinic's first language.")
]
Update = Annotated[
    bool,
    typer.Option("--update", help="Apply what differs from an enrolment that is there already."),
]
Reopen = Annotated[
    bool,
    typer.Option("--reopen", help="The same, and open an enrolment again that was ended."),
]
Identifier = Annotated[
    str,
    typer.Argument(
        metavar="ID",
        help="The enrolment's id, at least 8 characters of its beginning, or your reference.",
    ),
]
Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Due at this time or later; a date will do.")
]
Until = Annotated[
    str | None, typer.Option(metavar="TIME", help="Due before this time; a date will do.")
]

PROTOCOL_FLAGS = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Lets a protocol's own yes-or-no flags through, to be looked at by `choices.answers`."""


def on_conflict(
    *, update: bool, reopen: bool, otherwise: OnConflict = OnConflict.REFUSE
) -> OnConflict:
    """Return what the two options ask for; `otherwise` where neither is given."""
    if reopen:
        return OnConflict.REOPEN
    return OnConflict.UPDATE if update else otherwise


def channel_list(text: str | None) -> list[str] | None:
    """Return the channels that a list names, or None where there is no list."""
    if text is None:
        return None
    return [part.strip().lower() for part in text.replace("+", ",").split(",") if part.strip()]
