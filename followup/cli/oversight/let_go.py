"""`followup let-go`: what was held for being too many, and letting it go."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.boundary import WrongUse
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import Column, note, say, say_json, table
from followup.enrolment.queries import find_enrolment
from followup.messages.view import utc_text
from followup.sending import volume_limits as blast_radius
from followup.sending.volume_limits import HeldByLimit, held_by_limits


def let_go(
    *,
    everything: Annotated[bool, typer.Option("--all", help="Let go all that is held.")] = False,
    template: Annotated[
        str | None, typer.Option(metavar="KEY", help="Let go the messages of one template.")
    ] = None,
    enrolment: Annotated[
        str | None, typer.Option(metavar="ID", help="Let go the messages of one enrolment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List or let go what was too much at once.

    Look first whether the words are right and whom they would go to: nothing holds these messages
    again. If something is wrong, use `followup stop-sending`.
    """
    if (everything, template, enrolment) == (False, None, None):
        with opened() as app, app.store.read() as session:
            _list(held_by_limits(session), as_json=as_json)
        return
    if everything and (template or enrolment):
        raise WrongUse("--all lets everything go: leave the other options out")
    with opened() as app:
        enrolment_id = None
        if enrolment is not None:
            with app.store.read() as session:
                enrolment_id = find_enrolment(session, enrolment).id
        freed = blast_radius.release_surplus(
            app, actor=actor(), enrolment_id=enrolment_id, template=template
        )
    if as_json:
        say_json({"let_go": freed})
        return
    say("1 message goes now." if freed == 1 else f"{freed} messages go now.")


def _list(found: list[HeldByLimit], *, as_json: bool) -> None:
    if as_json:
        say_json(
            [
                {
                    "clinic": one.clinic,
                    "template": one.template,
                    "held": one.held,
                    "oldest_due_at": utc_text(one.oldest),
                }
                for one in found
            ]
        )
        return
    if not found:
        say("Nothing is held for being too many.")
        return
    columns = [Column("Template"), Column("Clinic"), Column("Held", right=True), Column("Since")]
    table(columns, ([it.template, it.clinic, str(it.held), utc_text(it.oldest)] for it in found))
    note("followup let-go --template KEY lets them go; followup stop-sending stops the rest.")
