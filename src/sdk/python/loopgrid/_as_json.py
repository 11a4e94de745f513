"""Any value of a program as JSON that the server takes. What has no JSON form is named, not shown: the
text that an object gives of itself may hold anything.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Set
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

#: The server refuses what is nested deeper than 64; the decision itself takes a few levels.
DEPTH_MAX = 48
#: Larger integers are no longer exact as doubles; the server asks for them as strings.
INTEGER_MAX = 2**53 - 1


def as_json(value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, Enum):
        return as_json(value.value, depth)
    if isinstance(value, int):
        return value if abs(value) <= INTEGER_MAX else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (Decimal, UUID, date, time, PurePath)):
        return str(value)
    if depth >= DEPTH_MAX:
        return "<nested too deeply>"
    if isinstance(value, Mapping):
        return {str(key): as_json(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, Set)):
        return [as_json(item, depth + 1) for item in value]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{len(value)} bytes>"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return as_json(members, depth)
    dump = getattr(value, "model_dump", None)  # pydantic
    if callable(dump) and not isinstance(value, type):
        return as_json(dump(mode="json"), depth + 1)
    return f"<{type(value).__qualname__}>"
