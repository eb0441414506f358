"""`followup api-key`: the bearer keys of the API."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, say_lines, shown_once, table
from followup.domain.api_scope import ApiScope
from followup.messages.view import utc_text
from followup.staff import api_keys
from followup.store.models.operations import ApiKey

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="What the audit trail calls the system that uses the key."),
]

group = new_app(cls=Group, no_args_is_help=True, help="Add, list and revoke keys of the API.")


@group.command(cls=Command)
def add(
    name: Name,
    *,
    clinic: Annotated[
        str | None, typer.Option(metavar="KEY", help="Let it see this clinic only.")
    ] = None,
    scope: Annotated[
        list[ApiScope],
        typer.Option(help="What it opens: the JSON API, reading or sending FHIR. May be repeated."),
    ] = [ApiScope.ENROLMENTS],  # noqa: B006 - typer copies it
    as_json: AsJson = False,
) -> None:
    """Make a key and print it, this once."""
    with opened() as app:
        key = api_keys.add_api_key(app, name, clinic=clinic, scopes=scope, actor=actor())
    with shown_once(lambda: _take_back(name)):
        if as_json:
            say_json({"name": name, "clinic": clinic, "scopes": sorted(scope), "key": key})
            return
        say(key)
    note("Keep it now: it is not shown again. Send it as the header `Authorization: Bearer KEY`.")


@group.command(name="list", cls=Command)
def list_keys(*, as_json: AsJson = False) -> None:
    """List the keys that were made; they can't be shown again. JSON is one object a line."""
    with opened() as app:
        found = api_keys.all_api_keys(app)
    if as_json:
        say_lines(_as_json(key) for key in found)
        return
    if not found:
        say("There are no keys. Make one with: followup api-key add NAME")
        return
    columns = [Column(each) for each in ("Name", "Clinic", "Scopes", "Made", "Revoked")]
    table(
        columns,
        (
            [
                key.name,
                key.clinic or "all",
                ", ".join(key.scopes),
                f"{key.created_at:%Y-%m-%d %H:%M} UTC",
                f"{key.revoked_at:%Y-%m-%d %H:%M} UTC" if key.revoked_at else "",
            ]
            for key in found
        ),
    )


@group.command(cls=Command)
def revoke(name: Name) -> None:
    """Let a key open nothing from now on."""
    with opened() as app:
        api_keys.revoke_api_key(app, name, actor=actor())
    say(f"The key {name} opens nothing any more.")


def _take_back(name: str) -> str:
    with opened() as app:
        api_keys.revoke_api_key(app, name, actor=actor())
    return f"The key {name} could not be shown, so it opens nothing: make another, by another name."


def _as_json(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "clinic": key.clinic,
        "scopes": key.scopes,
        "created_at": utc_text(key.created_at),
        "revoked_at": utc_text(key.revoked_at) if key.revoked_at else None,
    }
