"""`followup backup`: one file that holds all of the embedded database."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.engine import make_url

from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import say, say_json
from followup.clock import parse_clock
from followup.domain.errors import ConfigurationError
from followup.messages.view import utc_text
from followup.recovery.backup import Backup, make_backup
from followup.settings.settings import Settings, load_settings
from followup.wording.formats import count


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make; a new one.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Copy the embedded database to a file, while it is used.

    The copy is of one moment, checked, and either whole or not there. It holds what the database
    holds, sealed: the master keys are not in it. Keep those apart from it, and keep them: without
    them nobody can read who the patients are.
    """
    settings = load_settings()
    database = database_file(settings)
    made = make_backup(database, file.resolve(), at=parse_clock(settings.clock).real_now())
    if as_json:
        say_json(_as_json(made, settings))
        return
    say(f"{made.path} holds the database as of {utc_text(made.taken_at)}, and was checked.")
    say(f"  schema {made.revision}   {count(made.patients, 'patient')}   {made.size:,} bytes")
    say(f"The master keys are not in it. They are in {keys_place(settings)}: keep a copy of them")
    say("in another place than the backups. To go back to it: followup restore FILE")


def database_file(settings: Settings) -> Path:
    """Return where the embedded database is; raise `ConfigurationError` where there is a server."""
    name = make_url(settings.database_url).database if settings.is_sqlite else None
    if name is None:
        raise ConfigurationError(
            "the database is on a PostgreSQL server: back it up with pg_dump --format=custom and "
            "bring it back with pg_restore, and then run followup after-restore "
            "(docs/operations.md says how)"
        )
    return Path(name).resolve()


def keys_place(settings: Settings) -> str:
    """Return where the master keys are, in words."""
    if settings.master_keys is None:
        return str(settings.data_dir / "master-keys")
    return "FOLLOWUP_MASTER_KEYS"


def _as_json(made: Backup, settings: Settings) -> dict[str, object]:
    return {
        "file": str(made.path),
        "taken_at": utc_text(made.taken_at),
        "schema": made.revision,
        "patients": made.patients,
        "bytes": made.size,
        "master_keys_in": keys_place(settings),
    }
