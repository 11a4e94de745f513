"""What a recorded call costs an application in Python: `enqueue` and a wrapped client, beside the same
call without. Never a test.

    LOOPGRID_URL=http://localhost:8000 PYTHONPATH=src/sdk/python python3 test/bench/python_client.py

The wrapped client calls a provider in this process, which answers at once: what is added is the client's
own work, on the thread that makes the call.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

from loopgrid import LoopGrid

CALLS = 5_000
WARM_UP = 500
BODY: Dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "user", "content": "I was charged twice. " * 50}],
}
ANSWER: Dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Refund. " * 100}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}


def timed(*calls: Callable[[], Any], times: int = CALLS) -> List[List[float]]:
    """Microseconds of each of these calls, which take turns: the machine's moods hit all of them."""
    found: List[List[float]] = [[] for _ in calls]
    for n in range(times + WARM_UP):
        for call, measured in zip(calls, found):
            begun = time.perf_counter_ns()
            call()
            if n >= WARM_UP:
                measured.append((time.perf_counter_ns() - begun) / 1000)
        if n % 50 == 49:
            time.sleep(0.005)  # as an application has other things to do, so has the sender
    return found


def show(name: str, times: List[float]) -> None:
    median = statistics.median(times)
    p99 = statistics.quantiles(times, n=100)[98]
    print(f"{name:48} median {median:8.1f} µs   p99 {p99:8.1f} µs")


def enqueuing(name: str, **options: Any) -> None:
    grid = LoopGrid(service_name="bench", queue_records_max=100_000, **options)
    record = {
        "decision_type": "model_call",
        "input": {"request": BODY},
        "model": {"provider": "openai", "name": "gpt-4o"},
        "output": {"response": ANSWER},
    }
    show(name, *timed(lambda: grid.enqueue(**record)))
    grid.close(timeout_s=300)


def wrapping() -> None:
    try:
        import httpx
    except ImportError:
        print("httpx is not installed: no wrapped client")
        return
    octets = json.dumps(ANSWER).encode()
    headers = {"content-type": "application/json"}
    transport = httpx.MockTransport(lambda request: httpx.Response(200, headers=headers, content=octets))
    plain = httpx.Client(transport=transport)
    grid = LoopGrid(service_name="bench", queue_records_max=100_000)
    wrapped = grid.wrap(plain)
    url = "https://api.openai.com/v1/chat/completions"
    bare, recorded = timed(
        lambda: plain.post(url, json=BODY), lambda: wrapped.post(url, json=BODY)
    )
    show("httpx, its transport answering at once", bare)
    show("the same, wrapped", recorded)
    show("what wrapping adds, call by call", [b - a for a, b in zip(bare, recorded)])
    grid.close(timeout_s=300)


def main() -> None:
    package = Path(__file__).resolve().parents[2] / "src/sdk/python/loopgrid"
    sources = [path.stat().st_size for path in package.rglob("*.py")]
    print(f"{len(sources)} files, {sum(sources):,} bytes; Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    print(f"a record of {len(json.dumps([BODY, ANSWER])):,} bytes, {CALLS:,} calls each")
    enqueuing("enqueue, in memory")
    with tempfile.TemporaryDirectory() as folder:
        enqueuing("enqueue, with a spool", spool_dir=folder)
    wrapping()
    grid = LoopGrid(service_name="bench")
    record = {"decision_type": "x", "input": BODY, "model": {}, "output": ANSWER}
    show("record, with its receipt (one client)", *timed(lambda: grid.record(**record), times=500))


if __name__ == "__main__":
    main()
