"""`grid.wrap(client)`: records model calls where a client sends them, at the transport of its HTTP
library, so that every method of the client is covered, streams included.

The official OpenAI and Anthropic clients send through httpx, or httpx2, its successor; so does whoever
uses them directly. Neither is imported here: the classes come from the client that is given.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any, AsyncIterator, Dict, Iterator, Mapping, Optional, Type, TypeVar, cast

from ._capture import Capture
from ._decorator import Enqueue
from ._recorder import Call, Recorder

C = TypeVar("C")
#: Platforms whose clients put the same bodies into requests of their own.
UNSEEN = ("Bedrock", "Vertex")


def wrap_client(
    client: C,
    enqueue: Enqueue,
    common: Mapping[str, Any],
    provider: Optional[str],
    capture: Capture,
    record_failures: bool,
) -> C:
    """A client like this one that records. Raises TypeError for a client that cannot be wrapped."""
    http_client = client if _is_http(client) else getattr(client, "_client", None)
    if not _is_http(http_client):
        raise TypeError(
            f"{type(client).__qualname__} cannot be wrapped: it is no OpenAI, Anthropic or httpx client"
        )
    unseen = next((name for name in UNSEEN if name in type(client).__name__), None)
    if unseen is not None:
        raise TypeError(f"calls to {unseen} have another form, and are not recorded by wrap()")
    named = provider or _provider_of(client)
    recorder = Recorder(enqueue, common, named, capture, record_failures)
    recording = _recording(http_client, recorder)
    if http_client is client:
        return cast(C, recording)
    return cast(C, cast(Any, client).with_options(http_client=recording))


def _provider_of(client: object) -> Optional[str]:
    """Azure's addresses are everybody's own; its client tells."""
    is_azure = any(kind.__name__.endswith("AzureOpenAI") for kind in type(client).__mro__)
    return "azure" if is_azure else None


def _is_http(client: object) -> bool:
    return _http_class(client) is not None and hasattr(client, "_transport")


def _http_class(client: object) -> Optional[Type[Any]]:
    """The library's own `Client` or `AsyncClient` among the client's classes."""
    return next(
        (
            kind
            for kind in type(client).__mro__
            if kind.__name__ in ("Client", "AsyncClient")
            and kind.__module__.partition(".")[0] in ("httpx", "httpx2")
        ),
        None,
    )


def _recording(http_client: Any, recorder: Recorder) -> Any:
    """A second client over the same connections. The first stays alive with it, and is not changed."""
    kind = cast("Type[Any]", _http_class(http_client))
    is_async = kind.__name__ == "AsyncClient"
    transport = AsyncRecordingTransport if is_async else RecordingTransport
    twin = copy.copy(http_client)
    # Of the library's own class: what the official clients derive closes its connections when it is
    # collected, and these are not its own.
    twin.__class__ = kind
    twin._transport = transport(http_client._transport, recorder, http_client)
    twin._mounts = {
        pattern: None if mounted is None else transport(mounted, recorder, http_client)
        for pattern, mounted in http_client._mounts.items()
    }
    return twin


class RecordingTransport:
    """A transport that passes everything on as it is."""

    def __init__(self, inner: Any, recorder: Recorder, owner: Any) -> None:
        self._inner = inner
        self._recorder = recorder
        self._owner = owner

    def handle_request(self, request: Any) -> Any:
        call = self._recorder.begin(request)
        try:
            response = self._inner.handle_request(request)
        except BaseException as error:
            if call is not None:
                call.ended(_how(error))
            raise
        if call is not None:
            _follow(call, response, "SyncByteStream", RecordedStream)
        return response

    def close(self) -> None:
        self._inner.close()

    def __enter__(self) -> RecordingTransport:
        self._inner.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._inner.__exit__(*details)


class AsyncRecordingTransport:
    def __init__(self, inner: Any, recorder: Recorder, owner: Any) -> None:
        self._inner = inner
        self._recorder = recorder
        self._owner = owner

    async def handle_async_request(self, request: Any) -> Any:
        call = self._recorder.begin(request)
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException as error:
            if call is not None:
                call.ended(_how(error))
            raise
        if call is not None:
            _follow(call, response, "AsyncByteStream", AsyncRecordedStream)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> AsyncRecordingTransport:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *details: Any) -> None:
        await self._inner.__aexit__(*details)


class RecordedStream:
    """The body of an answer, noted as it passes."""

    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._inner:
                self._call.received(chunk)
                yield chunk
        except BaseException as error:
            self._call.ended(_how(error))
            raise
        self._call.ended("complete")

    def close(self) -> None:
        try:
            close = getattr(self._inner, "close", None)
            if close is not None:
                close()
        finally:
            self._call.ended("cancelled")


class AsyncRecordedStream:
    def __init__(self, inner: Any, call: Call) -> None:
        self._inner = inner
        self._call = call

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._inner:
                self._call.received(chunk)
                yield chunk
        except BaseException as error:
            self._call.ended(_how(error))
            raise
        self._call.ended("complete")

    async def aclose(self) -> None:
        try:
            close = getattr(self._inner, "aclose", None)
            if close is not None:
                await close()
        finally:
            self._call.ended("cancelled")


def _follow(call: Call, response: Any, base_name: str, stream: Type[Any]) -> None:
    """Puts a noting stream in the place of the answer's own. Never raises."""
    try:
        call.answered(response)
        if response.is_stream_consumed:  # by a transport of the application's own: nobody reads it again
            call.read(bytes(response.content))
            return
        inner = response.stream
        base = next(kind for kind in type(inner).__mro__ if kind.__name__ == base_name)
        response.stream = _stream_class(stream, base)(inner, call)
    except Exception as error:
        call.failed(error)


def _how(error: BaseException) -> str:
    """Whoever reads stopped, or what was read did."""
    is_stopped = isinstance(error, (GeneratorExit, asyncio.CancelledError, KeyboardInterrupt))
    return "cancelled" if is_stopped else "interrupted"


_STREAM_CLASSES: Dict[Any, Type[Any]] = {}


def _stream_class(stream: Type[Any], base: Type[Any]) -> Type[Any]:
    """The library asks of every body that it is one of its own streams."""
    known = _STREAM_CLASSES.get((stream, base))
    if known is None:
        known = _STREAM_CLASSES[stream, base] = type(stream.__name__, (stream, base), {})
    return known
