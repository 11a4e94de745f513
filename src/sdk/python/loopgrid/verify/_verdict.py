"""What checking can say. Three words, never mixed up: verified (every claim was recomputed, and a trusted
key signed it), tampered (something contradicts itself, with its place), unproven (nothing contradicts,
but a piece is missing: a key, a proof, an erasure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple, Union

from ._note import VerifierKey

NO_KEY = (
    "no key was given: it vouches only for itself; pass the ledger's public key, had from somewhere else"
)
Keys = Union[str, Sequence[str]]


@dataclass(frozen=True)
class Finding:
    #: `content_mismatch`, `chain_broken`, `root_mismatch`, `signature_invalid`, …
    fault: str
    message: str
    index: Optional[int] = None


@dataclass(frozen=True)
class Verdict:
    #: "verified", "tampered" or "unproven".
    status: str
    #: What it is: `loopgrid-evidence/1` or `receipt`.
    format: str
    origin: Optional[str] = None
    #: The signed tree it was checked against.
    size: Optional[int] = None
    root_hash: Optional[str] = None
    entries: int = 0
    #: Fields that are gone, each explained by an erasure in the file.
    erased: int = 0
    findings: Tuple[Finding, ...] = ()
    #: Why it is unproven; empty when it is not.
    unproven: Tuple[str, ...] = ()
    #: What this cannot show even when it is verified.
    limits: Tuple[str, ...] = ()

    @property
    def is_verified(self) -> bool:
        return self.status == "verified"


def status_from(findings: Sequence[Finding], unproven: Sequence[str]) -> str:
    """A contradiction stays one whatever else is missing."""
    if findings:
        return "tampered"
    return "unproven" if unproven else "verified"


def parse_keys(keys: Keys) -> List[VerifierKey]:
    """Raises ValueError for what is no C2SP verifier key."""
    texts = [keys] if isinstance(keys, str) else list(keys)
    parsed = []
    for text in texts:
        key = VerifierKey.parse(text)
        if key is None:
            raise ValueError(f"{text!r} is not a C2SP verifier key")
        parsed.append(key)
    return parsed
