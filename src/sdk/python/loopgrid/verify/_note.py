"""Signed notes and the checkpoints in them: C2SP signed-note (Ed25519) and tlog-checkpoint. Strict: one
note has exactly one accepted spelling."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import List, Optional, Sequence, Set, Tuple

from ._ed25519 import verify_ed25519

ED25519 = b"\x01"
#: Go's limit, so that a note cannot keep a verifier busy.
SIGNATURES_MAX = 100
SIZE_MAX = 2**53 - 1
_KEY_NAME = re.compile(r"[^\s+]+")
_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)")
_SIGNATURE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/=]+)")
_CONTROLS = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")


class Unsigned(ValueError):
    """A note that does not hold by the keys that were given."""


@dataclass(frozen=True)
class VerifierKey:
    """A C2SP verifier key, `name+id+base64`."""

    text: str
    name: str
    key_id: str
    public_key: bytes

    @classmethod
    def parse(cls, text: str) -> Optional[VerifierKey]:
        """None when it is malformed, of another algorithm, or its id is not its own."""
        match = _VKEY.fullmatch(text)
        if match is None:
            return None
        name, key_id, encoded = match.groups()
        material = unbase64(encoded)
        if material is None or len(material) != 33 or material[:1] != ED25519:
            return None
        digest = hashlib.sha256(name.encode("utf-8", "surrogatepass") + b"\n" + material).digest()
        return cls(text, name, key_id, material[1:]) if digest[:4].hex() == key_id else None


@dataclass(frozen=True)
class Signature:
    name: str
    key_id: str
    octets: bytes


@dataclass(frozen=True)
class SignedNote:
    #: With its final line feed.
    text: str
    signatures: Tuple[Signature, ...]


@dataclass(frozen=True)
class Checkpoint:
    origin: str
    size: int
    root_hash: bytes


def parse_note(text: str) -> Optional[SignedNote]:
    """Takes a note apart; None when its syntax is wrong in any way."""
    signed, separator, block = text.rpartition("\n\n")
    if not separator or not block.endswith("\n") or _CONTROLS.search(text):
        return None
    lines = block[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        return None
    signatures: List[Signature] = []
    for line in lines:
        match = _SIGNATURE.fullmatch(line)
        octets = None if match is None else unbase64(match[2])
        if match is None or octets is None or len(octets) <= 4:
            return None
        signatures.append(Signature(match[1], octets[:4].hex(), octets[4:]))
    return SignedNote(f"{signed}\n", tuple(signatures))


def parse_checkpoint(text: str) -> Optional[Checkpoint]:
    origin, _, rest = text.partition("\n")
    match = re.fullmatch(r"(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/=]+)\n((?:[^\n]+\n)*)", rest)
    root = None if match is None else unbase64(match[2])
    if match is None or root is None or not origin or len(root) != 32:
        return None
    size = int(match[1])
    return Checkpoint(origin, size, root) if size <= SIZE_MAX else None


def open_checkpoint(
    note_text: str, keys: Sequence[VerifierKey]
) -> Tuple[Checkpoint, Sequence[Signature]]:
    """The checkpoint of a note that one of these keys signed, and the signatures by others.

    Signatures by other keys say nothing; one by a key of these that does not hold refuses the note.
    One that holds must be the log's own, named as the origin. Raises Unsigned.
    """
    note = parse_note(note_text)
    if note is None:
        raise Unsigned("the checkpoint is no signed note")
    signers: Set[str] = set()
    others: List[Signature] = []
    for signature in note.signatures:
        key = next(
            (k for k in keys if (k.name, k.key_id) == (signature.name, signature.key_id)), None
        )
        if key is None:
            others.append(signature)
        elif verify_ed25519(key.public_key, signature.octets, note.text.encode()):
            signers.add(key.name)
        else:
            raise Unsigned(f"{key.name}+{key.key_id} did not sign this")
    if not signers:
        raise Unsigned("none of these keys signed it")
    checkpoint = parse_checkpoint(note.text)
    if checkpoint is None:
        raise Unsigned("the signed text is no checkpoint")
    if checkpoint.origin not in signers:
        raise Unsigned(f"no key of {checkpoint.origin} signed it")
    return checkpoint, others


def unbase64(text: str) -> Optional[bytes]:
    """None unless it is the one spelling of its octets."""
    try:
        octets = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return octets if base64.b64encode(octets).decode() == text else None
