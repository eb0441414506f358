"""`followup balance`: every message that fell due is accounted for, or it shows."""

from __future__ import annotations

import typer

from followup.balance import Balance, Scope
from followup.balance import balance as taken
from followup.cli.boundary import REFUSED
from followup.cli.choices import bound, clinic_key, protocol_key
from followup.cli.opening import opened
from followup.cli.options import AsJson, Clinic, Protocol, Since, Until
from followup.cli.screen import Column, counted, note, say_json, table

MEANINGS = {
    "delivered": "the carrier confirmed that they arrived",
    "sent": "the provider took them; no receipt yet",
    "with_a_person": "a person was asked to look, ring or decide",
    "suppressed": "held back: objection, no address",
    "expired": "their window was over before they could go",
    "cancelled": "no longer wanted: withdrawn, rescheduled",
    "held": "paused by a person or a kill switch",
    "in_progress": "on their way now",
}


def balance(
    *,
    clinic: Clinic = None,
    protocol: Protocol = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Account for every message that fell due.

    Ends with 1 where there is a remainder: messages that nothing and nobody takes care of.
    """
    with opened() as kit:
        scope = Scope(
            clinic=clinic_key(kit.catalogue, clinic) if clinic else None,
            protocol=protocol_key(kit.catalogue, protocol) if protocol else None,
            since=bound(kit.catalogue, since, option="--since", clinic=clinic),
            until=bound(kit.catalogue, until, option="--until", clinic=clinic),
        )
        sheet = taken(kit, scope)
    if as_json:
        say_json(sheet.as_dict())
    else:
        _show(sheet)
    if sheet.remainder:
        note(
            f"Unaccounted for: {counted(sheet.remainder, 'message')}. `followup check` says if "
            "everything runs; where it does, a person must look: followup messages"
        )
        raise typer.Exit(REFUSED)


def _show(sheet: Balance) -> None:
    figures = sheet.as_dict()
    columns = [Column("Messages"), Column("Number", right=True), Column("Meaning")]
    rows = [["due", str(sheet.due), "their time has come"]]
    rows += [
        [name.replace("_", " "), str(figures[name]), meaning] for name, meaning in MEANINGS.items()
    ]
    whole = "every message is accounted for"
    rows.append(
        ["remainder", str(sheet.remainder), "NOT ACCOUNTED FOR" if sheet.remainder else whole]
    )
    table(columns, rows)
