"""`followup restore` and `after-restore`: going back to a backup without sending twice."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select

from followup.bootstrap import build_app
from followup.cli.framework.boundary import EXIT_REFUSED
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.screen import note, say, say_json
from followup.cli.service.backup import database_file
from followup.clock import parse_clock
from followup.context import AppContext
from followup.domain.errors import InvalidInput
from followup.messages.view import utc_text
from followup.recovery.backup import inspect_backup
from followup.recovery.catch_up import CatchUpProgress, catch_up
from followup.recovery.restore import MarkedRestore, last_restore, mark_restored, require_stopped
from followup.settings.settings import Settings, load_settings
from followup.store.encryption.key_check import check_keys
from followup.store.encryption.sealing import MasterKeys
from followup.store.engine.session import Store, make_engine
from followup.store.engine.sqlite_file import (
    copy_whole,
    draft_beside,
    make_whole,
    put_in_place,
    remove_file,
    require_unused,
)
from followup.store.models.operations import Restore
from followup.wording.formats import count


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of followup backup.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Put a backup of the embedded database in place.

    Stop followup first. What the database holds now is kept beside it. Afterwards nothing is sent:
    a kill switch holds everything until followup after-restore has found out what went out since
    the backup was taken, and a person lifts it.
    """
    settings = load_settings()
    database = database_file(settings)
    require_unused(database)
    inspect_backup(file)
    settings.make_data_dir()
    draft = draft_beside(database)
    try:
        marked = _prepare(file.resolve(), draft, settings)
        now = parse_clock(settings.clock).real_now()
        aside = database.with_name(f"{database.name}.before-{now:%Y%m%dT%H%M%SZ}")
        kept = put_in_place(draft, database, aside=aside)
    finally:
        remove_file(draft)
    if as_json:
        say_json(_marked_as_json(marked) | {"kept": str(aside) if kept else None})
        return
    say(f"The database is as it was at {utc_text(marked.taken_at)}.")
    if kept:
        say(f"What it held before is kept in {aside}.")
    _say_what_next(marked)


def _prepare(file: Path, draft: Path, settings: Settings) -> MarkedRestore:
    """Make the database that is to be put in place: current, opened by our keys, and in doubt."""
    copy_whole(file, draft)
    url = f"sqlite:///{draft}"
    _require_keys(Store(make_engine(url)), settings)
    app = build_app(settings.model_copy(update={"database_url": url}), restoring=True)
    try:
        marked = mark_restored(app, taken_at=None, actor=actor())
    finally:
        app.close()
    make_whole(draft)
    return marked


def _require_keys(store: Store, settings: Settings) -> None:
    """Raise `WrongMasterKey` unless our master keys open the backup; before anything is made."""
    try:
        with store.read() as session:
            check_keys(session, MasterKeys(settings.load_master_keys()))
    finally:
        store.close()


def after_restore(
    *,
    backup_taken_at: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="When the backup was begun, such as 2026-11-22T02:00Z. Without it, the last sign "
            "of life in the database counts. Only for PostgreSQL, and for a file put in place by "
            "hand.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find out what was sent since a backup.

    After pg_restore run it before anything is started: it stops all sending and puts in doubt what
    may have gone out. Then, with or without the rest running, it reads the texts that came in
    meanwhile (so that every STOP holds), asks the provider about what is in doubt, and says what is
    left for people. Run it again at any time. Ends with 1 while the provider has not answered.
    """
    with opened(restoring=True) as app:
        marked = _mark(app, backup_taken_at)
        if marked is not None and not as_json:
            say(f"The backup is of {utc_text(marked.taken_at)}. Sending is stopped.")
        if not as_json:
            note("Reading the provider's lists, and asking about what is in doubt …")
        standing = catch_up(app, actor=actor(), rest=_rest)
    if as_json:
        say_json(_standing_as_json(standing))
    else:
        _show(standing)
    if not standing.settled:
        raise typer.Exit(EXIT_REFUSED)


def _rest(span: timedelta) -> None:
    time.sleep(span.total_seconds())


def _mark(app: AppContext, backup_taken_at: str | None) -> MarkedRestore | None:
    """Mark a restore that this product did not make itself; None where it knows of it."""
    with app.store.read() as session:
        pending = session.scalar(select(Restore.id).where(Restore.restored_real_at.is_(None)))
        known = last_restore(session)
    taken_at = _moment(backup_taken_at) if backup_taken_at else None
    if pending is None and (taken_at is None or _is_known(known, taken_at)):
        return None
    require_stopped(app, rest=_rest)
    return mark_restored(app, taken_at=taken_at, actor=actor())


def _is_known(known: Restore | None, taken_at: datetime) -> bool:
    """Say whether the database has been told of the restore of that backup before."""
    return (
        known is not None
        and known.restored_real_at is not None
        and known.taken_real_at <= taken_at <= known.restored_real_at
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput.of(
            "--backup-taken-at", "use a date and time in UTC, such as 2026-11-22T02:00Z"
        )
    return moment.astimezone(UTC)


def _say_what_next(marked: MarkedRestore) -> None:
    say(
        f"Sending is stopped. {count(marked.in_doubt, 'message')} may have gone out since: "
        "none goes before its provider was asked, or a person has looked."
    )
    if marked.erased:
        say(f"{count(marked.erased, 'patient')} had been erased since, and are erased here too.")
    say("Next:")
    say("  followup after-restore   (before or after the start; it asks the provider)")
    say("  followup worklist        (what people must find out)")


def _show(standing: CatchUpProgress) -> None:
    say(f"From {utc_text(standing.taken_at)} to {utc_text(standing.restored_at)} nothing is known.")
    if standing.texts_in is None:
        note(
            "The texts that came in since could not be read: somebody who said STOP may be "
            "written to. Look at the provider's own list before you let messages go."
        )
    else:
        say(f"{count(standing.texts_in, 'text')} of patients taken in that were lost.")
    say(f"{count(standing.with_a_person, 'item')} on the worklist to be found out by people.")
    if standing.unaccounted:
        say(
            f"{count(standing.unaccounted, 'patient')} paused: they were sent texts that were "
            "planned after the backup."
        )
    if standing.strangers:
        say(
            f"{count(standing.strangers, 'text')} went to numbers that no patient here has: "
            "enrol again who was enrolled since the backup."
        )
    if not standing.settled:
        note(
            f"{count(standing.unsettled, 'message')} still in doubt: the provider has not "
            "answered. Run this again later."
        )
    elif standing.switch is not None:
        say("Enter again what was recorded since by other ways: objections made by link, e-mail or")
        say("telephone, withdrawals, changed times, deaths. Then let messages go:")
        say(f"  followup resume-sending {standing.switch}")


def _marked_as_json(marked: MarkedRestore) -> dict[str, object]:
    return {
        "taken_at": utc_text(marked.taken_at),
        "in_doubt": marked.in_doubt,
        "erased": marked.erased,
    }


def _standing_as_json(standing: CatchUpProgress) -> dict[str, object]:
    return {
        "taken_at": utc_text(standing.taken_at),
        "restored_at": utc_text(standing.restored_at),
        "settled": standing.settled,
        "unsettled": standing.unsettled,
        "with_a_person": standing.with_a_person,
        "texts_in": standing.texts_in,
        "unaccounted": standing.unaccounted,
        "strangers": standing.strangers,
        "switch": None if standing.switch is None else str(standing.switch),
    }
