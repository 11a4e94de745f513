"""A function whose every call that returns is a decision: `@grid.decision("type")`. One that raises
decided nothing."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, TypeVar, cast

from ._as_json import as_json
from ._capture import Capture
from ._times import now

F = TypeVar("F", bound=Callable[..., Any])
#: Takes what makes the decision, or None; whatever it raises is counted, never raised.
Enqueue = Callable[[Callable[[], Optional[Mapping[str, Any]]]], None]
#: Makes an input of a call's arguments by name, or an output of its result.
Shaper = Optional[Callable[[Any], Mapping[str, Any]]]


def record_calls(
    enqueue: Enqueue,
    common: Mapping[str, Any],
    capture: Capture,
    input: Shaper = None,
    output: Shaper = None,
) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError("decision() takes functions that return, not generators")
        named = common.get("model") or {"provider": "function", "name": function.__qualname__}
        signature = inspect.signature(function)

        def begun(args: Tuple[Any, ...], kwargs: Dict[str, Any]) -> Callable[[Any], None]:
            """Notes the arguments now: the function may change what it is given."""
            started_at = now()
            given, failure = None, None
            try:
                given = _input(signature, args, kwargs, input)
            except Exception as error:
                failure = error

            def returned(result: Any) -> None:
                def decision() -> Optional[Mapping[str, Any]]:
                    if failure is not None:
                        raise failure
                    shown = _output(result) if output is None else as_json(output(result))
                    return capture.captured(
                        {
                            **common,
                            "input": given,
                            "model": named,
                            "output": shown,
                            "capture_mode": "automatic",
                            "started_at": started_at,
                            "ended_at": now(),
                        }
                    )

                enqueue(decision)

            return returned

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def call_async(*args: Any, **kwargs: Any) -> Any:
                returned = begun(args, kwargs)
                result = await function(*args, **kwargs)
                returned(result)
                return result

            return cast(F, call_async)

        @functools.wraps(function)
        def call_sync(*args: Any, **kwargs: Any) -> Any:
            returned = begun(args, kwargs)
            result = function(*args, **kwargs)
            returned(result)
            return result

        return cast(F, call_sync)

    return decorate


def _input(
    signature: inspect.Signature, args: Tuple[Any, ...], kwargs: Dict[str, Any], shape: Shaper
) -> Any:
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    arguments = {
        name: value for name, value in bound.arguments.items() if name not in ("self", "cls")
    }
    return {"arguments": as_json(arguments)} if shape is None else as_json(shape(arguments))


def _output(value: Any) -> Dict[str, Any]:
    result = as_json(value)
    return result if isinstance(result, dict) else {"result": result}
