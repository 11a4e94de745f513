"""The body of a decision as it is sent: arguments, the client's service, this writer's next number."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Sequence

from ._identity import WriterIdentity
from .types import JsonObject

#: Names that become members of the decision; see `LoopGrid.record`.
CAPTURE_FIELDS = (
    "occurred_at",
    "started_at",
    "ended_at",
    "capture_mode",
    "system_version",
    "automation_level",
    "decision_role",
    "subject_notice",
)


def decision_params(
    decision_type: str,
    input: JsonObject,
    model: JsonObject,
    output: JsonObject,
    prompt: Optional[JsonObject] = None,
    tool_calls: Optional[Sequence[JsonObject]] = None,
    metadata: Optional[JsonObject] = None,
    service_name: Optional[str] = None,
    **capture: Optional[str],
) -> Dict[str, Any]:
    """What `record` and `enqueue` take, as members; what is None is not there."""
    unknown = set(capture) - set(CAPTURE_FIELDS)
    if unknown:
        raise TypeError(f"unknown argument {sorted(unknown)[0]!r}")
    given: Dict[str, Any] = {
        "decision_type": decision_type,
        "input": input,
        "model": model,
        "output": output,
        "prompt": prompt,
        "tool_calls": tool_calls,
        "metadata": metadata,
        "service_name": service_name,
        **capture,
    }
    return {name: value for name, value in given.items() if value is not None}


def decision_body(
    params: Mapping[str, Any], service_name: str, identity: Optional[WriterIdentity]
) -> Dict[str, Any]:
    """Without an identity it bears no number: under a key of the caller's own it is asked again, by
    whatever process, and then the body has to be the same."""
    stamp = {} if identity is None else identity.stamp()
    return {"service_name": service_name, **params, **stamp}
