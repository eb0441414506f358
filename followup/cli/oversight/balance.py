"""`followup balance`: every message that fell due is accounted for, or it shows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import typer

from followup.cli.framework.boundary import EXIT_REFUSED
from followup.cli.framework.choices import bound, clinic_key, protocol_key
from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson, Clinic, Protocol, Since, Until
from followup.cli.framework.screen import Column, note, say_json, table
from followup.monitoring.message_balance import Balance, Scope, balance_by
from followup.monitoring.message_balance import balance as taken
from followup.web.console.words.copies import copy_text
from followup.wording.figures import BALANCE_MEANINGS
from followup.wording.formats import count


class Grouping(StrEnum):
    """By what the sheet is divided."""

    DAY = "day"
    CLINIC = "clinic"
    PROTOCOL = "protocol"


def balance(
    *,
    clinic: Clinic = None,
    protocol: Protocol = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[
        Grouping | None, typer.Option("--by", help="A sheet for each: day, clinic or protocol.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Account for every message that fell due.

    Ends with 1 where there is a remainder: messages that nothing and nobody takes care of.
    """
    with opened() as app:
        scope = Scope(
            clinic=clinic_key(app.catalogue, clinic) if clinic else None,
            protocol=protocol_key(app.catalogue, protocol) if protocol else None,
            since=bound(app.catalogue, since, option="--since", clinic=clinic),
            until=bound(app.catalogue, until, option="--until", clinic=clinic),
        )
        (sheet, sheets), read_from = app.from_replica(
            lambda of: (taken(of, scope), balance_by(of, by.value, scope) if by else {})
        )
    copy = copy_text(read_from)
    if copy is not None:
        note(copy.text)
    if as_json and by:
        say_json({name: one.as_dict() for name, one in sheets.items()})
    elif by:
        _show_each(by.value, sheets)
    elif as_json:
        say_json(sheet.as_dict())
    else:
        _show(sheet)
    if sheet.remainder or any(one.remainder for one in sheets.values()):
        note(
            f"Unaccounted for: {count(sheet.remainder, 'message')}. `followup check` says if "
            "everything runs; where it does, a person must look: followup messages"
        )
        raise typer.Exit(EXIT_REFUSED)


def _show_each(by: str, sheets: Mapping[str, Balance]) -> None:
    names = ["due", *BALANCE_MEANINGS, "remainder"]
    columns = [Column(by), *(Column(name.replace("_", " "), right=True) for name in names)]
    table(
        columns,
        (
            [key, *(str(figure) for figure in (one.as_dict()[name] for name in names))]
            for key, one in sheets.items()
        ),
    )


def _show(sheet: Balance) -> None:
    figures = sheet.as_dict()
    columns = [Column("Messages"), Column("Number", right=True), Column("Meaning")]
    rows = [["due", str(sheet.due), "their time has come"]]
    rows += [
        [name.replace("_", " "), str(figures[name]), meaning]
        for name, meaning in BALANCE_MEANINGS.items()
    ]
    whole = "every message is accounted for"
    rows.append(
        ["remainder", str(sheet.remainder), "NOT ACCOUNTED FOR" if sheet.remainder else whole]
    )
    table(columns, rows)
