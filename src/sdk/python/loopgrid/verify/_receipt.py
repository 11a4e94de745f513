"""Verifying a receipt offline: that the entry it was given for is in the tree that was signed."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from ._entry import Malformed, hash_in, hash_list
from ._note import Checkpoint, Unsigned, open_checkpoint, parse_checkpoint, parse_note
from ._tree import root_from
from ._verdict import NO_KEY, Finding, Keys, Verdict, parse_keys, status_from

FORMAT = "receipt"
_MEMBERS = {"ledger", "index", "size", "root_hash", "checkpoint", "proof"}
LIMITS = (
    "It shows that an entry with this chain_hash is in the ledger; what the entry says is in the "
    "decision's evidence bundle.",
    "It shows what was recorded, not that it was true when it was recorded.",
)
NO_PROOF = 'it has no inclusion proof: ask for one with receipt="proof", or for the evidence bundle'


def verify_receipt(answer: Mapping[str, Any], keys: Keys = ()) -> Verdict:
    """Verifies the receipt in what `grid.record(…, receipt="proof")` answered: that the entry with its
    `chain_hash` stands at its index in a tree that a trusted key signed. `keys` as for `verify_evidence`.
    """
    receipt, chain_hash = answer["receipt"], answer["chain_hash"]
    trusted = parse_keys(keys)
    unproven = [] if trusted else [NO_KEY]
    findings: List[Finding] = []
    checkpoint: Optional[Checkpoint] = None
    try:
        _require_members(receipt)
        leaf = hash_in(chain_hash, "chain_hash")
        if trusted:
            checkpoint, _ = open_checkpoint(receipt["checkpoint"], trusted)
        else:
            checkpoint = _unsigned_checkpoint(receipt["checkpoint"])
        findings += _differences(receipt, checkpoint)
        if "proof" not in receipt:
            unproven.append(NO_PROOF)
        else:
            proof = hash_list(receipt["proof"], "proof")
            root = root_from(receipt["index"], receipt["size"], leaf, proof)
            if root is None or root.hex() != receipt["root_hash"]:
                message = f"no entry {receipt['index']} with this chain_hash is in the tree"
                findings.append(Finding("root_mismatch", message, receipt["index"]))
    except Unsigned as error:
        findings.append(Finding("signature_invalid", str(error)))
    except Malformed as error:
        findings.append(Finding("content_mismatch", str(error)))
    return Verdict(
        status=status_from(findings, unproven),
        format=FORMAT,
        origin=None if checkpoint is None else checkpoint.origin,
        size=None if checkpoint is None else checkpoint.size,
        root_hash=None if checkpoint is None else checkpoint.root_hash.hex(),
        entries=1,
        findings=tuple(findings),
        unproven=tuple(unproven),
        limits=LIMITS,
    )


def _require_members(receipt: Mapping[str, Any]) -> None:
    if set(receipt) | {"proof"} != _MEMBERS:
        raise Malformed("it has other members than a receipt has")
    for name in ("index", "size"):
        value = receipt[name]
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
            raise Malformed(f"{name} is no index or size")
    if not isinstance(receipt["checkpoint"], str) or not isinstance(receipt["ledger"], str):
        raise Malformed("checkpoint and ledger are texts")
    hash_in(receipt["root_hash"], "root_hash")


def _unsigned_checkpoint(text: str) -> Checkpoint:
    note = parse_note(text)
    checkpoint = None if note is None else parse_checkpoint(note.text)
    if checkpoint is None:
        raise Malformed("the checkpoint is none")
    return checkpoint


def _differences(receipt: Mapping[str, Any], checkpoint: Checkpoint) -> List[Finding]:
    """What the receipt says beside its checkpoint must be what the checkpoint says."""
    signed = {
        "ledger": checkpoint.origin.rpartition("/")[2],
        "size": checkpoint.size,
        "root_hash": checkpoint.root_hash.hex(),
    }
    return [
        Finding("signature_invalid", f"{name} is not what the checkpoint says")
        for name, value in signed.items()
        if receipt[name] != value
    ]
