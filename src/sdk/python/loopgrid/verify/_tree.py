"""Merkle trees, RFC 9162 2.1: growing one at its right edge, inclusion and consistency."""

from __future__ import annotations

import hashlib
from typing import List, Optional, Sequence, Tuple


def leaf_hash(octets: bytes) -> bytes:
    """Of an entry's header; the same hash links the chain."""
    return hashlib.sha256(b"\x00" + octets).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> Optional[bytes]:
    """The root that a proof leads to; None when it has not the shape of one for this index and size."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None  # longer than the tree is high
        if node % 2 == 1 or node == last:
            found = node_hash(sibling, found)
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            found = node_hash(found, sibling)
        node, last = node // 2, last // 2
    return found if last == 0 else None


class Edge:
    """The roots of the perfect subtrees of a tree, largest first: all that is needed to extend it."""

    def __init__(self, size: int, roots: Sequence[bytes]) -> None:
        if len(roots) != bin(size).count("1"):
            raise ValueError("the edge does not fit its size")
        self.size = size
        self._roots: List[bytes] = list(roots)

    def append(self, leaf: bytes) -> None:
        rest = self.size
        while rest % 2 == 1:
            leaf = node_hash(self._roots.pop(), leaf)
            rest //= 2
        self._roots.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        if not self._roots:
            return hashlib.sha256(b"").digest()
        root = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            root = node_hash(left, root)
        return root


def is_prefix(
    sizes: Tuple[int, int], roots: Tuple[bytes, bytes], proof: Sequence[bytes]
) -> bool:
    """Whether the proof shows that the larger tree only grew from the smaller, RFC 9162 2.1.4.2."""
    (first, second), (old_root, new_root) = sizes, roots
    if first == second:
        return not proof and old_root == new_root
    if not 0 < first < second:
        return False
    # The proof leaves out the old root where that is itself a node of the new tree.
    path = [old_root, *proof] if first & (first - 1) == 0 else list(proof)
    if not path:
        return False
    node, last = first - 1, second - 1
    while node % 2 == 1:
        node, last = node // 2, last // 2
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node % 2 == 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while node % 2 == 0 and node != 0:
                node, last = node // 2, last // 2
        else:
            new = node_hash(new, sibling)
        node, last = node // 2, last // 2
    return last == 0 and (old, new) == (old_root, new_root)
