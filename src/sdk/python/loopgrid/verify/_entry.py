"""One entry of a file: its header, what it commits to, and its place in the signed tree."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Set, Tuple

from ._canonical import NotCanonical, NotJson, canonical, parse_canonical
from ._tree import leaf_hash, root_from
from ._verdict import Finding

HEADER_BYTES_MAX = 65_535
_HEX64 = re.compile("[0-9a-f]{64}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)
_KIND = re.compile("[a-z][a-z0-9_]{0,63}")
_ID = re.compile("[a-z]{2,8}_[0-9A-Za-z_-]{1,128}")
_MEMBERS = {"chain_hash", "content", "header"}
_PROVEN_MEMBERS = _MEMBERS | {"index", "proof"}
_HEADER_MEMBERS = {
    "v",
    "ledger",
    "index",
    "kind",
    "id",
    "recorded_at",
    "actor",
    "facts",
    "commitments",
    "previous",
}


class Malformed(ValueError):
    """Readable, and not as it has to be."""


@dataclass
class CheckedEntry:
    index: int
    header: Dict[str, Any]
    leaf: bytes
    findings: List[Finding] = field(default_factory=list)
    #: Committed fields that are not there.
    absent: Set[str] = field(default_factory=set)


def check_proven(line: Any, ledger: str, size: int, root_hash: bytes) -> CheckedEntry:
    """An entry that says its index and carries its proof. Raises Malformed when it is no such thing."""
    if not isinstance(line, dict) or set(line) != _PROVEN_MEMBERS:
        raise Malformed("an entry has other members than an entry has")
    index = whole_number(line["index"], "index")
    bare = {name: line[name] for name in _MEMBERS}
    checked = check_entry(bare, ledger, index)
    proof = hash_list(line["proof"], "proof")
    if root_from(index, size, checked.leaf, proof) != root_hash:
        checked.findings.append(_finding("root_mismatch", index, "not in the signed tree"))
    return checked


def check_entry(line: Any, ledger: str, index: int) -> CheckedEntry:
    """An entry that has to stand at `index`. Raises Malformed when it cannot be read as one at all."""
    if not isinstance(line, dict) or set(line) != _MEMBERS:
        raise Malformed(f"entry {index} has other members than an entry has")
    header = _header(line["header"], index)
    checked = CheckedEntry(index, header, leaf_hash(line["header"].encode()))
    if checked.leaf != hash_in(line["chain_hash"], "chain_hash"):
        checked.findings.append(_finding("chain_broken", index, "chain_hash is not the header's"))
    if header["index"] != index:
        checked.findings.append(_finding("index_gap", index, f"the header says {header['index']:g}"))
    if header["ledger"] != ledger:
        checked.findings.append(_finding("chain_broken", index, "an entry of another ledger"))
    _check_content(line["content"], header["commitments"], checked)
    return checked


def _header(text: Any, index: int) -> Dict[str, Any]:
    if not isinstance(text, str):
        raise Malformed(f"entry {index}: the header is no text")
    try:
        header = parse_canonical(text)
        octets = len(text.encode())
    except (NotJson, NotCanonical, UnicodeEncodeError) as error:
        raise Malformed(f"entry {index}: the header is {error}") from error
    if octets > HEADER_BYTES_MAX or not isinstance(header, dict):
        raise Malformed(f"entry {index}: the header is no object of at most {HEADER_BYTES_MAX} octets")
    if set(header) - {"decision_id"} != _HEADER_MEMBERS:
        raise Malformed(f"entry {index}: the header has other members than a header has")
    texts = ("ledger", "id", "kind", "recorded_at", "actor", "previous")
    is_right = (
        header["v"] == 1
        and header["v"] is not True
        and all(isinstance(header[name], str) for name in texts)
        and isinstance(header.get("decision_id", ""), str)
        and _KIND.fullmatch(header["kind"])
        and _ID.fullmatch(header["id"])
        and _TIME.fullmatch(header["recorded_at"])
        and _HEX64.fullmatch(header["previous"])
        and isinstance(header["facts"], dict)
        and isinstance(header["commitments"], dict)
        and all(_is_hash(value) for value in header["commitments"].values())
    )
    if not is_right:
        raise Malformed(f"entry {index}: the header is not as a header is")
    whole_number(header["index"], "index")
    return header


def _check_content(content: Any, commitments: Dict[str, str], checked: CheckedEntry) -> None:
    if not isinstance(content, dict):
        raise Malformed(f"entry {checked.index}: content is no object")
    for name, opening in content.items():
        commitment = commitments.get(name)
        if commitment is None:
            message = f"{name} is not committed to"
        elif commitment != commitment_of(name, opening):
            message = f"{name} is not what was recorded"
        else:
            continue
        checked.findings.append(_finding("content_mismatch", checked.index, message))
    checked.absent = set(commitments) - set(content)


def commitment_of(name: str, opening: Any) -> Optional[str]:
    """None when it opens nothing."""
    if not isinstance(opening, dict) or set(opening) != {"salt", "value"}:
        return None
    if not _is_hash(opening["salt"]):
        return None
    text = canonical([name, opening["value"]])
    return hashlib.sha256(bytes.fromhex(opening["salt"]) + text.encode()).hexdigest()


def erased_targets(header: Dict[str, Any]) -> List[Tuple[int, str]]:
    """(index, field) of everything that an erasure says it took."""
    if header["kind"] != "content_erased":
        return []
    targets = header["facts"].get("targets")
    return [
        (int(target["index"]), name)
        for target in (targets if isinstance(targets, list) else [])
        if isinstance(target, dict) and isinstance(target.get("index"), float)
        for name in target.get("fields") or []
        if isinstance(name, str)
    ]


def whole_number(value: Any, what: str) -> int:
    if isinstance(value, float) and value.is_integer() and 0 <= value < 2**53:
        return int(value)
    raise Malformed(f"{what} is no index or size")


def hash_in(value: Any, what: str) -> bytes:
    if not _is_hash(value):
        raise Malformed(f"{what} is no hash")
    return bytes.fromhex(value)


def hash_list(value: Any, what: str) -> List[bytes]:
    if not isinstance(value, list):
        raise Malformed(f"{what} is no list")
    return [hash_in(item, what) for item in value]


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and _HEX64.fullmatch(value) is not None


def _finding(fault: str, index: int, message: str) -> Finding:
    return Finding(fault, f"entry {index}: {message}", index)
