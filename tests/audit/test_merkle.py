"""The tree of RFC 6962: roots, and proofs that lead to them and to nothing else."""

from __future__ import annotations

from hashlib import sha256

import pytest
from pymerkle import InmemoryTree  # type: ignore[import-untyped]

from followup.domain.audit.merkle import (
    CompactRange,
    complete_root,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_from_proof,
    root_of,
)

# The inputs and roots that implementations of Certificate Transparency test themselves with.
ENTRIES = [
    bytes.fromhex(it)
    for it in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))


def nodes_of(leaves: list[bytes]):
    def node(level: int, index: int) -> bytes:
        return complete_root(leaves[index << level : (index + 1) << level])

    return node


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_the_published_ones(size: int):
    growing = CompactRange()
    for leaf in LEAVES[:size]:
        growing.append(leaf)

    assert growing.root().hex() == ROOTS[size - 1]
    assert root_of(size, nodes_of(LEAVES)).hex() == ROOTS[size - 1]


def test_another_implementation_gives_the_same_roots():
    other, growing = InmemoryTree(algorithm="sha256"), CompactRange()
    for number in range(300):
        entry = number.to_bytes(2, "big") * 9
        other.append_entry(entry)
        growing.append(leaf_hash(entry))
        assert other.get_root() == growing.root()


def test_an_empty_tree_has_the_hash_of_nothing():
    assert CompactRange().root() == root_of(0, nodes_of([])) == by_definition([])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 65, 100])
def test_every_leaf_is_proved_and_only_in_its_place(size: int):
    leaves = [leaf_hash(b"%d" % at) for at in range(size)]
    root = by_definition(leaves)
    node = nodes_of(leaves)
    for index, leaf in enumerate(leaves):
        proof = inclusion_proof(index, size, node)

        assert root_from_proof(leaf, index=index, size=size, proof=proof) == root
        for other in {0, index - 1, index + 1, size - 1} - {index}:
            assert root_from_proof(leaf, index=other, size=size, proof=proof) != root
        assert root_from_proof(leaf_hash(b"x"), index=index, size=size, proof=proof) != root
        assert root_from_proof(leaf, index=index, size=size, proof=[*proof, root]) != root
        if proof:
            assert root_from_proof(leaf, index=index, size=size, proof=proof[:-1]) != root


def test_a_leaf_that_is_not_there_has_no_proof():
    with pytest.raises(ValueError, match="a tree of 3 leaves has none at 3"):
        inclusion_proof(3, 3, nodes_of(LEAVES))
    assert root_from_proof(LEAVES[0], index=-1, size=3, proof=[]) is None


def test_a_range_takes_the_state_of_another():
    one, other = CompactRange(), CompactRange()
    for leaf in LEAVES[:5]:
        one.append(leaf)
    other.become(one)
    one.append(LEAVES[5])

    assert (other.size, other.root().hex()) == (5, ROOTS[4])
