"""`followup restriction`: a patient's data is kept, but neither shown nor used."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import say
from followup.domain.erasure.restriction import LiftGround, RestrictionGround
from followup.enrolment.queries import patient_id_of
from followup.erasure.restriction import lift_restriction, restrict

HELP = """Restrict a patient's data: kept, not shown, nothing sent.

For as long as a patient disputes that it is right or may be used (Article 18 of the UK GDPR).
"""

group = new_app(cls=Group, no_args_is_help=True, help=HELP)

Identifier = Annotated[str, typer.Argument(metavar="ID", help="As for timeline.")]


@group.command(cls=Command)
def place(
    identifier: Identifier,
    *,
    ground: Annotated[RestrictionGround, typer.Option(help="Why it may not be used for now.")],
) -> None:
    """Restrict the data of an enrolment's patient. Messages are held, replies go to a person."""
    with opened() as app:
        restrict(app, patient_id_of(app, identifier), ground=ground, actor=actor())
    say("Restricted. Nothing is sent but answers, and only auditors see the data.")


@group.command(cls=Command)
def lift(
    identifier: Identifier,
    *,
    ground: Annotated[LiftGround, typer.Option(help="Why it may be used again.")],
) -> None:
    """Lift a restriction: what is still useful goes out."""
    with opened() as app:
        lift_restriction(app, patient_id_of(app, identifier), ground=ground, actor=actor())
    say("Lifted. What is not yet too late will be sent.")
