"""The signed checkpoint of a file, by the keys the file names and by those that are trusted."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

from ._note import Checkpoint, Unsigned, VerifierKey, open_checkpoint
from ._verdict import Finding


def check_file_checkpoint(
    origin: str, keys: Sequence[str], note: str, trusted: Sequence[VerifierKey]
) -> Tuple[Optional[Checkpoint], List[Finding]]:
    """Every named key must be the origin's, every signature a named key's, and a trusted key among
    them: otherwise a flipped bit in one of them could go unseen."""
    findings: List[Finding] = []
    named: List[VerifierKey] = []
    # A ledger may come back to an old key, which then stands there twice.
    for text in dict.fromkeys(keys):
        key = VerifierKey.parse(text)
        if key is not None and key.name == origin:
            named.append(key)
        else:
            findings.append(_unsigned(f"verifier_keys holds {text!r}, which is no key of {origin}"))
    checkpoint: Optional[Checkpoint] = None
    try:
        checkpoint, others = open_checkpoint(note, named)
        if checkpoint.origin != origin:
            findings.append(_unsigned(f"the checkpoint is of {checkpoint.origin}"))
        findings += [
            _unsigned(f"verifier_keys does not name {other.name}+{other.key_id}, which signed")
            for other in others
        ]
    except Unsigned as error:
        findings.append(_unsigned(f"the checkpoint does not hold by the file's own keys: {error}"))
    if trusted:
        try:
            checkpoint, _ = open_checkpoint(note, trusted)
        except Unsigned as error:
            findings.append(_unsigned(f"no trusted key signed the checkpoint: {error}"))
    return checkpoint, findings


def _unsigned(message: str) -> Finding:
    return Finding("signature_invalid", message)
