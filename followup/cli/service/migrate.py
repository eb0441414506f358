"""`followup migrate`: the database's schema."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.framework.screen import say
from followup.settings.settings import load_settings
from followup.store.engine.session import make_engine
from followup.store.schema import current as schema
from followup.store.schema.app_role import let_in


def migrate(
    *,
    app_role: Annotated[
        str | None,
        typer.Option(
            metavar="ROLE",
            help="On PostgreSQL: also give this role what web, workers and beat need, and no more. "
            "Let them use it in FOLLOWUP_DATABASE_URL, and only this command the tables' owner.",
        ),
    ] = None,
) -> None:
    """Bring the database to this version's schema.

    Safe to repeat, and to run on several machines at once: one waits for the other.
    """
    settings = load_settings()
    if settings.is_sqlite:
        settings.make_data_dir()
    engine = make_engine(settings.database_url)
    try:
        before = schema.revision_of(engine)
        schema.migrate(engine)
        after = schema.revision_of(engine)
        if app_role is not None:
            let_in(engine, app_role)
    finally:
        engine.dispose()
    if before == after:
        say(f"The database is at schema {after} already.")
    else:
        say(
            f"The database is at schema {after} now" + (f"; it was at {before}." if before else ".")
        )
