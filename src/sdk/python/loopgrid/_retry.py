"""When a request is sent again, and after how long. Pure, but for the default source of chance."""

from __future__ import annotations

import random
from email.utils import parsedate_to_datetime
from typing import Optional

BACKOFF_S = 0.25
BACKOFF_S_MAX = 8.0
#: A longer Retry-After says that somebody has to act first.
RETRY_AFTER_S_MAX = 60.0


def is_passing(status: int) -> bool:
    """Statuses that pass by themselves."""
    return status in (408, 425, 429) or status >= 500


def is_refusal(status: int) -> bool:
    """Refusals of the request itself: nothing is written under its key, now or by an earlier attempt."""
    return 400 <= status < 500 and status not in (401, 403, 408, 425, 429)


def backoff_s(tried: int, chance: Optional[float] = None, longest_s: float = BACKOFF_S_MAX) -> float:
    """Full jitter: clients that failed together do not come back together.

    `tried` counts the attempts so far, from 1.
    """
    share = random.random() if chance is None else chance
    return float(share * min(longest_s, BACKOFF_S * 2.0 ** min(tried, 30)))


def retry_after_s(value: Optional[str], now_s: float) -> float:
    """`Retry-After` in either form, RFC 9110 10.2.3; 0 when there is none that can be read."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_s)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0


def pause_s(tried: int, retry_after: Optional[str], now_s: float) -> Optional[float]:
    """None: not worth waiting for."""
    asked = retry_after_s(retry_after, now_s)
    return None if asked > RETRY_AFTER_S_MAX else asked + backoff_s(tried)
