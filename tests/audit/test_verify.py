"""The tree over the audit trail: any edit, removal or insertion is found, and where it is."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, insert, text, update

from followup.audit import tree
from followup.audit.tree import CHECKPOINT_EVENT, TreeHead, sign_trail, trail_signer
from followup.audit.verify import verify_events, verify_trail
from followup.context import AppContext
from followup.domain.audit.trail_damage import Damage, DamageKind
from followup.domain.errors import TrailDamaged
from followup.store.audit_log import AuditEntry, record_events
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditSeal, AuditTile
from tests.support.apps import clock_of, enrol_many, make_app, rows
from tests.support.people import ENROLLED_AT

LONG_AGO = timedelta(minutes=11)
FILLED, TAIL = 600, 30
"""Events under two full tiles and a part of a third, and those that a last checkpoint adds."""


def record(app: AppContext, number: int, *, action: str = "message.sent") -> None:
    entries = [AuditEntry(action=action, clinic="c", detail={"number": at}) for at in range(number)]
    with app.store.write() as session:
        record_events(session, app.by("worker"), entries)


def sign(app: AppContext) -> int:
    clock_of(app).advance_real(LONG_AGO)
    return sign_trail(app)


def signed_in_parts(app: AppContext) -> AppContext:
    """Put three checkpoints over a trail, and one event that none covers yet."""
    record(app, FILLED - 300)
    assert sign(app) == FILLED - 300
    record(app, 300)
    assert sign(app) >= 300
    record(app, TAIL)
    assert sign(app) >= TAIL
    record(app, 1)
    return app


def open_to_changes(app: AppContext) -> AppContext:
    """Take the triggers away, as an owner of the database can."""
    with app.store.write() as session:
        for table in ("audit_events", "audit_tiles", "audit_checkpoints", "audit_seals"):
            for trigger in triggers_of(session, table):
                session.execute(text(f"DROP TRIGGER {trigger}"))
    return app


@pytest.fixture
def signed(app: AppContext) -> AppContext:
    return signed_in_parts(app)


@pytest.fixture
def opened(sqlite_app: AppContext) -> AppContext:
    """A trail that can be changed. How it is read on PostgreSQL, `opened_on_both` shows."""
    return open_to_changes(signed_in_parts(sqlite_app))


@pytest.fixture
def opened_on_both(signed: AppContext) -> AppContext:
    return open_to_changes(signed)


def triggers_of(session, table: str) -> list[str]:
    """Return what stands behind DROP TRIGGER for each trigger of a table."""
    if session.get_bind().dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
    else:
        query = (
            "SELECT tgname || ' ON ' || :table FROM pg_trigger "
            "WHERE tgrelid = CAST(:table AS regclass) AND NOT tgisinternal"
        )
    found = list(session.scalars(text(query), {"table": table}))
    assert found
    return found


def do(app: AppContext, *changes) -> None:
    with app.store.write() as session:
        for change in changes:
            session.execute(change)


def damage(app: AppContext, **given) -> set[tuple[str, int, int]]:
    return {(it.kind.value, it.first, it.last) for it in verify_trail(app, **given).damage}


def test_an_untouched_trail_is_intact(signed: AppContext):
    verdict = verify_trail(signed)

    assert verdict.intact
    assert verdict.checkpoints == 3
    assert verdict.events == rows(signed, AuditCheckpoint)[-1].size
    assert verdict.unsigned == 1
    assert [(it.level, it.number) for it in rows(signed, AuditTile)] == [(0, 0), (0, 1)]


def test_an_empty_trail_is_intact(app: AppContext):
    assert sign_trail(app) == 0
    verdict = verify_trail(app)
    assert (verdict.intact, verdict.checkpoint) == (True, None)


def test_what_is_recent_is_not_signed_yet(app: AppContext):
    record(app, 1)

    assert sign_trail(app) == 0
    assert sign(app) == 1
    assert sign_trail(app) == 0


def test_signing_is_by_real_time(app: AppContext):
    record(app, 1)
    clock_of(app).advance_service(timedelta(days=30))

    assert sign_trail(app) == 0


def test_an_old_event_behind_a_recent_one_waits_for_it(app: AppContext):
    record(app, 1)
    clock_of(app).advance(LONG_AGO)
    record(app, 1)
    clock_of(app).advance_real(-LONG_AGO)
    record(app, 1)
    clock_of(app).advance_real(LONG_AGO)

    assert sign_trail(app) == 1


def test_a_checkpoint_is_an_event_once_an_hour_and_only_where_something_was_done(app: AppContext):
    def told() -> int:
        return sum(it.action == tree.CHECKPOINT_EVENT for it in rows(app, AuditEvent))

    record(app, 1)
    sign(app)
    assert told() == 1
    newest = rows(app, AuditCheckpoint)[-1]
    event = rows(app, AuditEvent)[-1]
    assert event.detail == {"size": newest.size, "note": newest.note}

    for _ in range(10):
        sign(app)
    assert told() == 1, "nothing but the note of a checkpoint was new"

    record(app, 1)
    sign(app)
    record(app, 1)
    sign(app)
    assert told() == 2


def test_the_tree_is_the_same_in_whatever_portions_it_is_signed(
    sqlite_app: AppContext, monkeypatch
):
    """Level 1 is filled too: tiles are made as narrow as the test needs them."""
    monkeypatch.setattr(tree, "TILE_WIDTH", 4)
    monkeypatch.setattr(tree, "TILE_LEVELS", 2)
    monkeypatch.setattr("followup.audit.verify.TILE_WIDTH", 4)
    monkeypatch.setattr("followup.audit.leaf_proofs.TILE_WIDTH", 4)
    app, portions = sqlite_app, Random(20261129)
    for _ in range(25):
        record(app, portions.randrange(1, 9))
        monkeypatch.setattr(tree, "SIGN_BATCH", portions.randrange(1, 9))
        clock_of(app).advance_real(LONG_AGO)
        while sign_trail(app):
            pass

    assert {it.level for it in rows(app, AuditTile)} == {0, 1, 2}
    verdict = verify_trail(app)
    assert verdict.intact
    ids = [it.id for it in rows(app, AuditEvent)]
    with app.store.read() as session:
        some = verify_events(session, app, ids)
    assert some.intact
    assert some.events == verdict.events
    assert some.unsigned == verdict.unsigned


EDITS = {
    "another time": {"at": ENROLLED_AT - LONG_AGO},
    "another real time": {"real_at": ENROLLED_AT - LONG_AGO},
    "another actor": {"actor": "cli:somebody"},
    "another action": {"action": "message.delivered"},
    "another clinic": {"clinic": None},
    "another detail": {"detail": {"from": "planned", "to": "sent"}},
}


@pytest.mark.parametrize("victim", [1, 256, 257, 300, 599, 620], ids=str)
def test_an_edited_event_is_found_where_it_is(opened: AppContext, victim: int):
    do(opened, update(AuditEvent).where(AuditEvent.id == victim).values(actor="cli:somebody"))

    found = verify_trail(opened).damage
    assert {it.kind for it in found} == {DamageKind.EVENTS}
    assert any(it.first <= victim <= it.last for it in found)
    if victim <= 512:
        assert found == (Damage(DamageKind.EVENTS, victim, victim),)
    with opened.store.read() as session:
        assert not verify_events(session, opened, [victim]).intact


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_whatever_is_edited_is_found(opened: AppContext, edit):
    do(opened, update(AuditEvent).where(AuditEvent.id == 20).values(**edit))

    assert damage(opened) == {("events", 20, 20)}


@pytest.mark.parametrize(("removed", "first", "last"), [(1, 1, 1), (2, 2, 2), (256, 256, 256)])
def test_a_removed_event_is_found(opened: AppContext, removed: int, first: int, last: int):
    do(opened, delete(AuditEvent).where(AuditEvent.id == removed))

    assert damage(opened) == {("events", first, last)}


def test_events_that_change_places_are_found(opened: AppContext):
    do(
        opened,
        update(AuditEvent).where(AuditEvent.id == 30).values(id=9030),
        update(AuditEvent).where(AuditEvent.id == 40).values(id=30),
        update(AuditEvent).where(AuditEvent.id == 9030).values(id=40),
    )

    assert damage(opened) == {("events", 30, 30), ("events", 40, 40)}


def test_an_event_slipped_in_is_found(opened: AppContext):
    values = {"at": ENROLLED_AT, "real_at": ENROLLED_AT, "actor": "x", "action": "y"}
    do(opened, insert(AuditEvent).values(id=-5, **values))

    assert damage(opened) == {("events", -5, -5)}


def test_damage_in_the_newest_part_is_found_between_two_checkpoints(opened: AppContext):
    before, newest = rows(opened, AuditCheckpoint)[-2:]
    do(opened, delete(AuditEvent).where(AuditEvent.id == newest.upto_id - 3))

    assert damage(opened) == {("events", before.upto_id + 1, newest.upto_id)}


def test_kept_hashes_that_were_changed_are_told_apart_from_events(opened: AppContext):
    tile = rows(opened, AuditTile)[1]
    hashes = bytearray(tile.hashes)
    hashes[32 * 7] ^= 1
    do(opened, update(AuditTile).where(AuditTile.number == 1).values(hashes=bytes(hashes)))

    found = verify_trail(opened).damage
    assert {it.kind for it in found} == {DamageKind.TILE}
    assert Damage(DamageKind.TILE, tile.first_event_id + 7, tile.first_event_id + 7) in found


def test_whoever_changes_event_and_hashes_alike_meets_the_checkpoint(opened: AppContext):
    with opened.store.read() as session:
        edited = session.get_one(AuditEvent, 20)
        session.expunge(edited)
    edited.actor = "cli:somebody"
    leaf = tree.event_leaf(opened.keyring.audit_key, edited)
    tile = rows(opened, AuditTile)[0]
    hashes = tile.hashes[: 32 * 19] + leaf + tile.hashes[32 * 20 :]
    root = tree.complete_root(tree.split_hashes(hashes))
    do(
        opened,
        update(AuditEvent).where(AuditEvent.id == 20).values(actor="cli:somebody"),
        update(AuditTile).where(AuditTile.number == 0).values(hashes=hashes, root=root),
    )

    first = rows(opened, AuditCheckpoint)[0]
    assert damage(opened) == {("events", 1, first.upto_id)}
    with opened.store.read() as session:
        assert not verify_events(session, opened, [20]).intact
    with pytest.raises(TrailDamaged, match="not as it was signed"):
        sign(opened)


def test_an_event_behind_what_is_signed_stops_the_signing(opened: AppContext):
    newest = rows(opened, AuditCheckpoint)[-1]
    do(opened, update(AuditEvent).where(AuditEvent.id == newest.upto_id).values(actor="x"))

    with pytest.raises(TrailDamaged, match="followup audit --verify"):
        sign(opened)
    assert rows(opened, AuditCheckpoint)[-1].size == newest.size


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (AuditTile, {"root": bytes(32)}),
        (AuditTile, {"first_event_id": 5}),
        (AuditTile, {"last_event_id": 250}),
    ],
    ids=["root", "first", "last"],
)
def test_a_tile_that_was_changed_is_found(opened: AppContext, table, values):
    do(opened, update(table).where(table.number == 0).values(**values))

    found = verify_trail(opened).damage
    assert {it.kind for it in found} == {DamageKind.TILE}


def test_a_removed_tile_is_found(opened: AppContext):
    do(opened, delete(AuditTile).where(AuditTile.number == 0))

    assert damage(opened) == {("tile", 1, 256)}


def other_note(app: AppContext, size: int) -> str:
    head = TreeHead(trail_signer(app).key.name, size, bytes(32))
    return trail_signer(app).sign(str(head))


def test_a_checkpoint_that_was_changed_is_found(opened: AppContext):
    newest = rows(opened, AuditCheckpoint)[-1]
    changes = {
        "text": {"note": newest.note.replace(f"\n{newest.size}\n", f"\n{newest.size + 1}\n")},
        "nothing": {"note": ""},
        "of another size": {"note": rows(opened, AuditCheckpoint)[0].note},
    }
    for change in changes.values():
        do(
            opened,
            update(AuditCheckpoint).where(AuditCheckpoint.size == newest.size).values(**change),
        )
        assert damage(opened) == {("checkpoint", newest.size, newest.size)}
    note = {"note": newest.note, "upto_id": newest.upto_id - 1}
    do(opened, update(AuditCheckpoint).where(AuditCheckpoint.size == newest.size).values(**note))
    assert damage(opened), "another last event"


def test_a_checkpoint_over_another_tree_is_found(opened: AppContext):
    """As somebody could sign who has the master key: a checkpoint of before still tells."""
    first, second, _ = rows(opened, AuditCheckpoint)
    note = other_note(opened, second.size)
    do(opened, update(AuditCheckpoint).where(AuditCheckpoint.size == second.size).values(note=note))

    assert damage(opened) == {("events", first.upto_id + 1, second.upto_id)}


def test_a_checkpoint_that_was_kept_still_holds(signed: AppContext):
    for kept in rows(signed, AuditCheckpoint):
        assert verify_trail(signed, kept=kept.note).intact


def test_a_checkpoint_that_was_kept_holds_though_its_row_is_gone(opened: AppContext):
    kept = rows(opened, AuditCheckpoint)[1]
    do(opened, delete(AuditCheckpoint).where(AuditCheckpoint.size == kept.size))

    assert verify_trail(opened, kept=kept.note).intact


def test_an_end_that_was_cut_off_is_found_by_what_was_kept(opened: AppContext):
    before, newest = rows(opened, AuditCheckpoint)[-2:]
    do(
        opened,
        delete(AuditEvent).where(AuditEvent.id > before.upto_id),
        delete(AuditCheckpoint).where(AuditCheckpoint.size == newest.size),
    )

    assert verify_trail(opened).intact, "the trail alone does not show it"
    assert damage(opened, kept=newest.note) == {("lost-head", newest.size, newest.size)}


def test_a_trail_that_was_signed_anew_is_found_by_what_was_kept(opened: AppContext):
    kept = rows(opened, AuditCheckpoint)[-1]
    do(
        opened,
        delete(AuditCheckpoint),
        delete(AuditTile),
        update(AuditEvent).where(AuditEvent.id == 7).values(actor="cli:somebody"),
    )
    sign(opened)

    assert verify_trail(opened).intact, "the trail alone does not show it"
    assert damage(opened, kept=kept.note) == {("lost-head", kept.size, kept.size)}


def test_a_trail_whose_checkpoints_are_gone_is_not_called_intact(opened: AppContext):
    newest = rows(opened, AuditEvent)[-1]
    clock_of(opened).advance(timedelta(hours=2))
    do(opened, delete(AuditCheckpoint), delete(AuditTile))
    record(opened, 1)

    assert damage(opened) == {("unsigned", 1, newest.id)}

    # Nor where the events that tell of them are changed or gone too: then nothing can be said.
    tells = AuditEvent.action == CHECKPOINT_EVENT
    for detail in ({"size": "many"}, None):
        do(opened, update(AuditEvent).where(tells).values(detail=detail))
        assert verify_trail(opened).intact is None
    do(opened, delete(AuditEvent).where(tells))
    assert damage(opened) == set()
    assert verify_trail(opened).intact is None


def test_what_was_kept_of_another_trail_does_not_hold(opened: AppContext):
    for kept in ("nonsense", "00" * 32, other_note(opened, 5)):
        assert {kind for kind, *_ in damage(opened, kept=kept)} == {"lost-head"}


def test_any_flipped_bit_is_located(opened_on_both: AppContext):
    """In every column of the trail's tables; in the file, `test_flipped_files.py` flips more."""
    app, flips = opened_on_both, Random(11)
    for _ in range(25):
        back = flip(app, flips)
        assert not verify_trail(app).intact, back
        do(app, back)
    assert verify_trail(app).intact


def flip(app: AppContext, random: Random):
    """Change one bit of what is signed, and return what changes it back."""
    model, key = random.choice(
        [(AuditEvent, "id"), (AuditTile, "number"), (AuditCheckpoint, "size")]
    )
    row = random.choice([it for it in rows(app, model) if model is not AuditEvent or it.id < 600])
    column = random.choice([it.key for it in model.__table__.columns if it.key != "level"])
    old = getattr(row, column)
    if column == "actor" or old is None:
        column, old, new = "actor", row.actor, "x"
    else:
        new = flipped(old, random)
    table = model.__table__
    where = table.c[key] == (new if column == key else getattr(row, key))
    do(app, update(model).where(table.c[key] == getattr(row, key)).values({column: new}))
    return update(model).where(where).values({column: old})


def flipped(old: Any, random: Random) -> Any:
    """Return a value with a bit of it changed."""
    match old:
        case int():
            return old ^ (1 << random.randrange(20, 31))  # free, where it is a key
        case bytes():
            at = random.randrange(len(old))
            return old[:at] + bytes([old[at] ^ (1 << random.randrange(8))]) + old[at + 1 :]
        case str():
            at = random.randrange(len(old))
            return old[:at] + chr(ord(old[at]) ^ (1 << random.randrange(4))) + old[at + 1 :]
        case dict():
            return {**old, "number": (old.get("number") or 0) ^ 1}
        case _:
            return old + timedelta(microseconds=1 << random.randrange(30))


def seals(app: AppContext) -> Iterator[AuditSeal]:
    """Seals over the trail as versions before checkpoints made them: of 100 events each."""
    from followup.audit import seals as old  # noqa: PLC0415 - only what is gone otherwise

    events, previous = rows(app, AuditEvent), b""
    for start in range(0, len(events) - 99, 100):
        part = events[start : start + 100]
        previous = old._digest(app.keyring.audit_key, previous, part)
        yield AuditSeal(
            after_id=part[0].id - 1,
            upto_id=part[-1].id,
            events=len(part),
            digest=previous,
            sealed_real_at=app.clock.real_now(),
        )


def test_seals_of_before_stay_verifiable_and_the_change_is_an_event(app: AppContext):
    record(app, 250)
    with app.store.write() as session:
        session.add_all(seals(app))
    head = rows(app, AuditSeal)[0].digest.hex()

    sign(app)

    begun = [it for it in rows(app, AuditEvent) if it.action == tree.BEGUN_EVENT]
    assert [it.detail for it in begun] == [{"sealed_upto": 200}]
    assert verify_trail(app, kept=f" {head.upper()}\n").intact
    with app.store.write() as session:
        for trigger in triggers_of(session, "audit_seals"):
            session.execute(text(f"DROP TRIGGER {trigger}"))
    do(app, update(AuditSeal).where(AuditSeal.after_id == 100).values(digest=bytes(32)))
    assert damage(app) == {("seal", 101, 200)}


def test_two_that_sign_at_once_sign_one_tree(migrated_url: str):
    app = make_app(migrated_url)
    enrol_many(app, 10)
    clock_of(app).advance(LONG_AGO)
    together = Barrier(4)

    def work(_):
        together.wait()
        return sign_trail(app)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))

    verdict = verify_trail(app)
    assert verdict.intact
    assert verdict.events == 10
    app.close()


def test_one_that_is_beaten_to_every_checkpoint_leaves_the_rest_to_its_rivals(
    migrated_url: str, monkeypatch
):
    monkeypatch.setattr(tree, "SIGN_BATCH", 7)
    app = make_app(migrated_url)
    record(app, 600)
    clock_of(app).advance(LONG_AGO)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: [sign_trail(app) for _ in range(20)], range(4)))

    while sign_trail(app):
        pass
    verdict = verify_trail(app)
    assert verdict.intact
    assert verdict.events == 600
    app.close()


def test_the_public_key_names_the_log(signed: AppContext):
    key = trail_signer(signed).key

    assert rows(signed, AuditCheckpoint)[0].note.startswith(f"{key.name}\n")
    assert str(key).endswith(b64encode(b"\x01" + key.public).decode())
