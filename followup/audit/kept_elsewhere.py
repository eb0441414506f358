"""Checkpoints leave the house: as files in a folder elsewhere, by e-mail, under a time stamp.

Whoever owns the database and the master key can sign the trail anew; what was kept where they
can't write finds them out. The newest hourly checkpoint is kept in each way that is set. What was
kept last must still hold, or nothing is added to it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.audit.tree import (
    CHECKPOINT_EVENT,
    MAILED_EVENT,
    TreeHead,
    newest_checkpoint,
    read_checkpoint,
    stored_tree,
    trail_signer,
)
from followup.context import AppContext
from followup.domain import actors
from followup.domain.errors import TrailDamaged
from followup.providers.operator_alerts import OperatorAlert
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.audit import AuditEvent

NOTE, STAMP = ".note", ".tsr"
STARTED_ANEW = (
    "if a backup was restored, move the newer notes out of the folder and keep them; else somebody "
    "changed the trail: run followup audit --verify, keep the database as it is, and tell the "
    "person who is responsible for it"
)

log = structlog.get_logger()


def keep_elsewhere(app: AppContext) -> int:
    """Keep the newest hourly checkpoint in each way that lacks it; return how many ways did.

    Raises `TrailDamaged` where what was kept last does not hold any more, and `OSError` where a way
    failed, once the others were tried: it is tried again at the next run.
    """
    ways = app.keepers
    if not ways.anybody:
        return 0
    with app.store.read() as session:
        if ways.folder is not None:
            _require_held(session, app, newest_kept(app))
        event = _newest_hourly(session)
        mailed = event is not None and _mailed_since(session, event)
    if event is None or event.detail is None:
        return 0
    note = str(event.detail["note"])
    head = read_checkpoint(note, trail_signer(app).key)
    if head is None:
        raise TrailDamaged(f"the checkpoint in event {event.id} is none that we signed")
    todo: list[tuple[str, Callable[[], bool]]] = []
    if ways.folder is not None:
        file = ways.folder / name_of(head)
        todo.append(("folder", partial(_write, file, note.encode())))
        if ways.stamper is not None:
            todo.append(("time-stamp", partial(_stamp, app, file)))
    if ways.mail is not None and not mailed:
        todo.append(("e-mail", partial(_mail, app, head, note)))
    return _each(todo)


def newest_kept(app: AppContext) -> str | None:
    """Return the newest checkpoint of this trail in the folder; None where none was kept yet.

    Raises `OSError` where the folder is not there.
    """
    folder = app.keepers.folder
    if folder is None:
        return None
    begin = _origin(trail_signer(app).key.name)
    names = sorted(it.name for it in folder.iterdir() if it.match(f"{begin}-*{NOTE}"))
    return (folder / names[-1]).read_text(encoding="utf-8") if names else None


def name_of(head: TreeHead) -> str:
    """Return the name of the file that keeps a checkpoint: by their names they stand in order."""
    return f"{_origin(head.origin)}-{head.size:012}{NOTE}"


def _origin(name: str) -> str:
    return name.replace("/", "-")


def _require_held(session: Session, app: AppContext, kept: str | None) -> None:
    """Raise `TrailDamaged` unless the tree that is signed now goes on from the one kept last."""
    if kept is None:
        return
    head = read_checkpoint(kept, trail_signer(app).key)
    newest = newest_checkpoint(session)
    if head is not None and newest is not None and head.size <= newest.size:
        tree, _ = stored_tree(session, app.keyring.audit_key, newest)
        if tree.root_at(head.size) == head.root:
            return
    raise TrailDamaged(f"the checkpoint that was kept last does not hold: {STARTED_ANEW}")


def _newest_hourly(session: Session) -> AuditEvent | None:
    # Backwards from the end: the newest one is at most an hour's events away.
    return session.scalar(
        select(AuditEvent)
        .where(AuditEvent.action == CHECKPOINT_EVENT)
        .order_by(AuditEvent.id.desc())
        .limit(1)
    )


def _mailed_since(session: Session, event: AuditEvent) -> bool:
    query = select(AuditEvent.id).where(AuditEvent.id > event.id, AuditEvent.action == MAILED_EVENT)
    return session.scalar(query.limit(1)) is not None


def _each(todo: list[tuple[str, Callable[[], bool]]]) -> int:
    """Try every way; raise for the first that failed once all were tried."""
    kept, failures = 0, []
    for way, keep in todo:
        try:
            kept += keep()
        except OSError as error:
            log.warning("checkpoint.not_kept", by=way, cause=str(error))
            failures.append(error)
    if failures:
        raise failures[0]
    return kept


def _write(file: Path, content: bytes) -> bool:
    """Put a file in place whole, over nothing; return whether it was missing.

    The folder is never made: where another machine's disk is not mounted, it would be our own.
    """
    if file.exists():
        if file.suffix == NOTE and file.read_bytes() != content:
            raise TrailDamaged(f"{file.name} was kept with other content: {STARTED_ANEW}")
        return False
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with draft.open("xb") as writing:
            writing.write(content)
            writing.flush()
            os.fsync(writing.fileno())
        draft.rename(file)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return True


def _stamp(app: AppContext, file: Path) -> bool:
    stamper, stamp = app.keepers.stamper, file.with_suffix(STAMP)
    if stamper is None or stamp.exists():
        return False
    return _write(stamp, stamper.stamp(file.read_bytes()))


def _mail(app: AppContext, head: TreeHead, note: str) -> bool:
    if app.keepers.mail is None:
        return False
    alert = OperatorAlert(
        title=f"followup: audit checkpoint {head.size}",
        lines=[
            f"The signed head of the audit trail over its first {head.size:,} events is attached.",
            "Keep it where whoever runs this service can't change it: it holds no patient's data.",
            "To check that it still holds: followup audit --verify --head FILE",
        ],
        files={name_of(head): note.encode()},
        at=app.clock.real_now(),
    )
    app.keepers.mail.tell(alert)
    with app.store.write() as session:
        told = AuditEntry(action=MAILED_EVENT, detail={"size": head.size})
        record_event(session, app.by(actors.SWEEPER), told)
    return True
