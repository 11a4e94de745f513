"""What of a call is recorded. Everything, unless limited: to some members, by a function that redacts, or
to commitments, which show nothing and can be opened later by whoever kept the value."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, TypedDict

from ._transport import encode_json
from .verify._canonical import canonical

SALT_BYTES = 32


class Opening(TypedDict):
    """What a commitment was made of: SHA-256(salt ‖ JCS([field, value])), as in the ledger."""

    commitment: str
    #: Hex.
    salt: str
    value: Dict[str, Any]


class Openings(TypedDict):
    input: Opening
    output: Opening


@dataclass(frozen=True)
class Capture:
    """Limits what `wrap` and `decision` record."""

    #: Of `wrap`: only these outermost members of the bodies, {"request": […], "response": […]}; the
    #: names of the others are recorded.
    fields: Mapping[str, Sequence[str]] = field(default_factory=dict)
    #: Changes what is recorded, last; None records nothing. When it raises nothing is recorded, and
    #: that is counted as dropped: never the unredacted record.
    redact: Optional[Callable[[Dict[str, Any]], Optional[Dict[str, Any]]]] = None
    #: Records commitments in place of input and output, and hands what opens them to this function,
    #: which must keep it: without it they prove nothing. Such a decision cannot be replayed.
    commitments_only: Optional[Callable[[Openings], None]] = None

    def __post_init__(self) -> None:
        unknown = set(self.fields) - {"request", "response"}
        if unknown:
            raise ValueError(f"fields: {sorted(unknown)[0]!r} is neither request nor response")

    def limited(
        self, body: Optional[Dict[str, Any]], which: str
    ) -> Tuple[Optional[Dict[str, Any]], List[str]]:
        """The members of a body that are recorded, and the names of the others."""
        kept = self.fields.get(which)
        if body is None or kept is None:
            return body, []
        return (
            {name: value for name, value in body.items() if name in kept},
            [name for name in body if name not in kept],
        )

    def captured(self, decision: Dict[str, Any]) -> Optional[Dict[str, Any]]:
        """As the options say; None: nothing is to be recorded. Raises what the functions raise."""
        shown = decision if self.redact is None else self.redact(decision)
        if shown is None or self.commitments_only is None:
            return shown
        openings: Openings = {
            "input": commit("input", shown["input"]),
            "output": commit("output", shown["output"]),
        }
        self.commitments_only(openings)
        rest = {name: value for name, value in shown.items() if name not in ("prompt", "tool_calls")}
        return {
            **rest,
            "input": {"commitment": openings["input"]["commitment"]},
            "output": {"commitment": openings["output"]["commitment"]},
        }


def commit(name: str, value: Mapping[str, Any]) -> Opening:
    plain = json.loads(encode_json(value))
    salt = secrets.token_bytes(SALT_BYTES)
    text = canonical([name, plain])
    commitment = hashlib.sha256(salt + text.encode()).hexdigest()
    return {"commitment": commitment, "salt": salt.hex(), "value": plain}
