"""Sending one batch once, and what its answer means."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Optional, Union

from ._batch import Lines, asked_of
from ._retry import backoff_s, retry_after_s
from ._transport import Answer, Transport
from .errors import LoopGridAPIError, LoopGridConnectionError, LoopGridError

#: Refusals of what is in the records; any other answer is about the server or the key, and passes.
REFUSALS = (400, 413, 415, 422)
#: Nobody waits for us, and somebody may repair the server at any moment.
RETRY_AFTER_S_MAX = 60.0


@dataclass(frozen=True)
class Acknowledged:
    pass


@dataclass(frozen=True)
class Refused:
    error: LoopGridAPIError
    #: Fewer of the same records may be taken.
    is_divisible: bool


@dataclass(frozen=True)
class Unanswered:
    error: LoopGridError
    pause_s: float


Outcome = Union[Acknowledged, Refused, Unanswered]


def deliver(transport: Transport, key: str, lines: Lines, tried: int) -> Outcome:
    """One attempt; never raises what the network does."""
    asked = asked_of(key, lines)
    try:
        answer = transport.attempt(asked)
    except LoopGridConnectionError as error:
        return Unanswered(error, backoff_s(tried))
    if answer.status == 200 and _count_in(answer) == len(lines):
        return Acknowledged()
    problem = transport.problem(asked, answer, answer.status in REFUSALS)
    if answer.status not in REFUSALS:
        asked_s = retry_after_s(answer.headers.get("Retry-After"), time.time())
        return Unanswered(problem, min(asked_s, RETRY_AFTER_S_MAX) + backoff_s(tried))
    is_about_key = any(error["path"] == "Idempotency-Key" for error in problem.errors)
    return Refused(problem, not is_about_key and len(lines) > 1)


def _count_in(answer: Answer) -> Optional[int]:
    """None: whatever answered, it was not LoopGrid."""
    try:
        body = json.loads(answer.body)
    except ValueError:
        return None
    count = body.get("count") if isinstance(body, dict) else None
    return count if isinstance(count, int) else None
