"""Follows one HTTP exchange from its request to the end of its answer, and then records it, once."""

from __future__ import annotations

import time
from typing import Any, Callable, List, Mapping, Optional

from ._capture import Capture
from ._decorator import Enqueue
from ._provider_call import Exchange, decision_of, format_of
from ._times import now

#: A stream is some twenty times its answer; more than this never fits an entry of 1 MiB.
ANSWER_BYTES_MAX = 16 * 1024 * 1024


class Recorder:
    """What `wrap` was told, for every call of one client."""

    def __init__(
        self,
        enqueue: Enqueue,
        common: Mapping[str, Any],
        provider: Optional[str],
        capture: Capture,
        record_failures: bool,
    ) -> None:
        self._enqueue = enqueue
        self._common = common
        self._provider = provider
        self._capture = capture
        self._record_failures = record_failures

    def begin(self, request: Any) -> Optional[Call]:
        """For a request that asks a model; None for any other. Never raises."""
        try:
            url = str(request.url)
            format = format_of(str(request.method), url)
            if format is None:
                return None
            headers = {str(name): str(value) for name, value in request.headers.items()}
            # `content` raises for a body that is a stream: a file, not a question.
            return Call(self, Exchange(url, format, headers, bytes(request.content), now()))
        except Exception as error:
            self.failed(error)
            return None

    def end(self, exchange: Exchange) -> None:
        if exchange.is_answer or self._record_failures:
            self._enqueue(lambda: self._decision(exchange))

    def failed(self, error: Exception) -> None:
        """The recording itself failed: counted, and the call goes on."""

        def raising() -> None:
            raise error

        self._enqueue(raising)

    def _decision(self, exchange: Exchange) -> Optional[Mapping[str, Any]]:
        decision = decision_of(exchange, self._provider, self._capture)
        metadata = {**(self._common.get("metadata") or {}), **decision["metadata"]}
        return self._capture.captured({**self._common, **decision, "metadata": metadata})


class Call:
    """One exchange. Whatever is called after its end does nothing. Nothing here raises."""

    def __init__(self, recorder: Recorder, exchange: Exchange) -> None:
        self._recorder = recorder
        self._exchange = exchange
        self._started = time.monotonic()
        self._chunks: List[bytes] = []
        self._decode: Callable[[bytes], bytes] = bytes
        self._is_over = False

    def answered(self, response: Any) -> None:
        """The head of the answer is there."""
        exchange = self._exchange
        exchange.status = int(response.status_code)
        exchange.first_byte_ms = self._elapsed_ms()
        exchange.response_headers = {
            str(name).lower(): str(value) for name, value in response.headers.items()
        }
        kind, status, headers = type(response), response.status_code, response.headers
        # The library that made the answer knows how to decode it.
        self._decode = lambda body: bytes(kind(status, headers=headers, content=body).content)

    def received(self, chunk: bytes) -> None:
        self._exchange.response_bytes += len(chunk)
        if self._exchange.response_bytes <= ANSWER_BYTES_MAX:
            self._chunks.append(chunk)
        else:
            self._chunks = []

    def read(self, content: bytes) -> None:
        """The whole answer, decoded already."""
        self._decode = bytes
        self.received(content)
        self.ended("complete")

    def ended(self, how: str) -> None:
        """`complete`, `cancelled` or `interrupted`."""
        if self._is_over:
            return
        self._is_over = True
        exchange = self._exchange
        exchange.ended = how
        exchange.ended_at = now()
        exchange.latency_ms = self._elapsed_ms()
        try:
            exchange.response_body = self._body()
        except Exception:
            exchange.response_body = None
        self._recorder.end(exchange)

    def failed(self, error: Exception) -> None:
        self._is_over = True
        self._recorder.failed(error)

    def _body(self) -> Optional[bytes]:
        if self._exchange.response_bytes > ANSWER_BYTES_MAX:
            return None
        return self._decode(b"".join(self._chunks))

    def _elapsed_ms(self) -> int:
        return round(1000 * (time.monotonic() - self._started))
