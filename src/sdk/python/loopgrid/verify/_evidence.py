"""Verifying an evidence bundle offline: every entry about one decision, each proven to be in one signed
tree. The format is in src/ledger/FORMAT.md of the server's repository."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Set

from ._canonical import NotCanonical, NotJson, parse_canonical
from ._entry import CheckedEntry, Malformed, check_proven, erased_targets
from ._file_checkpoint import check_file_checkpoint
from ._note import Checkpoint
from ._verdict import NO_KEY, Finding, Keys, Verdict, parse_keys, status_from

FORMAT = "loopgrid-evidence/1"
_MEMBERS = {"checkpoint", "entries", "format", "origin", "verifier_keys"}
LIMITS = (
    "It shows that these entries are in the ledger, not that there are no others about the decision: "
    "only a ledger export can.",
    "It shows what was recorded, not that it was true when it was recorded.",
)


def verify_evidence(text: str, keys: Keys = ()) -> Verdict:
    """Verifies the evidence bundle of a decision, as `grid.decisions.evidence` gives it.

    `keys` are C2SP verifier keys you trust, had from somewhere else than the file. Without any the
    file vouches only for itself, and the verdict is `unproven`. Raises ValueError for what is no key.
    """
    trusted = parse_keys(keys)
    try:
        bundle = _bundle(text)
    except NotJson as error:
        return _verdict([], [f"the file is unreadable: {error}"])
    except (NotCanonical, Malformed) as error:
        return _verdict([Finding("content_mismatch", str(error))], [])
    findings, unproven = [], ([] if trusted else [NO_KEY])
    origin: str = bundle["origin"]
    checkpoint, wrong = check_file_checkpoint(
        origin, bundle["verifier_keys"], bundle["checkpoint"], trusted
    )
    findings += wrong
    if checkpoint is None:
        return _verdict(findings, unproven, origin)
    ledger = origin.rpartition("/")[2]
    entries: List[CheckedEntry] = []
    try:
        for line in bundle["entries"]:
            entries.append(check_proven(line, ledger, checkpoint.size, checkpoint.root_hash))
            findings += entries[-1].findings
    except Malformed as error:
        findings.append(Finding("content_mismatch", str(error)))
    findings += _check_story(entries)
    erased = _explain(entries)
    unproven += [
        f"entry {entry.index}: {', '.join(sorted(entry.absent))} absent, and no erasure in the file "
        "explains it"
        for entry in entries
        if entry.absent
    ]
    return _verdict(findings, unproven, origin, checkpoint, len(entries), erased)


def _bundle(text: str) -> Dict[str, Any]:
    bundle = parse_canonical(text)
    if not isinstance(bundle, dict) or set(bundle) != _MEMBERS:
        raise Malformed("it has other members than an evidence bundle has")
    if bundle["format"] != FORMAT:
        raise Malformed("the format is unknown")
    if not isinstance(bundle["origin"], str) or not isinstance(bundle["checkpoint"], str):
        raise Malformed("origin and checkpoint are texts")
    if not isinstance(bundle["entries"], list) or not bundle["entries"]:
        raise Malformed("it holds no entries")
    named = bundle["verifier_keys"]
    if not isinstance(named, list) or not all(isinstance(key, str) for key in named):
        raise Malformed("verifier_keys is a list of texts")
    return bundle


def _check_story(entries: Sequence[CheckedEntry]) -> List[Finding]:
    """It begins with the recording of a decision; what is not about that one erased part of it."""
    if not entries:
        return []
    findings: List[Finding] = []
    first = entries[0].header
    if first["kind"] != "decision_recorded":
        findings.append(
            Finding("content_mismatch", "it does not begin with the recording of a decision")
        )
    indexes: Set[int] = {entry.index for entry in entries}
    after = -1
    for entry in entries:
        if entry.index <= after:
            findings.append(Finding("index_gap", "the entries are not in order", entry.index))
        after = entry.index
        is_about = entry.header.get("decision_id") == first.get("decision_id")
        took = {index for index, _ in erased_targets(entry.header)}
        if not is_about and not took & indexes:
            message = f"entry {entry.index} is about another decision"
            findings.append(Finding("content_mismatch", message, entry.index))
    return findings


def _explain(entries: Sequence[CheckedEntry]) -> int:
    """Takes what the file's own erasures took out of what is absent; answers how much that is."""
    by_index = {entry.index: entry for entry in entries}
    explained = 0
    for index, name in [target for entry in entries for target in erased_targets(entry.header)]:
        entry = by_index.get(index)
        if entry is not None and name in entry.absent:
            entry.absent.discard(name)
            explained += 1
    return explained


def _verdict(
    findings: Sequence[Finding],
    unproven: Sequence[str],
    origin: Optional[str] = None,
    checkpoint: Optional[Checkpoint] = None,
    entries: int = 0,
    erased: int = 0,
) -> Verdict:
    return Verdict(
        status=status_from(findings, unproven),
        format=FORMAT,
        origin=origin,
        size=None if checkpoint is None else checkpoint.size,
        root_hash=None if checkpoint is None else checkpoint.root_hash.hex(),
        entries=entries,
        erased=erased,
        findings=tuple(findings),
        unproven=tuple(unproven),
        limits=LIMITS,
    )
