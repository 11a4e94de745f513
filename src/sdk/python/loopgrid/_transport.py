"""One request and its retries, over http.client with connections kept alive.

Every append carries an Idempotency-Key, so that what was not answered can be asked again: the server
answers what the first attempt wrote. Everything else may be asked twice by its nature.
"""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import quote, urlencode

from ._config import Config
from ._connections import ConnectionPool
from ._retry import is_passing, is_refusal, pause_s
from ._version import VERSION
from .errors import (
    FieldError,
    LoopGridAPIError,
    LoopGridConnectionError,
    LoopGridError,
    LoopGridTimeoutError,
    class_of,
)

QueryValue = Union[str, int, bool, None]
CHUNK_BYTES = 65_536


@dataclass(frozen=True)
class Asked:
    method: str
    #: Encoded, without the base URL's own.
    path: str
    query: Mapping[str, QueryValue] = field(default_factory=dict)
    #: JSON.
    body: Optional[bytes] = None
    #: Of an append.
    idempotency_key: Optional[str] = None
    headers: Mapping[str, str] = field(default_factory=dict)


def append(
    path: str, body: object, idempotency_key: Optional[str] = None, receipt: Optional[str] = None
) -> Asked:
    """A write: with a key of its own unless the caller has one. `receipt="proof"` adds a proof."""
    return Asked(
        "POST", path, {"receipt": receipt}, encode_json(body), idempotency_key or new_key()
    )


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def is_replayed(self) -> bool:
        """The key was used before: the entry is that request's, nothing was written now."""
        return bool(self.headers.get("Idempotent-Replayed") == "true")


def new_key() -> str:
    return f"lg-{secrets.token_hex(16)}"


def encode_json(value: object) -> bytes:
    """Raises TypeError or ValueError for what is no JSON: NaN, infinities, half characters, objects."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def segment(text: str) -> str:
    """One segment of a path, whatever is in it."""
    return quote(text, safe="")


class Transport:
    def __init__(self, config: Config) -> None:
        self.config = config
        self._pool = ConnectionPool(config)
        #: Requests that had to be sent again.
        self.retries = 0
        self._lock = threading.Lock()

    def json(self, asked: Asked) -> Any:
        return self.parse(self.answer(asked).body)

    def text(self, asked: Asked) -> str:
        try:
            return self.answer(asked).body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._strange() from error

    def parse(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._strange() from error

    def answer(self, asked: Asked) -> Answer:
        """Sends until there is an answer, or no sense in sending again."""
        connection, response = self._answered(asked)
        try:
            body = self._whole(response)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unanswered(asked, error) from error
        self._pool.give(connection, response)
        return Answer(response.status, response.headers, body)

    def stream(self, asked: Asked) -> Iterator[bytes]:
        """The body as it comes. Asked again until it begins, never in the middle."""
        connection, response = self._answered(asked)
        try:
            while True:
                chunk = response.read1(CHUNK_BYTES)
                if not chunk:
                    break
                yield chunk
            self._require_complete(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._unanswered(asked, error) from error
        finally:
            connection.close()

    def attempt(self, asked: Asked) -> Answer:
        """Sends once, whatever comes of it. Raises LoopGridConnectionError when there is no answer."""
        try:
            connection, response = self._send(asked)
            body = self._whole(response)
        except (OSError, http.client.HTTPException) as error:
            raise self._unanswered(asked, error) from error
        self._pool.give(connection, response)
        return Answer(response.status, response.headers, body)

    def problem(self, asked: Asked, answer: Answer, is_refused: bool) -> LoopGridAPIError:
        """The error that an answer of 400 or above is."""
        found = _problem_in(answer.body)
        headers = answer.headers
        return class_of(answer.status)(
            answer.status,
            str(found.get("detail") or http.client.responses.get(answer.status, "unknown")),
            code=found.get("code"),
            request_id=headers.get("x-request-id") or headers.get("cf-ray"),
            errors=found.get("errors"),
            outcome=_outcome(asked, is_refused),
            idempotency_key=asked.idempotency_key,
        )

    def close(self) -> None:
        self._pool.close()

    def after_fork(self) -> None:
        self._pool.after_fork()
        self._lock = threading.Lock()

    def _answered(self, asked: Asked) -> Tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        is_unknown = False  # an earlier attempt may have written
        tried = 0
        while True:
            tried += 1
            failure: LoopGridError
            cause: Optional[Exception] = None
            pause: Optional[float]
            try:
                connection, response = self._send(asked)
                if response.status < 300:
                    return connection, response
                answer = Answer(response.status, response.headers, self._whole(response))
                self._pool.give(connection, response)
                status = answer.status
                # The others were refused at the door, before anything was looked at.
                is_refused = is_refusal(status) or (status < 500 and status != 408 and not is_unknown)
                is_unknown = is_unknown or not is_refused
                failure = self.problem(asked, answer, is_refused)
                retry_after = answer.headers.get("Retry-After")
                pause = pause_s(tried, retry_after, time.time()) if is_passing(status) else None
            except (OSError, http.client.HTTPException) as error:
                is_unknown = True
                cause = error
                failure = self._unanswered(asked, error)
                pause = pause_s(tried, None, time.time())
            if pause is None or tried > self.config.max_retries:
                raise failure from cause
            with self._lock:
                self.retries += 1
            time.sleep(pause)

    def _send(self, asked: Asked) -> Tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        target = self.config.prefix + asked.path + _query_text(asked.query)
        headers = self._headers(asked)
        while True:
            connection, is_reused = self._pool.take()
            try:
                connection.request(asked.method, target, body=asked.body, headers=headers)
                return connection, connection.getresponse()
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                connection.close()
                # A kept connection that the server closed meanwhile: no attempt, try a new one.
                if not is_reused:
                    raise
            except BaseException:
                connection.close()
                raise

    def _headers(self, asked: Asked) -> Dict[str, str]:
        headers = {"User-Agent": f"loopgrid-edge-python/{VERSION}", **asked.headers}
        if self.config.authorization is not None:
            headers["Authorization"] = self.config.authorization
        if asked.body is not None:
            headers["Content-Type"] = "application/json"
        if asked.idempotency_key is not None:
            headers["Idempotency-Key"] = asked.idempotency_key
        return headers

    def _whole(self, response: http.client.HTTPResponse) -> bytes:
        """The body, within the timeout: a server that sends it drop by drop does not hold us for ever."""
        deadline = time.monotonic() + self.config.timeout_s
        chunks: List[bytes] = []
        while True:
            chunk = response.read1(CHUNK_BYTES)
            if not chunk:
                break
            chunks.append(chunk)
            if time.monotonic() > deadline:
                raise TimeoutError("the answer took too long")
        self._require_complete(response)
        response.close()  # only then does the connection take another request
        return b"".join(chunks)

    def _require_complete(self, response: http.client.HTTPResponse) -> None:
        # http.client answers a body that was cut short as if it had ended.
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)

    def _unanswered(self, asked: Asked, error: BaseException) -> LoopGridConnectionError:
        hint = (
            ""
            if asked.idempotency_key is None
            else "; whether it was written is unknown, the same request with Idempotency-Key "
            f"{asked.idempotency_key} finds out"
        )
        more = {"outcome": _outcome(asked, False), "idempotency_key": asked.idempotency_key}
        if isinstance(error, (TimeoutError, socket.timeout)):
            return LoopGridTimeoutError(
                f"Request timed out after {self.config.timeout_s:g}s{hint}", **more
            )
        reason = str(error) or type(error).__name__
        return LoopGridConnectionError(
            f"Cannot connect to LoopGrid at {self.config.shown_url}: {reason}{hint}", **more
        )

    def _strange(self) -> LoopGridConnectionError:
        return LoopGridConnectionError(f"{self.config.shown_url} does not answer as LoopGrid does")


def _outcome(asked: Asked, is_refused: bool) -> Optional[str]:
    if asked.idempotency_key is None:
        return None
    return "not_written" if is_refused else "unknown"


def _query_text(query: Mapping[str, QueryValue]) -> str:
    pairs = [(name, _query_value(value)) for name, value in query.items() if value not in (None, "")]
    return f"?{urlencode(pairs)}" if pairs else ""


def _query_value(value: QueryValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _problem_in(body: bytes) -> Dict[str, Any]:
    """What the body says, as far as it is the problem JSON it should be."""
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    problem: Dict[str, Any] = {
        name: found[name] for name in ("detail", "code") if isinstance(found.get(name), str)
    }
    errors = found.get("errors")
    if isinstance(errors, list):
        problem["errors"] = [
            FieldError(path=str(one.get("path", "")), message=str(one.get("message", "")))
            for one in errors
            if isinstance(one, dict)
        ]
    return problem
