"""Verification of the audit trail: every event against the tree, every checkpoint's signature."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain, islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from followup.audit.damaged_rows import NOT_READABLE, Unreadable, read_rows, require_damage
from followup.audit.leaf_proofs import LeafProofs
from followup.audit.leaves import EVENT_COLUMNS, event_leaf
from followup.audit.seals import check_seals
from followup.audit.tree import (
    CHECKPOINT_EVENT,
    SIGN_AFTER,
    TILE_WIDTH,
    TreeHead,
    newest_checkpoint,
    read_checkpoint,
    split_hashes,
    trail_signer,
)
from followup.context import AppContext
from followup.domain.audit.merkle import HASH_BYTES, CompactRange, complete_root
from followup.domain.audit.trail_damage import Damage, DamageKind
from followup.domain.errors import TrailDamaged
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditTile

OF_TILE, OF_CHECKPOINT = (int, int, int, int, bytes, bytes), (int, int, str)
"""What the columns hold, in their order."""
UNSIGNED_FOR = SIGN_AFTER + timedelta(hours=1)
"""Signing runs every minute, and is alarmed about when it fails: none is left for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailVerdict:
    """Whether the signed part of the trail is as it was written.

    `unsigned` says how many of the latest events no checkpoint covers yet, `overdue` from which to
    which of them should have been covered long ago. `checkpoint` is the newest one, for people to
    keep elsewhere.
    """

    events: int
    checkpoints: int
    unsigned: int
    damage: tuple[Damage, ...] = ()
    checkpoint: str | None = None
    overdue: tuple[int, int] | None = None

    @property
    def intact(self) -> bool | None:
        """Whether nothing was edited, removed or slipped in; None where nobody has signed it."""
        return None if self.overdue and not self.damage else not self.damage


@dataclass(frozen=True, slots=True)
class _Pair:
    """A leaf as its event is now, and as it was kept.

    `event_id` is None where no event is known to be the one that was kept; `suspect` is the stretch
    of ids in which it should be.
    """

    event_id: int | None
    now: bytes
    kept: bytes
    suspect: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class _Head:
    """A checkpoint to meet on the way: what it signs, if anything, and its row if it has one."""

    signed: TreeHead | None
    size: int
    row: AnyRow | None


class _Walk:
    """One pass over events, tiles and checkpoints, side by side.

    Two trees grow, one from the events as they are, one from the leaves as they were kept. They are
    one tree until a leaf differs; the next checkpoint then says which of the two was signed.
    """

    def __init__(self, app: AppContext, session: Session) -> None:
        self.damage: list[Damage] = []
        self.size = self.checkpoints = 0
        self._session = session
        self._audit_key = app.keyring.audit_key
        self._log_key = trail_signer(app).key
        self._by_events = CompactRange()
        self._by_tiles: CompactRange | None = None
        self._suspects: list[tuple[int, int]] = []
        self._signed_upto = 0
        self._off_track = False

    def go(self, upto: int, kept: TreeHead | None) -> None:
        """Walk as far as the event of that id."""
        heads = self._heads(kept)
        head = next(heads, None)
        for pair in self._pairs(upto):
            self._add(pair)
            while head is not None and head.size <= self.size:
                self._compare(head, pair.event_id)
                head = next(heads, None)
        for beyond in chain([head] if head else [], heads):
            self._compare(beyond, None)
        self._compare_tiles()

    def _found(self, kind: DamageKind, first: int, last: int) -> None:
        self.damage.append(Damage(kind, first, last))

    def _heads(self, kept: TreeHead | None) -> Iterator[_Head]:
        """Return the checkpoints by size, with the kept one in its place."""
        for row in _checkpoints(self._session):
            self.checkpoints += 1
            size = row.id if isinstance(row, Unreadable) else row.size
            if kept is not None and kept.size < size:
                yield _Head(kept, kept.size, None)
                kept = None
            if isinstance(row, Unreadable):
                yield _Head(None, size, None)
            else:
                yield _Head(read_checkpoint(row.note, self._log_key), size, row)
        if kept is not None:
            yield _Head(kept, kept.size, None)

    def _add(self, pair: _Pair) -> None:
        if self._by_tiles is None and pair.now != pair.kept:
            self._by_tiles = CompactRange()
            self._by_tiles.become(self._by_events)
        if pair.suspect is not None:
            self._suspects.append(pair.suspect)
        self._by_events.append(pair.now)
        if self._by_tiles is not None:
            self._by_tiles.append(pair.kept)
        self.size += 1

    def _compare(self, head: _Head, event_id: int | None) -> None:
        """Compare a checkpoint with the trees, which are as large as it says or end before."""
        row = head.row
        if head.signed is None or head.signed.size != head.size:
            self._found(DamageKind.CHECKPOINT, head.size, head.size)
            return
        if self._off_track:
            return
        root = head.signed.root if head.size == self.size else None
        if root == (self._by_tiles or self._by_events).root():
            for first, last in self._suspects:
                self._found(DamageKind.EVENTS, first, last)
            self._by_events = self._by_tiles or self._by_events
        elif self._by_tiles is not None and root == self._by_events.root():
            for first, last in self._suspects:
                self._found(DamageKind.TILE, first, last)
        elif row is None:
            self._found(DamageKind.LOST_HEAD, head.size, head.size)
            return
        else:
            self._found(DamageKind.EVENTS, self._signed_upto + 1, row.upto_id)
            self._off_track = True
            return
        self._by_tiles, self._suspects = None, []
        if row is not None:
            self._signed_upto = row.upto_id
            if event_id not in {None, row.upto_id}:
                self._found(DamageKind.CHECKPOINT, head.size, head.size)

    def _pairs(self, upto: int) -> Iterator[_Pair]:
        """Return the leaves in order: tile by tile, then those that fill none."""
        query = select(*EVENT_COLUMNS).where(AuditEvent.id <= upto)
        rows = _Rows(read_rows(self._session, query, AuditEvent.id))
        number = 0
        for tile in self._tiles(0):
            while number < tile.number:
                uncovered = rows.take(TILE_WIDTH)
                if len(uncovered) < TILE_WIDTH:
                    rows.put_back(uncovered)
                    break
                yield from self._without_tile(uncovered)
                number += 1
            if number == tile.number:
                yield from self._under(tile, rows)
                number += 1
            else:
                self._found(DamageKind.TILE, tile.first_event_id, tile.last_event_id)
        for row in rows:
            leaf = self._leaf(row)
            yield _Pair(row.id, leaf, leaf)

    def _leaf(self, row: AnyRow | Unreadable) -> bytes:
        """Return the leaf of an event as it is now; none is empty, as that of no event is."""
        if isinstance(row, Unreadable):
            return b""
        try:
            return event_leaf(self._audit_key, row)
        except NOT_READABLE:
            return b""

    def _tiles(self, level: int) -> Iterator[AnyRow]:
        """Yield the tiles of a level; one that can't be read is as good as removed."""
        query = select(*AuditTile.__table__.c).where(AuditTile.level == level)
        for tile in read_rows(self._session, query, AuditTile.number, types=OF_TILE):
            if isinstance(tile, Unreadable):
                width = TILE_WIDTH ** (level + 1)
                first = tile.id * width + 1
                self._found(DamageKind.TILE, first, first + width - 1)
            else:
                yield tile

    def _without_tile(self, rows: Sequence[AnyRow | Unreadable]) -> Iterator[_Pair]:
        self._found(DamageKind.TILE, rows[0].id, rows[-1].id)
        for row in rows:
            leaf = self._leaf(row)
            yield _Pair(row.id, leaf, leaf)

    def _under(self, tile: AnyRow, rows: _Rows) -> Iterator[_Pair]:
        kept = split_hashes(tile.hashes)
        found = rows.take(TILE_WIDTH)
        now = [self._leaf(row) for row in found]
        if now == kept:
            if (found[0].id, found[-1].id) != (tile.first_event_id, tile.last_event_id):
                self._found(DamageKind.TILE, found[0].id, found[-1].id)
            yield from map(_Pair, (row.id for row in found), now, kept)
            return
        rows.put_back(found)
        yield from self._aligned(tile, rows.take_upto(tile.last_event_id), kept)

    def _aligned(
        self, tile: AnyRow, rows: Sequence[AnyRow | Unreadable], kept: Sequence[bytes]
    ) -> Iterator[_Pair]:
        """Lay the events of a tile beside its leaves; where one is missing, say between which."""
        now = [self._leaf(row) for row in rows]
        ids = {leaf: row.id for leaf, row in zip(now, rows, strict=True)}
        known = [ids.get(leaf) for leaf in kept]
        in_place = now if len(now) == len(kept) else [b""] * len(kept)
        before, after = tile.first_event_id - 1, _next_known(known, end=tile.last_event_id + 1)
        stretches: list[tuple[int, int]] = []
        for at, leaf in enumerate(kept):
            id_ = known[at]
            if id_ is not None:
                before = id_
                yield _Pair(id_, in_place[at], leaf)
                continue
            stretches.append((before + 1, after[at] - 1))
            yield _Pair(None, in_place[at], leaf, suspect=stretches[-1])
        for extra in sorted(set(ids.values()) - set(known)):
            if not any(first <= extra <= last for first, last in stretches):
                self._suspects.append((extra, extra))

    def _compare_tiles(self) -> None:
        """Compare the roots of tiles with their hashes, and those with what stands below."""
        below: dict[int, tuple[bytes, int, int]] = {}
        here: dict[int, tuple[bytes, int, int]] = {}
        level = 0
        highest = self._session.scalar(select(func.max(AuditTile.level))) or 0
        for tile in chain.from_iterable(map(self._tiles, range(highest + 1))):
            if tile.level != level:
                below, here, level = here, {}, tile.level
            hashes = split_hashes(tile.hashes)
            whole = len(hashes) == TILE_WIDTH and len(hashes[-1]) == HASH_BYTES
            holds = whole and complete_root(hashes) == tile.root
            if holds and level:
                first = tile.number * TILE_WIDTH
                under = [below.get(number) for number in range(first, first + TILE_WIDTH)]
                holds = [part and part[0] for part in under] == hashes and (
                    under[0] is not None
                    and under[-1] is not None
                    and (under[0][1], under[-1][2]) == (tile.first_event_id, tile.last_event_id)
                )
            if not holds:
                self._found(DamageKind.TILE, tile.first_event_id, tile.last_event_id)
            here[tile.number] = (tile.root, tile.first_event_id, tile.last_event_id)


def _next_known(known: Sequence[int | None], *, end: int) -> list[int]:
    """Return for each place the id of the first event behind it that is known."""
    following: list[int] = []
    for id_ in reversed(known):
        following.append(end)
        end = end if id_ is None else id_
    return following[::-1]


class _Rows(Iterator[AnyRow | Unreadable]):
    """Rows of a query, with those that were put back first."""

    def __init__(self, rows: Iterator[AnyRow | Unreadable]) -> None:
        self._rows = iter(rows)
        self._back: deque[AnyRow | Unreadable] = deque()

    def __next__(self) -> AnyRow | Unreadable:
        return self._back.popleft() if self._back else next(self._rows)

    def take(self, number: int) -> list[AnyRow | Unreadable]:
        """Return the next rows, at most so many."""
        return list(islice(self, number))

    def take_upto(self, id_: int) -> list[AnyRow | Unreadable]:
        """Return the next rows whose ids are at most that one."""
        taken: list[AnyRow | Unreadable] = []
        for row in self:
            if row.id > id_:
                self.put_back([row])
                break
            taken.append(row)
        return taken

    def put_back(self, rows: Sequence[AnyRow | Unreadable]) -> None:
        """Give these again, before any other."""
        self._back.extendleft(reversed(rows))


def verify_trail(app: AppContext, *, kept: str | None = None) -> TrailVerdict:
    """Make the whole tree again from the events as they are now, and compare all that was signed.

    `kept` is a checkpoint of earlier that was kept elsewhere, or the hash of an old seal. With it a
    trail is found out whose end was cut off, or that was signed anew.
    """
    with app.store.read() as session:
        newest = _last_readable_checkpoint(session)
        upto = newest.upto_id if newest else 0
        head = read_checkpoint(kept, trail_signer(app).key) if kept else None
        seals = check_seals(session, app, head=kept)
        walk = _Walk(app, session)
        walk.go(upto, head)
        if seals.broken is not None:
            walk.damage.append(Damage(DamageKind.SEAL, *seals.broken))
        if kept and head is None and not seals.head_met:
            walk.damage.append(Damage(DamageKind.LOST_HEAD, 0, 0))
        overdue = _long_unsigned(session, after=upto)
        if overdue and _was_signed(session, after=upto, size=newest.size if newest else 0):
            walk.damage.append(Damage(DamageKind.UNSIGNED, *overdue))
        unsigned = session.scalar(
            select(func.count()).select_from(AuditEvent).where(AuditEvent.id > upto)
        )
        return TrailVerdict(
            events=walk.size,
            checkpoints=walk.checkpoints,
            unsigned=unsigned or 0,
            damage=tuple(dict.fromkeys(walk.damage)),
            checkpoint=newest.note if newest else None,
            overdue=overdue,
        )


def _checkpoints(session: Session) -> Iterator[AnyRow | Unreadable]:
    query = select(*AuditCheckpoint.__table__.c)
    return read_rows(session, query, AuditCheckpoint.size, types=OF_CHECKPOINT)


def _last_readable_checkpoint(session: Session) -> AuditCheckpoint | None:
    """Return the newest checkpoint that can be read; what is wrong with others, a walk finds."""
    try:
        return newest_checkpoint(session)
    except NOT_READABLE as error:
        require_damage(session, error)
        found = [row for row in _checkpoints(session) if not isinstance(row, Unreadable)]
        if not found:
            return None
        size, upto_id, note = found[-1]
        return AuditCheckpoint(size=size, upto_id=upto_id, note=note)


def _long_unsigned(session: Session, *, after: int) -> tuple[int, int] | None:
    """Return the events that were there for long when others were written, and are not signed.

    By their own times: a service that is stopped signs nothing, and nothing is wrong with that.
    """
    newest = session.scalar(select(func.max(AuditEvent.real_at)).where(AuditEvent.id > after))
    if newest is None:
        return None
    count, first, last = session.execute(
        select(func.count(), func.min(AuditEvent.id), func.max(AuditEvent.id)).where(
            AuditEvent.id > after, AuditEvent.real_at < newest - UNSIGNED_FOR
        )
    ).one()
    return (first, last) if count else None


def _was_signed(session: Session, *, after: int, size: int) -> bool:
    """Say whether the trail tells of a checkpoint over more than `size` events: it was removed."""
    told = session.scalars(
        select(AuditEvent.detail).where(
            AuditEvent.id > after, AuditEvent.action == CHECKPOINT_EVENT
        )
    )
    # What it tells may have been changed as well: nothing of that is believed, and it stops nobody.
    sizes = [detail.get("size") for detail in told if isinstance(detail, dict)]
    return any(isinstance(it, int) and it > size for it in sizes)


def verify_events(session: Session, app: AppContext, event_ids: Sequence[int]) -> TrailVerdict:
    """Compare these events with the tree that the newest checkpoint signs.

    Takes as long as these events are many, however long the trail is. `unsigned` counts these
    events alone.
    """
    newest = newest_checkpoint(session)
    upto = newest.upto_id if newest else 0
    wanted = [id_ for id_ in event_ids if id_ <= upto]
    if newest is None or not wanted:
        return TrailVerdict(events=0, checkpoints=0, unsigned=len(event_ids))
    damage: list[Damage] = []
    head = read_checkpoint(newest.note, trail_signer(app).key)
    try:
        proofs = LeafProofs(session, app, newest)
        if head is None or head.size != newest.size:
            damage.append(Damage(DamageKind.CHECKPOINT, newest.size, newest.size))
        elif head.root != proofs.root():
            # Of the leaves that fill no tile yet nothing is kept but this: it can't tell which.
            damage.append(Damage(DamageKind.EVENTS, *proofs.loose_end()))
        damage += [
            Damage(DamageKind.EVENTS, id_, id_)
            for id_, proved in proofs.check(wanted).items()
            if not proved
        ]
    except TrailDamaged:
        damage.append(Damage(DamageKind.CHECKPOINT, newest.size, newest.size))
    return TrailVerdict(
        events=len(wanted),
        checkpoints=1,
        unsigned=len(event_ids) - len(wanted),
        damage=tuple(damage),
        checkpoint=newest.note,
    )
