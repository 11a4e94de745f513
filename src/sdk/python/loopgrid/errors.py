"""What can go wrong, one class for each family of statuses.

Of every append an error says whether something was written: a refusal means not, anything else means
unknown, and the same request with the same Idempotency-Key finds out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, List, Optional, Type

if TYPE_CHECKING:
    from .types import Counters

#: "not_written" or "unknown".
WriteOutcome = str


class LoopGridError(Exception):
    """The base of everything this package raises by itself."""

    def __init__(
        self,
        message: str,
        *,
        outcome: Optional[WriteOutcome] = None,
        idempotency_key: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        #: Of an append; None for requests that write nothing.
        self.outcome = outcome
        #: What the append was sent with: sent again with it, it is written once.
        self.idempotency_key = idempotency_key


class LoopGridConnectionError(LoopGridError):
    """No answer came, or none that could be understood."""


class LoopGridTimeoutError(LoopGridConnectionError):
    """No answer came in time."""


class FieldError(Dict[str, str]):
    """One bad field of a 422: `path` and `message`."""


class LoopGridAPIError(LoopGridError):
    """The server's own answer, RFC 9457."""

    def __init__(
        self,
        status_code: int,
        detail: str,
        *,
        code: Optional[str] = None,
        request_id: Optional[str] = None,
        errors: Optional[List[FieldError]] = None,
        outcome: Optional[WriteOutcome] = None,
        idempotency_key: Optional[str] = None,
    ) -> None:
        super().__init__(
            f"API Error {status_code}: {detail}", outcome=outcome, idempotency_key=idempotency_key
        )
        self.status = status_code
        #: 0.1's name for `status`.
        self.status_code = status_code
        #: What is wrong and where, in one sentence.
        self.detail = detail
        #: One word for the kind of error, such as `not_found`.
        self.code = code or _code_of(status_code)
        self.request_id = request_id
        #: Every bad field of a 422.
        self.errors: List[FieldError] = errors or []


class BadRequestError(LoopGridAPIError):
    """400"""


class AuthenticationError(LoopGridAPIError):
    """401"""


class PermissionDeniedError(LoopGridAPIError):
    """403"""


class NotFoundError(LoopGridAPIError):
    """404"""


class ConflictError(LoopGridAPIError):
    """409"""


class TooLargeError(LoopGridAPIError):
    """413"""


class InvalidRequestError(LoopGridAPIError):
    """422"""


class RateLimitError(LoopGridAPIError):
    """429"""


class ServerError(LoopGridAPIError):
    """5xx"""


class UndeliveredError(LoopGridError):
    """`flush()` or `close()`: something was not acknowledged."""

    def __init__(self, message: str, counters: Counters) -> None:
        super().__init__(message, outcome="unknown")
        self.counters = counters


_CODES: Dict[int, str] = {
    400: "bad_request",
    401: "credential_required",
    403: "not_allowed",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
    429: "too_many_requests",
    503: "unavailable",
}

_CLASSES: Dict[int, Type[LoopGridAPIError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    413: TooLargeError,
    422: InvalidRequestError,
    429: RateLimitError,
}


def _code_of(status: int) -> str:
    return _CODES.get(status, "server_error" if status >= 500 else "error")


def class_of(status: int) -> Type[LoopGridAPIError]:
    return _CLASSES.get(status, ServerError if status >= 500 else LoopGridAPIError)
