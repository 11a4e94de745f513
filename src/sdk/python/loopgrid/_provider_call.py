"""A call to a model, seen as an HTTP exchange, as a decision: `input.request` is the request's body,
`output.response` the answer's, and `metadata.provider_call` says how to read them. Pure.

Credentials are never part of it: of headers and query parameters only those are kept that tell
something about an answer, and of the body those are left out that are handed on to MCP servers. The
server strips what it is sent once more.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from ._capture import Capture
from ._stream_assembly import assemble, events_of
from ._transport import encode_json

Json = Dict[str, Any]

#: The paths that ask a model to decide; anything else that a client calls is not recorded.
FORMATS = (
    (re.compile(r"/chat/completions$"), "openai.chat"),
    (re.compile(r"/responses$"), "openai.responses"),
    (re.compile(r"/v1/messages$"), "anthropic.messages"),
)
#: Whose format it is, where neither the address nor the caller says more.
OWNERS = {
    "openai.chat": "openai",
    "openai.responses": "openai",
    "anthropic.messages": "anthropic",
}
#: The server's own table of providers, as far as they speak these formats.
HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "api.mistral.ai": "mistral",
    "api.groq.com": "groq",
    "openrouter.ai": "openrouter",
    "api.together.xyz": "together",
    "api.deepseek.com": "deepseek",
    "api.x.ai": "xai",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "router.huggingface.co": "huggingface",
    "api.z.ai": "zai",
    "us.inference.heroku.com": "heroku",
    "api.inference.crusoecloud.com": "crusoe",
    "api.writer.com": "writer",
}
#: What asks for another way of answering, not for another answer: kept beside the request.
TRANSPORT = ("stream", "stream_options")
KEPT_HEADERS = frozenset(
    (
        "anthropic-beta",
        "anthropic-version",
        "apim-request-id",
        "cf-aig-log-id",
        "content-type",
        "openai-beta",
        "openai-processing-ms",
        "request-id",
        "retry-after",
        "user-agent",
        "x-request-id",
    )
)
#: Where bodies hold the credentials of MCP servers: Anthropic's Messages, OpenAI's Responses.
MCP_CREDENTIALS = {
    "mcp_servers": ("authorization_token",),
    "tools": ("authorization", "headers"),
}
KEPT_QUERY = frozenset(("api-version", "alt"))
#: Of both bodies together: an entry holds 1 MiB of canonical content, the rest of it included.
CONTENT_BYTES_MAX = 1024 * 1024 - 16 * 1024


@dataclass
class Exchange:
    url: str
    format: str
    request_headers: Mapping[str, str]
    request_body: bytes
    started_at: str
    #: None: no answer came.
    status: Optional[int] = None
    response_headers: Mapping[str, str] = field(default_factory=dict)
    #: Decoded; None: it was larger than what is kept, or cannot be decoded.
    response_body: Optional[bytes] = b""
    response_bytes: int = 0
    #: `complete`, `cancelled` or `interrupted`, as the reader saw it.
    ended: str = "interrupted"
    ended_at: str = ""
    latency_ms: int = 0
    first_byte_ms: int = 0

    @property
    def is_stream(self) -> bool:
        return "event-stream" in self.response_headers.get("content-type", "").lower()

    @property
    def is_answer(self) -> bool:
        """Anything else decided nothing: a refusal to answer, or an answer that never began."""
        return self.status is not None and self.status < 300 and self.response_bytes > 0


def format_of(method: str, url: str) -> Optional[str]:
    """None: not a call that asks a model."""
    if method.upper() != "POST":
        return None
    path = urlsplit(url).path
    return next((name for pattern, name in FORMATS if pattern.search(path)), None)


def decision_of(exchange: Exchange, provider: Optional[str], capture: Capture) -> Json:
    """The decision as it is recorded, but for what redacts it."""
    whole = _object(exchange.request_body)
    asked, credentials = _without_credentials(
        None if whole is None else {k: v for k, v in whole.items() if k not in TRANSPORT}
    )
    answer, ended = _answer(exchange)
    request, request_left_out = capture.limited(asked, "request")
    response, response_left_out = capture.limited(answer, "response")
    fits = _size(request) + _size(response) <= CONTENT_BYTES_MAX
    omitted: Json = {}
    if request is None or not fits:
        reason = "not_json" if request is None else "too_large"
        omitted["request"] = {"reason": reason, "bytes": len(exchange.request_body)}
    if response is None or not fits:
        omitted["response"] = {
            "reason": _why_none(exchange) if response is None else "too_large",
            "bytes": exchange.response_bytes,
        }
    if credentials:
        omitted["request_credentials"] = credentials
    if request_left_out:
        omitted["request_members"] = request_left_out
    if response_left_out:
        omitted["response_members"] = response_left_out
    about: Json = {
        "format": exchange.format,
        "endpoint": shown_url(exchange.url),
        "headers": _kept(exchange.request_headers),
        "status": exchange.status,
        "response_headers": _kept(exchange.response_headers),
        "latency_ms": exchange.latency_ms,
    }
    if exchange.is_stream:
        # Assembled: the body that would have come without streaming. What asked for a stream is here.
        transport = {k: v for k, v in (whole or {}).items() if k in TRANSPORT}
        about["streamed"] = {"ended": ended, "assembled": True, "request": transport}
        about["first_byte_ms"] = exchange.first_byte_ms
    elif exchange.ended != "complete":
        about["ended"] = exchange.ended
    if omitted:
        about["omitted"] = omitted
    return {
        "input": {} if "request" in omitted else {"request": request},
        "model": {
            "provider": provider or _provider_of(exchange),
            "name": _model_name(whole, exchange.url),
        },
        "output": {} if "response" in omitted else {"response": response},
        "metadata": {"provider_call": about},
        "capture_mode": "automatic",
        "started_at": exchange.started_at,
        "ended_at": exchange.ended_at,
    }


def _without_credentials(body: Optional[Json]) -> Tuple[Optional[Json], List[str]]:
    """The body that is recorded, and where something was left out of it. They could never be taken out
    of the ledger again without an erasure."""
    clean, left_out = body, []
    for member, secrets in MCP_CREDENTIALS.items():
        entries = None if clean is None else clean.get(member)
        if clean is None or not isinstance(entries, list):
            continue
        found = [
            (position, name)
            for position, entry in enumerate(entries)
            if _is_mcp_server(member, entry)
            for name in secrets
            if name in entry
        ]
        if found:
            kept = [
                {k: v for k, v in entry.items() if (position, k) not in found}
                if isinstance(entry, dict)
                else entry
                for position, entry in enumerate(entries)
            ]
            clean = {**clean, member: kept}
            left_out += [f"{member}[{position}].{name}" for position, name in found]
    return clean, left_out


def _is_mcp_server(member: str, entry: Any) -> bool:
    return isinstance(entry, dict) and (member == "mcp_servers" or entry.get("type") == "mcp")


def _answer(exchange: Exchange) -> Tuple[Optional[Json], str]:
    """The answer's body, and how its stream ended. Whoever stops reading behind the last word has read
    everything; a stream that ends without it is incomplete."""
    if exchange.response_body is None:
        return None, exchange.ended
    if not exchange.is_stream:
        return _object(exchange.response_body), exchange.ended
    events, is_done = events_of(exchange.response_body.decode("utf-8", "replace"))
    ended = exchange.ended
    if is_done:
        ended = "complete"
    elif ended == "complete":
        ended = "incomplete"
    return assemble(exchange.format, events), ended


def _why_none(exchange: Exchange) -> str:
    if exchange.response_body is None:
        return "too_large"
    return "not_json" if exchange.response_bytes else "nothing"


def _provider_of(exchange: Exchange) -> str:
    return HOSTS.get(urlsplit(exchange.url).hostname or "", OWNERS[exchange.format])


def _model_name(request: Optional[Json], url: str) -> str:
    name = (request or {}).get("model")
    if isinstance(name, str):
        return name
    in_path = re.search(r"/(?:models|deployments)/([^/:?]+)", url)
    return "" if in_path is None else unquote(in_path[1])


def _kept(headers: Mapping[str, str]) -> Dict[str, str]:
    return {
        name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS
    }


def shown_url(url: str) -> str:
    """Without credentials."""
    parts = urlsplit(url)
    query: List[Tuple[str, str]] = [(k, v) for k, v in parse_qsl(parts.query) if k in KEPT_QUERY]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, urlencode(query), ""))


def _size(body: Optional[Json]) -> int:
    return 0 if body is None else len(encode_json(body))


def _object(body: bytes) -> Optional[Json]:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
