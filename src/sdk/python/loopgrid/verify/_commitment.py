"""Opening a commitment that was recorded in place of content."""

from __future__ import annotations

from typing import Any, Mapping

from ._canonical import NotCanonical
from ._entry import commitment_of


def verify_commitment(name: str, opening: Mapping[str, Any]) -> bool:
    """Whether this value, with this salt, is what was committed to as `input` or `output`: what
    `Capture(commitments_only=…)` handed out opens what is in the decision."""
    try:
        made = commitment_of(name, {"salt": opening["salt"], "value": opening["value"]})
    except (NotCanonical, KeyError):
        return False
    return made is not None and made == opening.get("commitment")
