"""`followup stop-sending`, `resume-sending` and `switches`: the kill switches."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from followup.cli.framework.boundary import WrongUse
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import Cell, Column, note, say, say_json, say_lines, table
from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.kill_switch import SwitchScope
from followup.messages.view import utc_text
from followup.sending import kill_switches
from followup.sending.kill_switches import SwitchView, view_switches
from followup.store.engine.id_prefix import SHORTEST_PREFIX, id_range


def stop_sending(
    *,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why, in a few words; no patient's name.")
    ],
    everything: Annotated[bool, typer.Option("--all", help="Stop all sending.")] = False,
    clinic: Annotated[str | None, typer.Option(metavar="KEY", help="Stop one clinic.")] = None,
    protocol: Annotated[str | None, typer.Option(metavar="KEY", help="Stop one protocol.")] = None,
    step: Annotated[
        str | None, typer.Option(metavar="KEY", help="Stop one step: red-flags, or PROTOCOL/STEP.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option(metavar="sms|email", help="Stop one channel.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stop sending at once, in whole or part.

    Everything, or one clinic, protocol, step or channel. What it covers is held, also what a worker
    has in hand already, within a second or so; what the provider has taken can't be called back.
    `resume-sending` lets go what is still useful then.
    """
    scope, value = _scope(
        {
            SwitchScope.ALL: "" if everything else None,
            SwitchScope.CLINIC: clinic,
            SwitchScope.PROTOCOL: protocol,
            SwitchScope.STEP: step,
            SwitchScope.CHANNEL: channel,
        }
    )
    with opened() as app:
        switch_id = kill_switches.activate_switch(app, scope, value, reason=reason, actor=actor())
        view = next(one for one in view_switches(app) if one.id == switch_id)
    if as_json:
        say_json(_as_json(view))
        return
    say(f"Stopped: {view.stops}. Messages are held from now on.")
    say(f"To let them go again: followup resume-sending {view.id}")
    if view.reason != reason.strip():
        note(f"It was stopped before, by {view.thrown_by}: {view.reason}")


def resume_sending(
    identifier: Annotated[
        str, typer.Argument(metavar="ID", help="The switch, as `followup switches` lists it.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Let go what was stopped.

    What is still useful goes again, and the rest expires.
    """
    with opened() as app:
        view = _find(app, identifier)
        released = kill_switches.deactivate_switch(app, view.id, actor=actor())
        others = view_switches(app)
    if as_json:
        say_json({"id": str(view.id), "planned": released.planned, "expired": released.expired})
        return
    say(f"Lifted: {view.stops}. {released.planned} messages go again, {released.expired} expired.")
    if others:
        note(f"Still stopped: {', '.join(one.stops for one in others)}.")


def switches(
    *,
    history: Annotated[
        bool, typer.Option("--history", help="Also those that have been lifted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what is stopped, by whom and why.

    JSON is one object a line, with how many messages wait for it.
    """
    with opened() as app:
        views = view_switches(app, lifted=history)
    if as_json:
        say_lines(_as_json(view) for view in views)
        return
    if not views:
        say("Nothing has been stopped." if history else "Nothing is stopped.")
        return
    columns = [Column(name) for name in ("ID", "Stops", "Since", "By", "Lifted")]
    columns += [Column("Held", right=True), Column("Reason", wide=True)]
    table(columns, (_row(view) for view in views))


def _scope(given: dict[SwitchScope, str | None]) -> tuple[SwitchScope, str | None]:
    chosen = [(scope, value) for scope, value in given.items() if value is not None]
    if len(chosen) != 1:
        raise WrongUse(
            "say what to stop, with one of --all, --clinic, --protocol, --step, --channel"
        )
    scope, value = chosen[0]
    return scope, value or None


def _find(app: AppContext, identifier: str) -> SwitchView:
    """Return the switch with this id, or the only one that begins so."""
    ids = id_range(identifier)
    if ids is None:
        raise InvalidInput.of("id", f"give at least {SHORTEST_PREFIX} characters of the id")
    found = [one for one in view_switches(app, lifted=True) if ids[0] <= one.id <= ids[1]]
    if not found:
        raise NotFound(f"there is no kill switch {identifier}; list them with: followup switches")
    if len(found) > 1:
        raise Conflict(f"{identifier} could be any of {_names(found)}; give the whole id")
    return found[0]


def _names(found: list[SwitchView]) -> str:
    ids: list[UUID] = [one.id for one in found]
    return ", ".join(map(str, ids))


def _row(view: SwitchView) -> list[str | Cell]:
    lifted = f"{utc_text(view.lifted_at)} by {view.lifted_by}" if view.lifted_at else "no"
    return [
        str(view.id),
        Cell(view.stops, None if view.lifted_at else "yellow"),
        utc_text(view.thrown_at),
        view.thrown_by,
        lifted,
        str(view.held),
        view.reason,
    ]


def _as_json(view: SwitchView) -> dict[str, object]:
    return {
        "id": str(view.id),
        "scope": view.scope,
        "value": view.value,
        "reason": view.reason,
        "thrown_at": utc_text(view.thrown_at),
        "thrown_by": view.thrown_by,
        "lifted_at": utc_text(view.lifted_at) if view.lifted_at else None,
        "lifted_by": view.lifted_by,
        "held": view.held,
    }
