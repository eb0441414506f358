"""Audit tree: a Merkle tree over the trail, kept as tiles, and the checkpoints signed over it.

The tree is that of RFC 6962, its checkpoints are those of C2SP (tlog-checkpoint), so that whoever
has the public key checks what we say without trusting us. Decision 0021 says what for.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from sqlalchemy import func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from followup.audit.leaves import EVENT_COLUMNS, event_leaf
from followup.context import AppContext
from followup.domain import actors
from followup.domain.audit.merkle import HASH_BYTES, complete_root, root_of
from followup.domain.errors import TrailDamaged
from followup.signatures.signed_notes import NoteKey, NoteSigner
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditSeal, AuditTile

SIGN_AFTER = timedelta(minutes=10)
"""An event is signed when it is older than any transaction may last, also by the clock of a machine
that is some minutes off: none can slip in before it."""
SIGN_BATCH = 20_000

TILE_WIDTH = 256
TILE_LEVELS = 8
"""Levels of the tree that one tile spans: 2**8 hashes."""

CHECKPOINT_EVENT = "audit.checkpoint"
MAILED_EVENT = "audit.checkpoint-mailed"
BEGUN_EVENT = "audit.checkpoints-begun"

MISSING_TILE = "of the audit tree a tile is missing"


@dataclass(frozen=True, slots=True)
class TreeHead:
    """What a checkpoint says: how many leaves, and the root over them."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        """Return the text of a checkpoint."""
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"


def trail_signer(app: AppContext) -> NoteSigner:
    """Return what signs checkpoints: its key comes out of a service key, never of the database."""
    return _signer(app.keyring.audit_key)


@lru_cache(maxsize=8)
def _signer(audit_key: bytes) -> NoteSigner:
    seed = hmac.digest(audit_key, b"checkpoint signing key", "sha256")
    return NoteSigner(seed, name="followup-audit/{}")


def read_checkpoint(note: str, key: NoteKey) -> TreeHead | None:
    """Return the head that a checkpoint signs; None where it is none that this key signed."""
    text = key.signed(note)
    if text is None:
        return None
    origin, size, root, *_ = [*text.splitlines(), "", "", ""]
    if not size.isdecimal():
        return None
    return TreeHead(origin, int(size), b64decode(root))


def newest_checkpoint(session: Session) -> AuditCheckpoint | None:
    """Return the newest checkpoint."""
    return session.scalar(select(AuditCheckpoint).order_by(AuditCheckpoint.size.desc()).limit(1))


def split_hashes(hashes: bytes) -> list[bytes]:
    """Return the hashes of a tile one by one."""
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]


class AuditTree:
    """The tree as its tiles hold it, and its last leaves, which fill no tile yet.

    Reads only the tiles that it is asked about.
    """

    def __init__(self, session: Session, tail: Sequence[bytes], *, size: int) -> None:
        self._session = session
        self._tail = list(tail)
        self.size = size
        self._hashes: dict[tuple[int, int], list[bytes]] = {}
        self._new: dict[tuple[int, int], AuditTile] = {}
        self._node = lru_cache(maxsize=65_536)(self._node_of)

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree; raise `TrailDamaged` where its tile is gone."""
        return self._node(level, index)

    def root(self) -> bytes:
        """Return the root over all leaves."""
        return self.root_at(self.size)

    def root_at(self, size: int) -> bytes:
        """Return the root over the first leaves, which is what an older checkpoint signs."""
        return root_of(size, self.node)

    def grow(
        self, leaves: Sequence[tuple[int, bytes]], *, before: Sequence[int]
    ) -> list[AuditTile]:
        """Add leaves with the ids of their events, and return the tiles that are full now.

        `before` has the ids of the leaves that fill no tile yet.
        """
        ids = [*before, *(id_ for id_, _ in leaves)]
        hashes = [*self._tail, *(leaf for _, leaf in leaves)]
        number = (self.size - len(self._tail)) // TILE_WIDTH
        full: list[AuditTile] = []
        while len(hashes) >= TILE_WIDTH:
            full += self._fill(0, number, hashes[:TILE_WIDTH], ids[0], ids[TILE_WIDTH - 1])
            hashes, ids, number = hashes[TILE_WIDTH:], ids[TILE_WIDTH:], number + 1
        self._tail, self.size = hashes, self.size + len(leaves)
        self._hashes.pop((0, number), None)
        return full

    def _fill(
        self, level: int, number: int, hashes: list[bytes], first: int, last: int
    ) -> list[AuditTile]:
        self._hashes[level, number] = hashes
        tile = AuditTile(
            level=level,
            number=number,
            first_event_id=first,
            last_event_id=last,
            hashes=b"".join(hashes),
            root=complete_root(hashes),
        )
        self._new[level, number] = tile
        above, place = divmod(number, TILE_WIDTH)
        if place < TILE_WIDTH - 1:
            self._hashes.pop((level + 1, above), None)
            return [tile]
        beneath = range(above * TILE_WIDTH, number + 1)
        oldest = self._tile(level, beneath[0])
        begins = oldest.first_event_id if oldest else first
        return [tile, *self._fill(level + 1, above, self._roots_of(level, beneath), begins, last)]

    def _tile(self, level: int, number: int) -> AuditTile | None:
        return self._new.get((level, number)) or self._session.get(AuditTile, (level, number))

    def _node_of(self, level: int, index: int) -> bytes:
        tile_level, within = divmod(level, TILE_LEVELS)
        number, first = divmod(index << within, TILE_WIDTH)
        if (tile_level, number) not in self._hashes:
            self._hashes[tile_level, number] = self._read(tile_level, number)
        found = self._hashes[tile_level, number][first : first + (1 << within)]
        if len(found) != 1 << within:
            raise TrailDamaged(f"{MISSING_TILE}: {number} of level {tile_level}")
        return complete_root(found)

    def _read(self, level: int, number: int) -> list[bytes]:
        tile = self._tile(level, number)
        if tile is not None:
            return split_hashes(tile.hashes)
        if level == 0:
            return self._tail if number == self.size // TILE_WIDTH else []
        first = number * TILE_WIDTH
        return self._roots_of(level - 1, range(first, first + TILE_WIDTH))

    def _roots_of(self, level: int, numbers: range) -> list[bytes]:
        stored = self._session.execute(
            select(AuditTile.number, AuditTile.root).where(
                AuditTile.level == level, AuditTile.number.between(numbers[0], numbers[-1])
            )
        )
        found = {row.number: row.root for row in stored}
        found |= {number: tile.root for (at, number), tile in self._new.items() if at == level}
        roots: list[bytes] = []
        for number in numbers:
            if number not in found:
                break
            roots.append(found[number])
        return roots


def last_tile(session: Session) -> AuditTile | None:
    """Return the newest tile of leaves."""
    return session.scalar(
        select(AuditTile).where(AuditTile.level == 0).order_by(AuditTile.number.desc()).limit(1)
    )


def stored_tree(
    session: Session, audit_key: bytes, checkpoint: AuditCheckpoint
) -> tuple[AuditTree, list[int]]:
    """Return the tree under the newest checkpoint, and the ids of events that fill no tile yet."""
    tile = last_tile(session)
    rows = session.execute(
        select(*EVENT_COLUMNS)
        .where(
            AuditEvent.id > (tile.last_event_id if tile else 0),
            AuditEvent.id <= checkpoint.upto_id,
        )
        .order_by(AuditEvent.id)
        .limit(TILE_WIDTH)
    ).all()
    leaves = [event_leaf(audit_key, row) for row in rows]
    return AuditTree(session, leaves, size=checkpoint.size), [row.id for row in rows]


def sign_trail(app: AppContext) -> int:
    """Sign the events that are old enough, with all before them; return how many were new.

    Two at once sign the same tree: the second to add a tile or a checkpoint returns 0. Raises
    `TrailDamaged` where the tree is not the one that was signed last: that is never signed over.
    """
    try:
        return app.store.transact(lambda session: _sign(app, session))
    except IntegrityError:
        return 0


def _sign(app: AppContext, session: Session) -> int:
    key, signer = app.keyring.audit_key, trail_signer(app)
    last = newest_checkpoint(session)
    after = last.upto_id if last else 0
    rows = _settled(app, session, after=after)
    if not rows:
        return 0
    tree, ids = stored_tree(session, key, last) if last else (AuditTree(session, (), size=0), [])
    if last is not None:
        head = read_checkpoint(last.note, signer.key)
        if head is None or head.size != tree.size or head.root != tree.root():
            raise TrailDamaged(
                "the audit trail is not as it was signed, so nothing more is signed: run "
                "followup audit --verify, keep the database as it is, and tell whoever answers "
                "for it"
            )
    session.add_all(tree.grow([(row.id, event_leaf(key, row)) for row in rows], before=ids))
    note = signer.sign(str(TreeHead(signer.key.name, tree.size, tree.root())))
    session.add(AuditCheckpoint(size=tree.size, upto_id=rows[-1].id, note=note))
    if last is None:
        _tell_of_seals(app, session)
    if _is_first_of_hour(session, after, rows):
        detail = {"size": tree.size, "note": note}
        record_event(
            session, app.by(actors.SWEEPER), AuditEntry(action=CHECKPOINT_EVENT, detail=detail)
        )
    return len(rows)


def _settled(app: AppContext, session: Session, *, after: int) -> Sequence[AnyRow]:
    """Return the next events up to the first that is too new.

    In one statement, so in one snapshot: what a rival commits meanwhile is not taken for old.
    """
    settled = app.clock.real_now() - SIGN_AFTER
    too_new = (
        select(func.min(AuditEvent.id))
        .where(AuditEvent.real_at > settled, AuditEvent.id > after)
        .scalar_subquery()
    )
    return session.execute(
        select(*EVENT_COLUMNS)
        .where(AuditEvent.id > after, or_(too_new.is_(None), AuditEvent.id < too_new))
        .order_by(AuditEvent.id)
        .limit(SIGN_BATCH)
    ).all()


def _tell_of_seals(app: AppContext, session: Session) -> None:
    """Note that checkpoints take the place of seals, where there were any."""
    sealed = session.scalar(select(func.max(AuditSeal.upto_id)))
    if sealed is not None:
        record_event(
            session,
            app.by(actors.SWEEPER),
            AuditEntry(action=BEGUN_EVENT, detail={"sealed_upto": sealed}),
        )


def _is_first_of_hour(session: Session, before: int, rows: Sequence[AnyRow]) -> bool:
    """Say whether an hour began between the last checkpoint and this one, and something was done.

    A checkpoint that only covers the note of the one before it, and that it was mailed, is no news.
    """
    if all(row.action in {CHECKPOINT_EVENT, MAILED_EVENT} for row in rows):
        return False
    previous = session.scalar(select(AuditEvent.real_at).where(AuditEvent.id == before))
    hour = rows[-1].real_at.replace(minute=0, second=0, microsecond=0)
    return previous is None or previous < hour
