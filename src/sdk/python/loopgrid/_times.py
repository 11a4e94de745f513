"""RFC 3339 with milliseconds, as the server writes times."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> str:
    text = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
