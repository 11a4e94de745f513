"""`grid.experiments`: would another prompt or model have got past decisions right?"""

from __future__ import annotations

import time
from typing import Any, Dict, Iterator, Optional, Sequence, cast

from ._streams import each_of, json_lines_of
from ._transport import Asked, QueryValue, Transport, append, encode_json, segment
from .errors import LoopGridTimeoutError
from .types import AnyObject, Experiment, JsonObject

#: States that nothing follows without somebody's doing.
FINAL_STATES = ("completed", "completed_with_errors", "cancelled", "budget_exhausted")
#: An experiment over thousands of decisions takes hours; whoever waits says how long.
WAIT_S = 3600.0
POLL_S = 0.5
POLL_S_MAX = 10.0


class Experiments:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        selection: JsonObject,
        overrides: Optional[JsonObject] = None,
        scorers: Optional[Sequence[JsonObject]] = None,
        *,
        name: Optional[str] = None,
        mode: Optional[str] = None,
        max_items: Optional[int] = None,
        max_cost: Optional[float] = None,
        concurrency: Optional[int] = None,
        dry_run: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
    ) -> Experiment:
        """Replays a frozen selection of decisions and scores them against their corrections."""
        given: Dict[str, Any] = {
            "selection": selection,
            "overrides": overrides,
            "scorers": None if scorers is None else list(scorers),
            "name": name,
            "mode": mode,
            "max_items": max_items,
            "max_cost": max_cost,
            "concurrency": concurrency,
            "dry_run": dry_run,
        }
        body = {member: value for member, value in given.items() if value is not None}
        asked = append("/v1/experiments", body, idempotency_key)
        return cast(Experiment, self._transport.json(asked))

    def get(self, experiment_id: str) -> Experiment:
        return cast(Experiment, self._transport.json(Asked("GET", path_of(experiment_id))))

    def all(self, /, **filters: QueryValue) -> Iterator[Experiment]:
        """Newest first."""

        def page(cursor: Optional[str]) -> Any:
            query: Dict[str, QueryValue] = {**filters, "cursor": cursor}
            answer = self._transport.json(Asked("GET", "/v1/experiments", query))
            return answer["experiments"], answer.get("next_cursor")

        return each_of(page)

    def items(self, experiment_id: str) -> Iterator[AnyObject]:
        """Every decision of the selection and what became of it."""
        asked = Asked("GET", f"{path_of(experiment_id)}/items")
        return json_lines_of(self._transport.stream(asked))

    def cancel(self, experiment_id: str) -> Experiment:
        return self._steer(experiment_id, "cancel")

    def resume(self, experiment_id: str) -> Experiment:
        """Runs again only what failed or never ran."""
        return self._steer(experiment_id, "resume")

    def wait(self, experiment_id: str, *, timeout_s: float = WAIT_S) -> Experiment:
        """Waits for the end. Raises LoopGridTimeoutError; the experiment goes on."""
        deadline = time.monotonic() + timeout_s
        pause = POLL_S
        while True:
            experiment = self.get(experiment_id)
            state = experiment.get("state")
            if state in FINAL_STATES:
                return experiment
            if time.monotonic() + pause > deadline:
                raise LoopGridTimeoutError(f"Experiment {experiment_id} is still {state}")
            time.sleep(pause)
            pause = min(2 * pause, POLL_S_MAX)

    def _steer(self, experiment_id: str, verb: str) -> Experiment:
        asked = Asked("POST", f"{path_of(experiment_id)}/{verb}", body=encode_json({}))
        return cast(Experiment, self._transport.json(asked))


def path_of(experiment_id: str) -> str:
    return f"/v1/experiments/{segment(experiment_id)}"
