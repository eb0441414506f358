"""`followup staff`: who may use the console. Passwords are set in the browser, by one-time link."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, say_lines, table
from followup.context import AppContext
from followup.domain.errors import NotFound
from followup.domain.roles import EVERY_ROLE, Role
from followup.staff import members
from followup.staff.invitations import invite_member, reset_link
from followup.store.models.staff import Staff

Email = Annotated[
    str, typer.Argument(metavar="EMAIL", help="The e-mail address that they sign in with.")
]

group = new_app(cls=Group, no_args_is_help=True, help="Let staff into the console.")


@group.command(cls=Command)
def add(
    email: Email,
    *,
    role: Annotated[
        list[Role] | None,
        typer.Option(help="What they may do; may be given several times. By itself: everything."),
    ] = None,
    clinic: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="Their clinic; several times for more. Unset: all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print a link by which somebody makes their account; it works once, within a week."""
    with opened() as app:
        token = invite_member(app, email, roles=role or EVERY_ROLE, clinics=clinic, actor=actor())
        link = app.links.join_url(token)
    _tell(link, as_json=as_json)


@group.command(cls=Command)
def reset(email: Email, *, as_json: AsJson = False) -> None:
    """Print a link by which somebody sets a new password, and take their second factor."""
    with opened() as app:
        staff = _find(app, email)
        members.reset_second_factor(app, staff.id, actor=actor())
        link = app.links.join_url(reset_link(app, staff.id, actor=actor()))
    _tell(link, as_json=as_json)


@group.command(cls=Command)
def disable(email: Email) -> None:
    """Switch an account off: its owner is signed out and can't sign in."""
    with opened() as app:
        members.disable_member(app, _find(app, email).id, actor=actor())
    say(f"{email} can't sign in any more.")


@group.command(cls=Command)
def enable(email: Email) -> None:
    """Switch an account on again."""
    with opened() as app:
        members.enable_member(app, _find(app, email).id, actor=actor())
    say(f"{email} can sign in again.")


@group.command(name="list", cls=Command)
def list_staff(*, as_json: AsJson = False) -> None:
    """List the accounts. JSON is one object a line."""
    with opened() as app, app.store.read() as session:
        found = members.all_members(session)
    if as_json:
        say_lines(_as_json(staff) for staff in found)
        return
    if not found:
        say("There are no accounts. Make one with: followup staff add EMAIL")
        return
    columns = [Column("E-mail"), Column("Name"), Column("May"), Column("Clinics"), Column("Off")]
    table(
        columns,
        (
            [
                staff.email,
                staff.name,
                ", ".join(staff.roles),
                ", ".join(staff.clinics or ["all"]),
                f"{staff.disabled_at:%Y-%m-%d}" if staff.disabled_at else "",
            ]
            for staff in found
        ),
    )


def _find(app: AppContext, email: str) -> Staff:
    with app.store.read() as session:
        staff = members.find_member_by_email(session, email)
    if staff is None:
        message = f"nobody has an account as {email}; list them with: followup staff list"
        raise NotFound(message)
    return staff


def _tell(link: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"link": link})
        return
    say(link)
    note("Give it to them and to nobody else: the first person to open it sets the password.")


def _as_json(staff: Staff) -> dict[str, object]:
    return {
        "email": staff.email,
        "name": staff.name,
        "roles": staff.roles,
        "clinics": staff.clinics,
        "disabled": staff.disabled_at is not None,
        "second_factor": staff.code_key_sealed is not None,
    }
