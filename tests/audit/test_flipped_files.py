"""Bits flipped in the database's own file, as a failing disk or an intruder leaves them."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from followup.audit import damaged_rows
from followup.audit.verify import verify_trail
from followup.context import AppContext
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditTile
from tests.audit.test_verify import signed_in_parts
from tests.support.apps import rows

TABLES = ("audit_events", "audit_tiles", "audit_checkpoints")


def pages_of(file: Path) -> list[tuple[int, int]]:
    """Return where each page of the trail's tables begins in the file, and how long it is."""
    with closing(sqlite3.connect(file)) as connection:
        asked = f"SELECT pgoffset, pgsize FROM dbstat WHERE name IN {TABLES}"
        return connection.execute(asked).fetchall()


def flip(file: Path, at: int, bit: int) -> None:
    with file.open("r+b") as opened:
        opened.seek(at)
        (old,) = opened.read(1)
        opened.seek(at)
        opened.write(bytes([old ^ (1 << bit)]))


def signed_content(app: AppContext) -> Any:
    """Return what the product reads of all that is signed, and of what signs it."""
    upto = max(it.upto_id for it in rows(app, AuditCheckpoint))
    with app.store.read() as session:
        return [
            session.execute(select(model.__table__).where(*limit).order_by(key)).all()
            for model, key, limit in (
                (AuditEvent, AuditEvent.id, [AuditEvent.id <= upto]),
                (AuditTile, AuditTile.number, []),
                (AuditCheckpoint, AuditCheckpoint.size, []),
            )
        ]


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("flips", [12, pytest.param(1_000, marks=pytest.mark.long)])
def test_any_bit_flipped_in_the_file_is_located_or_changes_nothing(
    sqlite_app: AppContext, monkeypatch: pytest.MonkeyPatch, flips: int
):
    """Also where the row, or the page that it stands on, can't be read any more."""
    monkeypatch.setattr(damaged_rows, "ROWS_AT_ONCE", 50)
    app, random, found = signed_in_parts(sqlite_app), Random(flips), Counter[str]()
    file = Path(app.store.engine.url.database or "")
    before = signed_content(app)
    app.store.engine.dispose()
    pages = pages_of(file)
    for _ in range(flips):
        start, size = random.choice(pages)
        at, bit = start + random.randrange(size), random.randrange(8)
        flip(file, at, bit)
        verdict = verify_trail(app)
        if verdict.intact:
            assert signed_content(app) == before, (at - start, bit)
        else:
            assert verdict.damage
        found["nothing changed" if verdict.intact else "located"] += 1
        app.store.engine.dispose()
        flip(file, at, bit)
    print(found)  # noqa: T201 - for whoever runs it
    assert found["located"] > flips / 2
    assert verify_trail(app).intact
