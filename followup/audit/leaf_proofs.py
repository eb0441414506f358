"""Inclusion proofs: that an event is the leaf at its place in the tree that a checkpoint signs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from followup.audit.leaves import EVENT_COLUMNS, event_leaf
from followup.audit.tree import TILE_WIDTH, AuditTree, split_hashes, stored_tree
from followup.context import AppContext
from followup.domain.audit.merkle import complete_root, inclusion_proof
from followup.store.engine.types import AnyRow
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditTile

MOST_TILES_AT_ONCE = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvedEvent:
    """The place of an event in the tree, and the way from there to the root."""

    event_id: int
    index: int
    proof: Sequence[bytes]


class LeafProofs:
    """Proofs under one checkpoint. Reads the tiles that its events lie in, and few above them."""

    def __init__(self, session: Session, app: AppContext, checkpoint: AuditCheckpoint) -> None:
        self._session = session
        self._audit_key = app.keyring.audit_key
        self._upto = checkpoint.upto_id
        self._tree: AuditTree
        self._tree, self._tail_ids = stored_tree(session, self._audit_key, checkpoint)

    def root(self) -> bytes:
        """Return the root of the tree as it is kept; raise `TrailDamaged` where it has gaps."""
        return self._tree.root()

    def loose_end(self) -> tuple[int, int]:
        """Return the ids of the first and last event that the newest tiles don't hold."""
        return (self._tail_ids[0] if self._tail_ids else self._upto, self._upto)

    def check(self, event_ids: Sequence[int]) -> dict[int, bool]:
        """Say of each event whether it is the leaf that was signed in its place."""
        rows, places = self._rows(event_ids), self._places(event_ids)
        checked: dict[int, bool] = {}
        for id_ in event_ids:
            row, place = rows.get(id_), places.get(id_)
            checked[id_] = (
                row is not None
                and place is not None
                and place[1] == event_leaf(self._audit_key, row)
            )
        return checked

    def prove(self, event_ids: Sequence[int]) -> list[ProvedEvent]:
        """Return the events with their proofs, those that the checkpoint covers."""
        places = self._places(event_ids)
        return [
            ProvedEvent(
                event_id=id_,
                index=places[id_][0],
                proof=inclusion_proof(places[id_][0], self._tree.size, self._tree.node),
            )
            for id_ in event_ids
            if id_ in places
        ]

    def _rows(self, event_ids: Sequence[int]) -> dict[int, AnyRow]:
        found = self._session.execute(
            select(*EVENT_COLUMNS).where(AuditEvent.id.in_(event_ids), AuditEvent.id <= self._upto)
        )
        return {row.id: row for row in found}

    def _places(self, event_ids: Sequence[int]) -> dict[int, tuple[int, bytes]]:
        """Return the index of each event among the leaves, and the leaf that is kept there."""
        begin = self._tree.size - len(self._tail_ids)
        places = {
            id_: (begin + at, self._tree.node(0, begin + at))
            for at, id_ in enumerate(self._tail_ids)
        }
        tiles = self._tiles([id_ for id_ in event_ids if id_ not in places])
        for start in range(0, len(tiles), MOST_TILES_AT_ONCE):
            some = tiles[start : start + MOST_TILES_AT_ONCE]
            ranges = [AuditEvent.id.between(it.first_event_id, it.last_event_id) for it in some]
            ids = self._session.scalars(
                select(AuditEvent.id).where(or_(*ranges)).order_by(AuditEvent.id)
            ).all()
            at = 0
            for tile in some:
                hashes = split_hashes(tile.hashes)
                sound = complete_root(hashes) == tile.root
                first = at
                while at < len(ids) and ids[at] <= tile.last_event_id:
                    place = at - first
                    if sound and place < TILE_WIDTH:
                        places[ids[at]] = (tile.number * TILE_WIDTH + place, hashes[place])
                    at += 1
        return places

    def _tiles(self, event_ids: Sequence[int]) -> Sequence[AuditTile]:
        """Return the tiles of leaves that these events lie in, in order."""
        covering = (
            select(func.min(AuditTile.last_event_id))
            .where(AuditTile.level == 0, AuditTile.last_event_id >= AuditEvent.id)
            .scalar_subquery()
        )
        ends = select(covering).where(AuditEvent.id.in_(event_ids)).distinct()
        return self._session.scalars(
            select(AuditTile)
            .where(AuditTile.level == 0, AuditTile.last_event_id.in_(ends))
            .order_by(AuditTile.number)
        ).all()
