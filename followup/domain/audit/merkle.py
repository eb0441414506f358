"""Merkle tree of RFC 6962: hashes of leaves and nodes, roots, inclusion proofs.

A tree of n leaves is the same for everybody who has the leaves, so its root, 32 bytes, stands for
all of them and their order. Node (level, index) is the root over the 2**level leaves from
index * 2**level on: only such complete subtrees are ever kept, as they never change again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256

HASH_BYTES = 32

Node = Callable[[int, int], bytes]
"""Returns the hash of a complete subtree by its level, 0 for leaves, and its place there."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of a leaf (RFC 6962, section 2.1)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node above two others."""
    return sha256(b"\x01" + left + right).digest()


def complete_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of hashes."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


def root_of(size: int, node: Node, *, start: int = 0) -> bytes:
    """Return the root over `size` leaves from `start` on, a multiple of every subtree it needs."""
    if size == 0:
        return sha256().digest()
    parts: list[bytes] = []
    while size:
        level = size.bit_length() - 1
        parts.append(node(level, start >> level))
        start, size = start + (1 << level), size - (1 << level)
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """Return the hashes that lead from a leaf to the root, its sibling first (RFC 6962, 2.1.1).

    Raises `ValueError` where the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has none at {index}")
    proof: list[bytes] = []
    start = 0
    while size > 1:
        half = 1 << ((size - 1).bit_length() - 1)
        if index < start + half:
            proof.append(root_of(size - half, node, start=start + half))
            size = half
        else:
            proof.append(root_of(half, node, start=start))
            start, size = start + half, size - half
    return proof[::-1]


def root_from_proof(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes]) -> bytes | None:
    """Return the root to which a proof leads (RFC 9162, 2.1.3.2); None where it can't be one."""
    if not 0 <= index < size:
        return None
    last, root = size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if index & 1 or index == last:
            root = node_hash(sibling, root)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            root = node_hash(root, sibling)
        index, last = index >> 1, last >> 1
    return root if last == 0 else None


class CompactRange:
    """The complete subtrees of a tree that grows leaf by leaf: enough for its root at any time."""

    __slots__ = ("_nodes", "size")

    def __init__(self) -> None:
        self.size = 0
        self._nodes: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next leaf."""
        size, nodes, joined = self.size, self._nodes, leaf
        while size & 1:
            joined, size = node_hash(nodes.pop(), joined), size >> 1
        nodes.append(joined)
        self.size += 1

    def root(self) -> bytes:
        """Return the root as of now."""
        if not self._nodes:
            return sha256().digest()
        root = self._nodes[-1]
        for node in reversed(self._nodes[:-1]):
            root = node_hash(node, root)
        return root

    def become(self, other: CompactRange) -> None:
        """Take the state of another."""
        self.size, self._nodes = other.size, list(other._nodes)
