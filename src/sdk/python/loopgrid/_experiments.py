"""`grid.experiments`: would another prompt or model have got past decisions right?"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, Iterator, Optional, Sequence, cast

from ._streams import each_of, json_lines_of
from ._transport import Asked, Transport, append, encode_json, segment
from .errors import LoopGridTimeoutError
from .types import AnyObject, Experiment, JsonObject

PAGE_MAX = 100
#: A day: some experiments take hours.
WAIT_S = 86_400.0
POLL_S = 0.5
POLL_S_MAX = 5.0


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
        ground_truth: Optional[str] = None,
        max_items: Optional[int] = None,
        max_cost: Optional[float] = None,
        concurrency: Optional[int] = None,
        idempotency_key: Optional[str] = None,
    ) -> Experiment:
        """Freezes the selection and starts."""
        members = given(
            selection=selection,
            overrides=overrides,
            scorers=scorers,
            name=name,
            mode=mode,
            ground_truth=ground_truth,
            max_items=max_items,
            max_cost=max_cost,
            concurrency=concurrency,
        )
        asked = append("/v1/experiments", members, idempotency_key)
        return cast(Experiment, self._transport.json(asked))

    def estimate(
        self,
        selection: JsonObject,
        overrides: Optional[JsonObject] = None,
        scorers: Optional[Sequence[JsonObject]] = None,
        *,
        mode: Optional[str] = None,
        ground_truth: Optional[str] = None,
        max_items: Optional[int] = None,
    ) -> Experiment:
        """What it would select and about cost. Writes nothing."""
        members = given(
            selection=selection,
            overrides=overrides,
            scorers=scorers,
            mode=mode,
            ground_truth=ground_truth,
            max_items=max_items,
            dry_run=True,
        )
        asked = Asked("POST", "/v1/experiments", body=encode_json(members))
        return cast(Experiment, self._transport.json(asked))

    def get(self, experiment_id: str) -> Experiment:
        return cast(Experiment, self._transport.json(Asked("GET", path_of(experiment_id))))

    def all(self) -> Iterator[Experiment]:
        """Newest first, without their reports."""

        def page(cursor: Optional[str]) -> Any:
            query = {"limit": PAGE_MAX, "cursor": cursor}
            answer = self._transport.json(Asked("GET", "/v1/experiments", query))
            return answer["experiments"], answer.get("next_cursor")

        return each_of(page)

    def items(self, experiment_id: str) -> Iterator[AnyObject]:
        """Every decision of the selection and what became of it."""
        asked = Asked("GET", f"{path_of(experiment_id)}/items")
        return json_lines_of(self._transport.stream(asked))

    def cancel(self, experiment_id: str) -> Experiment:
        """Begins no further item; what runs is finished and recorded."""
        return self._steer(experiment_id, "cancel", None)

    def resume(
        self,
        experiment_id: str,
        *,
        max_items: Optional[int] = None,
        max_cost: Optional[float] = None,
    ) -> Experiment:
        """Runs again what failed or was skipped, and nothing else."""
        budget = given(max_items=max_items, max_cost=max_cost)
        return self._steer(experiment_id, "resume", encode_json(budget))

    def wait(
        self,
        experiment_id: str,
        *,
        timeout_s: float = WAIT_S,
        seen: Callable[[Experiment], None] = lambda experiment: None,
    ) -> Experiment:
        """Waits for its end; `seen` is shown the experiment each time it is looked at.

        Raises LoopGridTimeoutError; the experiment goes on.
        """
        deadline = time.monotonic() + timeout_s
        pause = POLL_S
        while True:
            experiment = self.get(experiment_id)
            seen(experiment)
            if experiment.get("report") is not None:
                return experiment
            if time.monotonic() + pause > deadline:
                state = experiment.get("state")
                raise LoopGridTimeoutError(f"Experiment {experiment_id} is still {state}")
            time.sleep(pause)
            pause = min(2 * pause, POLL_S_MAX)

    def _steer(self, experiment_id: str, verb: str, body: Optional[bytes]) -> Experiment:
        asked = Asked("POST", f"{path_of(experiment_id)}/{verb}", body=body)
        return cast(Experiment, self._transport.json(asked))


def path_of(experiment_id: str) -> str:
    return f"/v1/experiments/{segment(experiment_id)}"


def given(**members: object) -> Dict[str, object]:
    return {name: value for name, value in members.items() if value is not None}
