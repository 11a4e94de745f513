"""A stream put together to the body that would have come without streaming. Pure.

The server reads both, but what is recorded is what was decided, not in how many pieces it came.
"""

from __future__ import annotations

import json
import re
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

Json = Dict[str, Any]
#: Members that every piece repeats, or that come once: the last one holds.
REPEATED = ("id", "index", "name", "object", "role", "type")


#: Events that nothing follows.
LAST = ("message_stop", "response.completed", "response.failed", "response.incomplete", "error")


def events_of(text: str) -> Tuple[List[Json], bool]:
    """The `data:` of a server-sent event stream, and whether the word that ends it was among them.

    What does not parse is no event.
    """
    events: List[Json] = []
    is_done = False
    # Not splitlines: JSON may hold line separators that are none here.
    for line in re.split(r"\r\n|\n|\r", text):
        if not line.startswith("data:"):
            continue
        data = line[len("data:") :].strip()
        is_done = is_done or data == "[DONE]"
        try:
            event = json.loads(data)
        except ValueError:
            continue  # the last line of a stream that was cut short, for one
        if isinstance(event, dict):
            events.append(event)
    return events, is_done or any(event.get("type") in LAST for event in events)


def assemble(format: str, events: List[Json]) -> Optional[Json]:
    """None when there is nothing to put together."""
    return ASSEMBLERS[format](events) if events else None


def assemble_chat(chunks: List[Json]) -> Optional[Json]:
    failed = _first(chunks, lambda chunk: isinstance(chunk.get("error"), dict))
    if failed is not None:
        return failed
    whole: Json = {}
    choices: Dict[int, Json] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if name != "choices" and value is not None:
                whole[name] = value
        for position, piece in enumerate(_objects(chunk.get("choices"))):
            index = piece.get("index", position)
            choice = choices.setdefault(index, {"index": index, "message": {}, "finish_reason": None})
            for name, value in piece.items():
                if name in ("delta", "message"):
                    _merge(choice["message"], value if isinstance(value, dict) else {})
                elif name == "logprobs" and isinstance(value, dict):
                    _merge(choice.setdefault("logprobs", {}), value)
                elif value is not None:
                    choice[name] = value
    if whole.get("object") == "chat.completion.chunk":
        whole["object"] = "chat.completion"
    for choice in choices.values():
        _finish_message(choice["message"])
    whole["choices"] = [choices[index] for index in sorted(choices)]
    return whole


def _finish_message(message: Json) -> None:
    message.setdefault("role", "assistant")
    message.setdefault("content", None)
    for call in _objects(message.get("tool_calls")):
        call.pop("index", None)  # only pieces have one


def _merge(whole: Json, piece: Mapping[str, Any]) -> None:
    """Adds a piece: texts are continued, lists by their `index`."""
    for name, value in piece.items():
        known = whole.get(name)
        if value is None:
            whole.setdefault(name, None)
        elif isinstance(value, str) and isinstance(known, str) and name not in REPEATED:
            whole[name] = known + value
        elif isinstance(value, dict):
            if not isinstance(known, dict):
                known = whole[name] = {}
            _merge(known, value)
        elif isinstance(value, list):
            whole[name] = _merge_list(known if isinstance(known, list) else [], value)
        elif not (name in REPEATED and known and not value):
            whole[name] = value


def _merge_list(known: List[Any], pieces: List[Any]) -> List[Any]:
    for piece in pieces:
        index = piece.get("index") if isinstance(piece, dict) else None
        if not isinstance(index, int):
            known.append(piece)
            continue
        item = _first(known, lambda item: item.get("index") == index)
        if item is None:
            item = {}
            known.append(item)
        _merge(item, piece)
    return known


def assemble_responses(events: List[Json]) -> Optional[Json]:
    """The last event that carries the whole response; what came since, where it was cut short."""
    failed = _first(events, lambda event: event.get("type") == "error")
    if failed is not None:
        return failed if isinstance(failed.get("error"), dict) else {"error": failed}
    carrying = [event["response"] for event in events if isinstance(event.get("response"), dict)]
    if not carrying:
        return None
    response: Json = dict(carrying[-1])
    if response.get("output") or response.get("status") not in ("in_progress", "queued"):
        return response
    items: Dict[int, Json] = {}
    for event in events:
        index = event.get("output_index")
        kind = event.get("type")
        if not isinstance(index, int):
            continue
        if kind in ("response.output_item.added", "response.output_item.done"):
            items[index] = dict(event.get("item") or {})
        elif kind == "response.output_text.delta":
            item = items.setdefault(index, {"type": "message", "role": "assistant"})
            content = item.get("content") or [{"type": "output_text", "text": ""}]
            part = dict(content[0])
            part["text"] = str(part.get("text", "")) + str(event.get("delta", ""))
            item["content"] = [part]
        elif kind == "response.function_call_arguments.delta":
            item = items.setdefault(index, {"type": "function_call"})
            item["arguments"] = str(item.get("arguments", "")) + str(event.get("delta", ""))
    response["output"] = [items[index] for index in sorted(items)]
    return response


def assemble_messages(events: List[Json]) -> Optional[Json]:
    failed = _first(events, lambda event: event.get("type") == "error")
    if failed is not None:
        return failed
    started = _first(events, lambda event: event.get("type") == "message_start")
    if started is None or not isinstance(started.get("message"), dict):
        return None
    message: Json = dict(started["message"])
    blocks: Dict[int, Json] = {}
    inputs: Dict[int, str] = {}
    for event in events:
        index = event.get("index", 0)
        kind = event.get("type")
        delta = event.get("delta")
        if kind == "content_block_start":
            blocks[index] = dict(event.get("content_block") or {})
        elif kind == "content_block_delta" and isinstance(delta, dict):
            if delta.get("type") == "input_json_delta":
                inputs[index] = inputs.get(index, "") + str(delta.get("partial_json", ""))
            else:
                _add_block_delta(blocks.setdefault(index, {}), delta)
        elif kind == "message_delta":
            usage = {**(message.get("usage") or {}), **(event.get("usage") or {})}
            message = {**message, **(delta if isinstance(delta, dict) else {}), "usage": usage}
    for index, text in inputs.items():
        if text:
            blocks.setdefault(index, {})["input"] = _parsed(text)
    message["content"] = [blocks[index] for index in sorted(blocks)]
    return message


def _add_block_delta(block: Json, delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if name == "type":
            continue
        if name == "citation":
            block["citations"] = [*(block.get("citations") or []), value]
        elif isinstance(value, str):
            block[name] = str(block.get(name) or "") + value
        else:
            block[name] = value


def _parsed(text: str) -> Any:
    """The text itself, where the stream was cut short inside it."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _objects(value: Any) -> List[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _first(items: List[Any], fits: Callable[[Json], bool]) -> Optional[Json]:
    return next((item for item in items if isinstance(item, dict) and fits(item)), None)


ASSEMBLERS: Dict[str, Callable[[List[Json]], Optional[Json]]] = {
    "openai.chat": assemble_chat,
    "openai.responses": assemble_responses,
    "anthropic.messages": assemble_messages,
}
