"""`grid.replays`: lists, and replays that take longer than anybody waits."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Dict, Iterator, Mapping, Optional, Union, cast

from ._streams import each_of
from ._transport import Asked, QueryValue, Transport, append, segment
from .errors import LoopGridTimeoutError
from .types import AcceptedReplay, CreatedReplay, JsonObject, ListedReplay, Replay, ReplayList

PAGE_MAX = 100
#: Models that think for minutes are why somebody waits here.
WAIT_S = 600.0
POLL_S = 0.25
POLL_S_MAX = 5.0


class Replays:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def start(
        self,
        decision_id: str,
        overrides: Optional[JsonObject] = None,
        triggered_by: str = "sdk",
        *,
        mode: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> Union[AcceptedReplay, CreatedReplay]:
        """Answers at once: with the id of a replay that runs, or the replay when none has to run."""
        body = replay_body(decision_id, overrides, triggered_by, mode)
        asked = append("/v1/replays", body, idempotency_key)
        answer = self._transport.json(replace(asked, headers={"Prefer": "respond-async"}))
        return cast("Union[AcceptedReplay, CreatedReplay]", answer)

    def wait(self, replay_id: str, *, timeout_s: float = WAIT_S) -> Replay:
        """Waits for the end of a replay. Raises LoopGridTimeoutError; the replay goes on."""
        deadline = time.monotonic() + timeout_s
        pause = POLL_S
        while True:
            replay = self._transport.json(Asked("GET", f"/v1/replays/{segment(replay_id)}"))
            status = replay["execution_status"]
            if status in ("completed", "failed"):
                return cast(Replay, replay)
            if time.monotonic() + pause > deadline:
                raise LoopGridTimeoutError(f"Replay {replay_id} is still {status}")
            time.sleep(pause)
            pause = min(2 * pause, POLL_S_MAX)

    def page(
        self, /, *, limit: int = PAGE_MAX, cursor: Optional[str] = None, **filters: QueryValue
    ) -> ReplayList:
        """Newest first. Filters: decision_id, outcome, execution_mode, provider, model."""
        return self._page({"limit": limit, "cursor": cursor, **filters})

    def all(self, /, **filters: QueryValue) -> Iterator[ListedReplay]:
        """Every replay that fits, newest first. Filters as for `page`."""

        def page(cursor: Optional[str]) -> Any:
            answer = self._page({"limit": PAGE_MAX, "cursor": cursor, **filters})
            return answer["replays"], answer["next_cursor"]

        return each_of(page)

    def _page(self, query: Mapping[str, QueryValue]) -> ReplayList:
        return cast(ReplayList, self._transport.json(Asked("GET", "/v1/replays", query)))


def replay_body(
    decision_id: str, overrides: Optional[JsonObject], triggered_by: str, mode: Optional[str]
) -> Dict[str, Any]:
    body: Dict[str, Any] = {"decision_id": decision_id, "triggered_by": triggered_by}
    if overrides:
        body["overrides"] = overrides
    if mode is not None:
        body["mode"] = mode
    return body
