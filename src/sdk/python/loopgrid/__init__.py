"""LoopGrid: a system of record for AI decisions. Record, replay, correct, prove, report.

    from loopgrid import LoopGrid

    grid = LoopGrid(service_name="support-agent")
    decision = grid.record(
        decision_type="customer_support_reply",
        input={"message": "I was charged twice"},
        model={"provider": "openai", "name": "gpt-4"},
        output={"response": "Your account looks fine."},
    )
"""

from ._async_client import AsyncLoopGrid
from ._capture import Capture
from ._client import LoopGrid
from ._version import VERSION
from ._version import VERSION as __version__
from .errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InvalidRequestError,
    LoopGridAPIError,
    LoopGridConnectionError,
    LoopGridError,
    LoopGridTimeoutError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    TooLargeError,
    UndeliveredError,
)

__all__ = [
    "VERSION",
    "AsyncLoopGrid",
    "AuthenticationError",
    "BadRequestError",
    "Capture",
    "ConflictError",
    "InvalidRequestError",
    "LoopGrid",
    "LoopGridAPIError",
    "LoopGridConnectionError",
    "LoopGridError",
    "LoopGridTimeoutError",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "ServerError",
    "TooLargeError",
    "UndeliveredError",
    "__version__",
]
