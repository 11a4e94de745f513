"""`grid.decisions`: what 0.1 did not have."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, cast

from ._identity import WriterIdentity
from ._recording import decision_body, decision_params
from ._streams import each_of
from ._transport import Asked, QueryValue, Transport, append, segment
from .types import Decision, DecisionBatch, DecisionHistory, DecisionList, ErasedDecision, Hold

PAGE_MAX = 100


class Decisions:
    def __init__(self, transport: Transport, identity: WriterIdentity) -> None:
        self._transport = transport
        self._identity = identity

    def record_batch(
        self, decisions: Sequence[Mapping[str, Any]], *, idempotency_key: Optional[str] = None
    ) -> DecisionBatch:
        """Up to 1000, all or nothing, one after the other in the ledger.

        Each has the members that `record` takes as arguments.
        """
        service_name = self._transport.config.service_name
        identity = self._identity if idempotency_key is None else None
        bodies = [
            decision_body(decision_params(**decision), service_name, identity)
            for decision in decisions
        ]
        asked = append("/v1/decisions/batch", {"decisions": bodies}, idempotency_key)
        return cast(DecisionBatch, self._transport.json(asked))

    def page(
        self, /, *, limit: int = PAGE_MAX, cursor: Optional[str] = None, **filters: QueryValue
    ) -> DecisionList:
        """A keyset page, newest first, without a total: it costs the same at any depth.

        Filters: service_name, decision_type, status, model_provider, model_name, from_, to.
        """
        return self._page({"limit": limit, "cursor": cursor, **filter_query(filters)})

    def all(self, /, **filters: QueryValue) -> Iterator[Decision]:
        """Every decision that fits, newest first, fetched as it is asked for. Filters as for `page`."""

        def page(cursor: Optional[str]) -> Any:
            answer = self._page({"limit": PAGE_MAX, "cursor": cursor, **filter_query(filters)})
            return answer["decisions"], answer.get("next_cursor")

        return each_of(page)

    def history(self, decision_id: str) -> DecisionHistory:
        """Every entry about a decision, oldest first."""
        return cast(
            DecisionHistory, self._transport.json(Asked("GET", f"{path_of(decision_id)}/history"))
        )

    def evidence(self, decision_id: str) -> str:
        """The decision as a file that verifies itself; keep its text as it is."""
        return self._transport.text(Asked("GET", f"{path_of(decision_id)}/evidence"))

    def tlog_proof(self, decision_id: str) -> str:
        """The recording entry alone as C2SP tlog-proof@v1."""
        query = {"format": "tlog-proof"}
        return self._transport.text(Asked("GET", f"{path_of(decision_id)}/evidence", query))

    def erase(
        self,
        decision_id: str,
        reason_code: str,
        *,
        fields: Optional[Sequence[str]] = None,
        request_id: Optional[str] = None,
        note: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> ErasedDecision:
        """Erases content for good, all of it or `fields`; the proof stays."""
        body: Dict[str, Any] = {"reason_code": reason_code, "request_id": request_id, "note": note}
        if fields is not None:
            body["fields"] = list(fields)
        asked = append(f"{path_of(decision_id)}/erasure", body, idempotency_key, receipt)
        return cast(ErasedDecision, self._transport.json(asked))

    def hold(
        self,
        decision_id: str,
        reason_code: str,
        *,
        held: bool = True,
        note: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> Hold:
        """Holds a decision against erasure; `held=False` releases it."""
        body = {"held": held, "reason_code": reason_code, "note": note}
        asked = append(f"{path_of(decision_id)}/hold", body, idempotency_key, receipt)
        return cast(Hold, self._transport.json(asked))

    def _page(self, query: Mapping[str, QueryValue]) -> DecisionList:
        return cast(DecisionList, self._transport.json(Asked("GET", "/v1/decisions", query)))


def path_of(decision_id: str) -> str:
    return f"/v1/decisions/{segment(decision_id)}"


def filter_query(filters: Mapping[str, QueryValue]) -> Dict[str, QueryValue]:
    """`from` is a word of Python's; so it is `from_` here."""
    return {name.rstrip("_"): value for name, value in filters.items()}

