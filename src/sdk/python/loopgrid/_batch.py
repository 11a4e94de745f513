"""Records that are sent as one request, under one Idempotency-Key, and what a refusal does to them."""

from __future__ import annotations

import re
from typing import List, Sequence, Set, Tuple

from ._transport import Asked
from .errors import LoopGridAPIError

#: JSON texts of decisions, without line feeds.
Lines = Sequence[bytes]


class Batch:
    """It does not change any more: its key belongs to exactly these lines."""

    def __init__(self, key: str, count: int, size: int) -> None:
        self.key = key
        self.count = count
        #: Bytes of its lines.
        self.size = size

    def lines(self) -> Lines:
        raise NotImplementedError

    def remove(self) -> None:
        """It is acknowledged, or divided."""

    def refuse(self) -> None:
        """Keeps it out of the way, for a person, where it is on disk."""


class MemoryBatch(Batch):
    def __init__(self, key: str, lines: Lines) -> None:
        super().__init__(key, len(lines), sum(map(len, lines)))
        self._lines = lines

    def lines(self) -> Lines:
        return self._lines


def asked_of(key: str, lines: Lines) -> Asked:
    body = b'{"decisions":[' + b",".join(lines) + b"]}"
    return Asked("POST", "/v1/decisions/batch", body=body, idempotency_key=key)


def parts_of(key: str, lines: Lines, error: LoopGridAPIError) -> List[Tuple[str, Lines]]:
    """One bad record refuses its whole batch: it is divided, by the positions the refusal names, else
    in halves.

    The keys follow from the batch's, so that after a crash in between it is divided into the same
    requests again.
    """
    bad = _bad_positions(error, len(lines))
    groups: List[Lines]
    if 0 < len(bad) < len(lines):
        good = [line for position, line in enumerate(lines) if position not in bad]
        groups = [good, *([lines[position]] for position in sorted(bad))]
    else:
        half = (len(lines) + 1) // 2
        groups = [lines[:half], lines[half:]]
    return [(f"{key}-{number}", group) for number, group in enumerate(groups)]


def _bad_positions(error: LoopGridAPIError, count: int) -> Set[int]:
    """`decisions[3].input`, in a path or in the sentence."""
    texts = [*(one["path"] for one in error.errors), error.detail]
    found = {int(n) for text in texts for n in re.findall(r"decisions[\[.](\d{1,9})", text)}
    return {position for position in found if position < count}
