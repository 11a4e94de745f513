"""Inclusion in a Merkle tree, RFC 9162 2.1.3.2."""

from __future__ import annotations

import hashlib
from typing import Optional, Sequence


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
