"""The tree against RFC 6962's definitions, written down once more as they stand there, and against known answers."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    peaks,
    position,
    root,
    stored,
    verify_consistency,
    verify_inclusion,
)

# The leaves and roots that implementations of certificate transparency share as test vectors.
VECTOR = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
INCLUSION = [  # leaf, size, audit path
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
CONSISTENCY = [  # first, second, proof
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        [
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
    (1, 1, []),
]


class Stored:
    """A tree kept as the log keeps it: the hashes in one row."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.hashes: list[bytes] = []
        self.frontier = Frontier()
        for leaf in leaves:
            self.hashes += self.frontier.add(leaf_hash(leaf))

    def read(self, level: int, index: int) -> bytes:
        return self.hashes[position(level, index)]


def mth(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, 2.1."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(m: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, 2.1.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return [*path(m, leaves[:k]), mth(leaves[k:])] if m < k else [*path(m - k, leaves[k:]), mth(leaves[:k])]


def subproof(m: int, leaves: list[bytes], *, whole: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962, 2.1.2."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def split(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def leaves_of(size: int) -> list[bytes]:
    return [b"leaf %d" % n for n in range(size)]


@pytest.mark.parametrize("size", range(9))
def test_roots_of_the_known_vectors(size: int) -> None:
    """The roots of the well-known eight leaves come out."""
    assert ROOTS[size] == Stored(VECTOR[:size]).frontier.root().hex()


@pytest.mark.parametrize(("leaf", "size", "expected"), INCLUSION)
def test_audit_paths_of_the_known_vectors(leaf: int, size: int, expected: list[str]) -> None:
    """The published audit paths come out."""
    tree = Stored(VECTOR[:size])
    assert expected == [part.hex() for part in inclusion_proof(tree.read, leaf, size)]


@pytest.mark.parametrize(("first", "second", "expected"), CONSISTENCY)
def test_consistency_proofs_of_the_known_vectors(first: int, second: int, expected: list[str]) -> None:
    """The published consistency proofs come out."""
    tree = Stored(VECTOR[:second])
    assert expected == [part.hex() for part in consistency_proof(tree.read, first, second)]


def test_proofs_are_those_of_the_rfc_and_hold() -> None:
    """For every size up to 40 all proofs equal the RFC's recursive definition and are accepted."""
    tree = Stored(leaves_of(40))
    for size in range(1, 41):
        leaves = leaves_of(size)
        head = mth(leaves)
        assert head == root(tree.read, size)
        for index in range(size):
            proof = inclusion_proof(tree.read, index, size)
            assert path(index, leaves) == proof
            assert verify_inclusion(leaf_hash(leaves[index]), index, size, proof, head)
        for first in range(1, size + 1):
            proof = consistency_proof(tree.read, first, size)
            assert subproof(first, leaves, whole=True) == proof
            assert verify_consistency(first, size, proof, mth(leaves[:first]), head)
    assert verify_consistency(0, 40, [], EMPTY_ROOT, head)


def test_hashes_stand_in_a_row_without_gaps() -> None:
    """Every complete subtree has its own place, and `stored` counts the places."""
    size = 100
    places = {position(level, index) for level in range(7) for index in range(size >> level)}
    assert set(range(stored(size))) == places
    assert stored(size) == len(Stored(leaves_of(size)).hashes)


@given(size=st.integers(1, 300), data=st.data())
def test_a_changed_proof_is_refused(size: int, data: st.DataObject) -> None:
    """No flipped bit, missing or additional hash, other index, other size or other root passes."""
    tree = Stored(leaves_of(size))
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(tree.read, index, size)
    leaf, head = leaf_hash(leaves_of(size)[index]), tree.frontier.root()
    assert verify_inclusion(leaf, index, size, proof, head)
    assert not verify_inclusion(leaf, index, size, [*proof, leaf], head)
    assert not verify_inclusion(leaf, index, size, proof, bytes(32))
    assert not verify_inclusion(leaf, size, size, proof, head)
    assert not verify_inclusion(leaf, -1, size, proof, head)
    other = data.draw(st.integers(0, size - 1).filter(lambda other: other != index) if size > 1 else st.just(1))
    assert not verify_inclusion(leaf, other, size, proof, head)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = [bytes([part[0] ^ 1]) + part[1:] if i == at else part for i, part in enumerate(proof)]
        assert not verify_inclusion(leaf, index, size, changed, head)
        assert not verify_inclusion(leaf, index, size, proof[:at] + proof[at + 1 :], head)


@given(first=st.integers(1, 200), more=st.integers(1, 100), data=st.data())
def test_a_changed_consistency_proof_is_refused(first: int, more: int, data: st.DataObject) -> None:
    """A rewritten past has no consistency proof that passes."""
    tree = Stored(leaves_of(first + more))
    old, new = root(tree.read, first), tree.frontier.root()
    proof = consistency_proof(tree.read, first, first + more)
    assert verify_consistency(first, first + more, proof, old, new)
    assert not verify_consistency(first, first + more, proof, bytes(32), new)
    assert not verify_consistency(first, first + more, proof, old, bytes(32))
    assert not verify_consistency(first, first + more, [*proof, old], old, new)
    assert not verify_consistency(first, first + more, [], old, new)
    assert not verify_consistency(first + more, first, proof, new, old)
    at = data.draw(st.integers(0, len(proof) - 1))
    changed = [bytes([part[0] ^ 1]) + part[1:] if i == at else part for i, part in enumerate(proof)]
    assert not verify_consistency(first, first + more, changed, old, new)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5)])
def test_no_proof_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    """A leaf outside the tree raises ValueError."""
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_proof(Stored(leaves_of(size)).read, index, size)


def test_a_frontier_can_be_resumed() -> None:
    """A frontier made from stored hashes grows like the one that never stopped."""
    tree = Stored(leaves_of(77))
    for size in range(77):
        resumed = Frontier(size, peaks(tree.read, size))
        for leaf in leaves_of(77)[size:]:
            resumed.add(leaf_hash(leaf))
        assert tree.frontier.root() == resumed.root()
