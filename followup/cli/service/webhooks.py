"""`followup webhooks`: who is told of events, and what could not be told."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, say_lines, shown_once, table
from followup.domain.event_kinds import EventContent, EventGroup
from followup.messages.view import utc_text
from followup.outbox import subscriptions
from followup.outbox.subscriptions import NewSubscription, SubscriptionView
from followup.store.models.outbox import DeadLetter, EventSubscription

Name = Annotated[str, typer.Argument(metavar="NAME", help="What the receiver is called.")]
MOST = 1000

group = new_app(
    cls=Group, no_args_is_help=True, help="Tell other systems of events, as signed webhooks."
)


@group.command(cls=Command)
def add(
    name: Name,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted: https.")],
    *,
    clinic: Annotated[
        str | None, typer.Option(metavar="KEY", help="Tell of this clinic only.")
    ] = None,
    events: Annotated[
        list[EventGroup], typer.Option(help="Of what; of everything unless given. Repeatable.")
    ] = [],  # noqa: B006 - typer copies it
    content: Annotated[
        EventContent,
        typer.Option(help="Ids and codes alone, or FHIR resources with patients' words."),
    ] = EventContent.IDS,
    from_: Annotated[
        int | None,
        typer.Option("--from", metavar="NUMBER", help="Begin with this event, not with the next."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell a receiver of events, and print the secret that they are signed with, this once."""
    wanted = NewSubscription(
        name=name,
        url=url,
        clinic=clinic,
        groups=events or tuple(EventGroup),
        content=content,
        after=None if from_ is None else from_ - 1,
    )
    with opened() as app:
        secret = subscriptions.add_subscription(app, wanted, actor=actor())
    with shown_once(lambda: _take_back(name)):
        _show_secret(name, secret, as_json=as_json)


@group.command(name="list", cls=Command)
def list_webhooks(*, as_json: AsJson = False) -> None:
    """List who is told of events, and how that goes. JSON is one object a line."""
    with opened() as app, app.store.read() as session:
        found = subscriptions.subscriptions(session, real_now=app.clock.real_now())
    if as_json:
        say_lines(_as_json(view) for view in found)
        return
    if not found:
        say("There are no webhooks. Set one up with: followup webhooks add NAME URL")
        return
    columns = [
        Column(each)
        for each in ("Name", "Host", "Clinic", "Events", "Status", "Up to event", "Given up")
    ]
    table(
        columns,
        (
            [
                view.row.name,
                view.row.host,
                view.row.clinic or "all",
                ", ".join(view.row.groups),
                view.status.label,
                str(view.row.done_upto),
                str(view.dead),
            ]
            for view in found
        ),
    )


@group.command(cls=Command)
def rotate(name: Name, *, as_json: AsJson = False) -> None:
    """Print a new secret, this once. For a day the old one signs as well."""
    with opened() as app:
        secret = subscriptions.rotate_secret(app, name, actor=actor())
    _show_secret(name, secret, as_json=as_json)


@group.command(cls=Command)
def pause(name: Name) -> None:
    """Tell a receiver nothing until it is resumed; events wait."""
    with opened() as app:
        subscriptions.pause_subscription(app, name, actor=actor())
    say(f"The webhook {name} is paused. Events wait for: followup webhooks resume {name}")


@group.command(cls=Command)
def resume(name: Name) -> None:
    """Tell a paused receiver of all that has waited."""
    with opened() as app:
        subscriptions.resume_subscription(app, name, actor=actor())
    say(f"The webhook {name} is told of events again.")


@group.command(cls=Command)
def remove(name: Name) -> None:
    """Tell a receiver nothing more, for good."""
    with opened() as app:
        subscriptions.remove_subscription(app, name, actor=actor())
    say(f"The webhook {name} is removed.")


@group.command(cls=Command)
def replay(
    name: Name,
    *,
    from_: Annotated[
        int, typer.Option("--from", metavar="NUMBER", help="The first event to tell again.")
    ],
) -> None:
    """Tell a receiver of events again, from a number on, those that were given up among them."""
    with opened() as app:
        subscriptions.replay(app, name, number=from_, actor=actor())
    say(f"The webhook {name} is told of every event from number {from_} on again.")


@group.command(name="dead-letters", cls=Command)
def dead_letters(*, as_json: AsJson = False) -> None:
    """List events that were given up, the latest first. JSON is one object a line."""
    with opened() as app, app.store.read() as session:
        found = subscriptions.dead_letters(session, limit=MOST)
    if as_json:
        say_lines(_letter_as_json(letter, of) for letter, of in found)
        return
    if not found:
        say("None: every event was delivered, or still waits to be.")
        return
    columns = [Column(each) for each in ("Webhook", "Event", "Type", "Happened", "Problem")]
    table(
        columns,
        (
            [
                of.name,
                str(letter.number),
                letter.type,
                f"{letter.event_at:%Y-%m-%d %H:%M} UTC",
                letter.problem,
            ]
            for letter, of in found
        ),
    )


def _take_back(name: str) -> str:
    with opened() as app:
        subscriptions.remove_subscription(app, name, actor=actor())
    return f"The secret of {name} could not be shown, so the webhook was removed: add it again."


def _show_secret(name: str, secret: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"name": name, "secret": secret})
        return
    say(secret)
    note("Keep it now: it is not shown again. The receiver checks signatures with it.")


def _as_json(view: SubscriptionView) -> dict[str, object]:
    row = view.row
    return {
        "name": row.name,
        "host": row.host,
        "clinic": row.clinic,
        "events": row.groups,
        "content": row.content,
        "done_upto": row.done_upto,
        "paused": row.paused_at is not None,
        "tries": row.tries,
        "problem": row.problem,
        "dead_letters": view.dead,
        "created_at": utc_text(row.created_at),
    }


def _letter_as_json(letter: DeadLetter, of: EventSubscription) -> dict[str, object]:
    return {
        "webhook": of.name,
        "number": letter.number,
        "type": letter.type,
        "event_at": utc_text(letter.event_at),
        "tries": letter.tries,
        "problem": letter.problem,
    }
