"""Verifying a ledger export line by line, in bounded memory: that its entries follow one another, open
their commitments, and are the ones that were signed."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from ._canonical import NotCanonical, NotJson, parse_canonical
from ._entry import CheckedEntry, Malformed, check_entry, check_proven, erased_targets, hash_list
from ._entry import whole_number
from ._file_checkpoint import check_file_checkpoint
from ._note import Checkpoint, VerifierKey
from ._tree import Edge, is_prefix
from ._verdict import NO_KEY, Finding, Keys, Verdict, parse_keys, status_from

FORMAT = "loopgrid-ledger/1"
_START = {"edge", "format", "from", "origin", "to", "verifier_keys"}
_END = {"checkpoint", "count", "erasures", "proof"}
#: More say nothing that these do not.
FINDINGS_MAX = 100
LIMITS = ("It shows what was recorded, not that it was true when it was recorded.",)


def verify_export(lines: Iterable[str], keys: Keys = ()) -> Verdict:
    """Verifies a ledger export, as `grid.exports.ledger` gives it: its lines, without line feeds.

    `keys` as for `verify_evidence`.
    """
    verifier = _Export(parse_keys(keys))
    try:
        for line in lines:
            verifier.line(line)
        verifier.finish()
    except NotJson as error:
        verifier.unproven.append(f"the file is unreadable: {error}")
    except (NotCanonical, Malformed) as error:
        verifier.find("content_mismatch", str(error))
    return verifier.verdict()


class _Export:
    def __init__(self, trusted: List[VerifierKey]) -> None:
        self._trusted = trusted
        self._start: Optional[Dict[str, Any]] = None
        self._end: Optional[Dict[str, Any]] = None
        self._edge = Edge(0, [])
        self._previous: Optional[str] = None
        self._recorded_at = ""
        self._entries = 0
        self._absent: Set[Tuple[int, str]] = set()
        self._erased: Set[Tuple[int, str]] = set()
        self._checkpoint: Optional[Checkpoint] = None
        self.findings: List[Finding] = []
        self.unproven: List[str] = [] if trusted else [NO_KEY]

    def line(self, text: str) -> None:
        value = parse_canonical(text)
        if self._start is None:
            self._begin(value)
        elif self._end is not None:
            raise Malformed("a line stands behind the closing line")
        elif isinstance(value, dict) and "checkpoint" in value:
            self._end = _members(value, _END, "the closing line")
        else:
            self._entry(check_entry(value, self._ledger, self._edge.size))

    def finish(self) -> None:
        start, end = self._start, self._end
        if start is None or end is None:
            self.unproven.append("the file ends without its closing line")
            return
        if not whole_number(end["count"], "count") == self._entries == self._to - self._from:
            self.find("truncated", "entries are missing, or there are too many")
        if not isinstance(end["checkpoint"], str) or not isinstance(end["erasures"], list):
            raise Malformed("the closing line is not as a closing line is")
        self._checkpoint, wrong = check_file_checkpoint(
            start["origin"], start["verifier_keys"], end["checkpoint"], self._trusted
        )
        self.findings += wrong
        if self._checkpoint is None:
            return
        size, root = self._checkpoint.size, self._checkpoint.root_hash
        proof = hash_list(end["proof"], "proof")
        if not is_prefix((self._edge.size, size), (self._edge.root(), root), proof):
            self.find("root_mismatch", "the entries are not those that were signed")
        after = self._edge.size - 1
        for line in end["erasures"]:
            later = check_proven(line, self._ledger, size, root)
            self.findings += later.findings
            if later.index <= after or later.header["kind"] != "content_erased":
                self.find("index_gap", f"entry {later.index} is no later erasure in its place")
            after = later.index
            self._erased.update(erased_targets(later.header))

    def find(self, fault: str, message: str, index: Optional[int] = None) -> None:
        self.findings.append(Finding(fault, message, index))

    def verdict(self) -> Verdict:
        explained = self._absent & self._erased
        unexplained = sorted(self._absent - self._erased)[:FINDINGS_MAX]
        self.unproven += [
            f"entry {index}: {name} absent, and no erasure in the file explains it"
            for index, name in unexplained
        ]
        checkpoint = self._checkpoint
        return Verdict(
            status=status_from(self.findings, self.unproven),
            format=FORMAT,
            origin=None if self._start is None else self._start["origin"],
            size=None if checkpoint is None else checkpoint.size,
            root_hash=None if checkpoint is None else checkpoint.root_hash.hex(),
            entries=self._entries,
            erased=len(explained),
            findings=tuple(self.findings[:FINDINGS_MAX]),
            unproven=tuple(self.unproven),
            limits=LIMITS,
        )

    def _begin(self, value: Any) -> None:
        start = _members(value, _START, "the first line")
        self._from = whole_number(start["from"], "from")
        self._to = whole_number(start["to"], "to")
        named = start["verifier_keys"]
        is_right = (
            start["format"] == FORMAT
            and self._from <= self._to
            and isinstance(start["origin"], str)
            and isinstance(named, list)
            and all(isinstance(key, str) for key in named)
        )
        if not is_right:
            raise Malformed("the first line is not as a first line is")
        try:
            self._edge = Edge(self._from, hash_list(start["edge"], "edge"))
        except Malformed:
            raise
        except ValueError as error:
            raise Malformed(str(error)) from error
        self._ledger = start["origin"].rpartition("/")[2]
        self._previous = "0" * 64 if self._from == 0 else None
        self._start = start

    def _entry(self, entry: CheckedEntry) -> None:
        header, index = entry.header, entry.index
        if len(self.findings) < FINDINGS_MAX:
            self.findings += entry.findings
            if self._previous not in (None, header["previous"]):
                self.find("chain_broken", f"entry {index} does not follow the one before", index)
            if header["recorded_at"] < self._recorded_at:
                self.find("time_reversed", f"entry {index} goes back in time", index)
        self._previous = entry.leaf.hex()
        self._recorded_at = header["recorded_at"]
        self._edge.append(entry.leaf)
        self._entries += 1
        self._absent.update((index, name) for name in entry.absent)
        self._erased.update(erased_targets(header))


def _members(value: Any, members: Set[str], what: str) -> Dict[str, Any]:
    if not isinstance(value, dict) or set(value) != members:
        raise Malformed(f"{what} has other members than it has to have")
    return value
