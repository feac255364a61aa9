"""The Merkle tree of RFC 6962, section 2.1: hashing, growing, proving, checking proofs.

A tree is kept as the hashes of its complete subtrees in the order in which they become complete: every new leaf adds
its own hash, then the hash of each subtree that it completes, smallest first. What is written never changes, a tree of
n leaves takes 2n - (number of ones in n) hashes, and each has a place that follows by arithmetic (`position`), so a
proof is a few reads.

A node is named by (level, index): the subtree over the leaves index * 2**level up to, not including,
(index + 1) * 2**level. `Read` returns the hash of such a subtree; it is only asked for complete ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()

Read = Callable[[int, int], bytes]


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf with this content."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of the node over two subtrees."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def stored(size: int) -> int:
    """Return how many hashes a tree of `size` leaves keeps."""
    return 2 * size - size.bit_count()


def position(level: int, index: int) -> int:
    """Return the place of a complete subtree among the kept hashes, from 0."""
    last_leaf = ((index + 1) << level) - 1
    return stored(last_leaf) + level


class Frontier:
    """The right edge of a growing tree: the roots of its largest complete subtrees, from left to right."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        """Begin with a tree of `size` leaves whose `peaks` are as `peaks(read, size)` gives them."""
        self.size = size
        self._peaks = list(peaks)

    def add(self, leaf: bytes) -> list[bytes]:
        """Add a leaf hash; return the hashes of the subtrees that are now complete, the leaf itself first."""
        complete = [leaf]
        merges = self.size
        while merges & 1:
            leaf = node_hash(self._peaks.pop(), leaf)
            complete.append(leaf)
            merges >>= 1
        self._peaks.append(leaf)
        self.size += 1
        return complete

    def root(self) -> bytes:
        """Return the root of the tree as it is."""
        if not self._peaks:
            return EMPTY_ROOT
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def copy(self) -> Frontier:
        """Return a frontier that grows on its own."""
        return Frontier(self.size, self._peaks)


def peaks(read: Read, size: int) -> list[bytes]:
    """Return the roots of the largest complete subtrees of a tree of `size` leaves, from left to right."""
    hashes = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            hashes.append(read(level, start >> level))
            start += 1 << level
    return hashes


def root(read: Read, size: int) -> bytes:
    """Return the root of the tree over the first `size` leaves."""
    return Frontier(size, peaks(read, size)).root()


def inclusion_proof(read: Read, index: int, size: int) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree over the first `size` leaves (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    path = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            path.append(_subtree(read, middle, stop))
            stop = middle
        else:
            path.append(_subtree(read, start, middle))
            start = middle
    return path[::-1]


def consistency_proof(read: Read, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a prefix of that of `second` leaves (RFC 6962, 2.1.2).

    It is empty when there is nothing to prove: `first` is 0 or equal to `second`.
    """
    if not 0 <= first <= second:
        raise ValueError(f"a tree of {first} leaves is no prefix of one of {second} leaves")
    if first in (0, second):
        return []
    path = []
    start, stop = 0, second
    known = True  # whether the subtree is one that the holder of the first root can name
    while first != stop:
        middle = start + _split(stop - start)
        if first <= middle:
            path.append(_subtree(read, middle, stop))
            stop = middle
        else:
            path.append(_subtree(read, start, middle))
            start = middle
            known = False
    if not known:
        path.append(_subtree(read, start, stop))
    return path[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected_root: bytes) -> bool:
    """Return whether `proof` shows that leaf hash `leaf` is number `index` in the tree (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    node, last = index, size - 1
    computed = leaf
    for sibling in proof:
        if last == 0:
            return False
        if node & 1 or node == last:
            computed = node_hash(sibling, computed)
            node, last = _climb(node, last)
        else:
            computed = node_hash(computed, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and computed == expected_root


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> bool:
    """Return whether `proof` shows that the second tree only added leaves to the first (RFC 9162, 2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not proof and first_root == second_root
    if first == 0:
        return not proof and first_root == EMPTY_ROOT
    path = list(proof) if first & (first - 1) else [first_root, *proof]
    if not path:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node >>= 1
        last >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            node, last = _climb(node, last)
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    return last == 0 and old == first_root and new == second_root


def _climb(node: int, last: int) -> tuple[int, int]:
    """Skip the levels on which the node is a left child without a right one."""
    while node and not node & 1:
        node >>= 1
        last >>= 1
    return node, last


def _split(width: int) -> int:
    """Return the largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)


def _subtree(read: Read, start: int, stop: int) -> bytes:
    """Return the hash over the leaves start <= i < stop, where `start` is a multiple of the enclosing power of two."""
    hashes = []
    while start < stop:
        level = (stop - start).bit_length() - 1
        hashes.append(read(level, start >> level))
        start += 1 << level
    computed = hashes.pop()
    while hashes:
        computed = node_hash(hashes.pop(), computed)
    return computed
