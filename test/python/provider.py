"""A provider on loopback that speaks Chat Completions, Responses and Messages: what it answers is named
by the model that is asked. Bodies are those of the vendors' documentation, shortened."""

from __future__ import annotations

import json
import time
from typing import Any, Dict, List, Optional

from support import Answer, LocalServer, Received, gzip_answer, json_answer

SECRETS = ("sk-app-openai", "sk-ant-app")

CHAT: Dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Refund \u2028 é 😀", "refusal": None},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}
CHAT_TOOLS: Dict[str, Any] = {
    **CHAT,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": f"call_{n}",
                        "type": "function",
                        "function": {"name": "refund", "arguments": '{"order":%d}' % n},
                    }
                    for n in (0, 1)
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
}
RESPONSE: Dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1764000000,
    "status": "completed",
    "model": "gpt-4o-2024-08-06",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Refund it.", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 12,
    },
}
MESSAGE: Dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [
        {"type": "thinking", "thinking": "They paid twice.", "signature": "c2ln"},
        {"type": "text", "text": "Refund it."},
        {"type": "tool_use", "id": "toolu_1", "name": "refund", "input": {"order": 5512}},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 30},
}


def sse(events: List[Dict[str, Any]], named: bool = False, done: bool = False) -> List[bytes]:
    pieces = []
    for event in events:
        head = f"event: {event['type']}\n" if named else ""
        pieces.append(f"{head}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
    return [*pieces, *([b"data: [DONE]\n\n"] if done else [])]


def chunks_of(completion: Dict[str, Any]) -> List[Dict[str, Any]]:
    base = {k: completion[k] for k in ("id", "created", "model")}
    base["object"] = "chat.completion.chunk"

    def chunk(delta: Dict[str, Any], finish: Optional[str] = None) -> Dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    choice = completion["choices"][0]
    message = choice["message"]
    chunks = [chunk({"role": "assistant", "content": None if message["content"] is None else ""})]
    for character in message["content"] or "":
        chunks.append(chunk({"content": character}))
    for index, call in enumerate(message.get("tool_calls", [])):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        first = {**call, "index": index, "function": {"name": name, "arguments": ""}}
        chunks.append(chunk({"tool_calls": [first]}))
        for character in arguments:
            piece = {"index": index, "function": {"arguments": character}}
            chunks.append(chunk({"tool_calls": [piece]}))
    chunks.append(chunk({}, choice["finish_reason"]))
    return [*chunks, {**base, "choices": [], "usage": completion["usage"]}]


def response_events(response: Dict[str, Any]) -> List[Dict[str, Any]]:
    begun = {**response, "status": "in_progress", "output": [], "usage": None}
    item = response["output"][0]
    at = {"output_index": 0, "item_id": item["id"]}
    part = {"content_index": 0, **at}
    text = item["content"][0]["text"]
    events: List[Dict[str, Any]] = [
        {"type": "response.created", "response": begun},
        {"type": "response.output_item.added", **at, "item": {**item, "content": []}},
        {
            "type": "response.content_part.added",
            **part,
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
        *({"type": "response.output_text.delta", **part, "delta": c, "logprobs": []} for c in text),
        {"type": "response.output_text.done", **part, "text": text, "logprobs": []},
        {"type": "response.output_item.done", **at, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return [{**event, "sequence_number": n} for n, event in enumerate(events)]


def message_events(message: Dict[str, Any]) -> List[Dict[str, Any]]:
    begun = {**message, "content": [], "stop_reason": None, "usage": {"input_tokens": 9, "output_tokens": 1}}
    events: List[Dict[str, Any]] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(message["content"]):
        empty: Dict[str, Any]
        deltas: List[Dict[str, Any]]
        if block["type"] == "text":
            empty = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": c} for c in block["text"]]
        elif block["type"] == "thinking":
            empty = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": c} for c in block["thinking"]]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            empty = {**block, "input": {}}
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": c} for c in text]
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        events += [{"type": "content_block_delta", "index": index, "delta": d} for d in deltas]
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [*events, {"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


class Provider:
    def __init__(self, port: int) -> None:
        self.server = LocalServer(self._answer, port)
        self.url = self.server.url

    def close(self) -> None:
        self.server.close()

    def take(self) -> List[Received]:
        """What was received since the last time."""
        taken, self.server.received[:] = list(self.server.received), []
        return taken

    def _answer(self, received: Received) -> Optional[Answer]:
        if received.method != "POST":
            return json_answer(200, {"object": "list", "data": []})
        body = received.json()
        model = body.get("model", "")
        asked = [one for one in self.server.received if one.path == received.path]
        if "break" in model:
            return None
        if "refused" in model:
            error = {"message": "no such model", "type": "invalid_request_error", "code": "model_not_found"}
            return json_answer(404, {"type": "error", "error": error}, {"x-request-id": "req_404"})
        if "busy" in model and len(asked) % 2 == 1:
            return json_answer(429, {"error": {"message": "slow down"}}, {"retry-after-ms": "1"})
        if "html" in model:
            return 200, {"Content-Type": "text/html"}, [b"<html>gateway</html>"]
        whole, pieces = self._made(received.path, model)
        headers = {"x-request-id": "req_1", "set-cookie": "session=secret", "openai-organization": "org"}
        if not body.get("stream"):
            return gzip_answer(200, whole) if "gzip" in model else json_answer(200, whole, headers)
        if "cut" in model:
            pieces = pieces[: len(pieces) // 2]
            shorter = {"Content-Length": "99999", "Connection": "close"}
            return 200, {"Content-Type": "text/event-stream", **shorter}, pieces
        if "slow" in model:
            return 200, {"Content-Type": "text/event-stream"}, self._slowly(pieces)
        return 200, {"Content-Type": "text/event-stream; charset=utf-8", **headers}, pieces

    def _made(self, path: str, model: str) -> Any:
        if path.endswith("/chat/completions"):
            whole = CHAT_TOOLS if "tools" in model else CHAT
            return whole, sse(chunks_of(whole), done=True)
        if path.endswith("/responses"):
            return RESPONSE, sse(response_events(RESPONSE), named=True)
        if path.endswith("/messages"):
            return MESSAGE, sse(message_events(MESSAGE), named=True)
        return {"object": "list", "data": [{"embedding": [0.1]}], "model": model, "usage": {}}, []

    def _slowly(self, pieces: List[bytes]) -> Any:
        for piece in pieces:
            yield piece
            time.sleep(0.05)
