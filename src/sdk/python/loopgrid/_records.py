"""`grid.records`: what people and systems tell the ledger besides decisions: reviews, incidents, halts,
notices, policies."""

from __future__ import annotations

from typing import Any, Dict, Iterator, Optional, Sequence, cast

from ._streams import each_of
from ._transport import Asked, Transport, append, segment
from .types import Pruned, Record, RecordedRecord

PAGE_MAX = 100


class Records:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def add(
        self,
        kind: str,
        /,
        *,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
        **members: Any,
    ) -> RecordedRecord:
        """`kind` decides which members there are; `/docs` names them.

        Codes, times and references become facts, which are never erased: put nothing personal there.
        """
        given = {name: value for name, value in members.items() if value is not None}
        asked = append("/v1/records", {"kind": kind, **given}, idempotency_key, receipt)
        return cast(RecordedRecord, self._transport.json(asked))

    def get(self, record_id: str) -> Record:
        return cast(Record, self._transport.json(Asked("GET", path_of(record_id))))

    def all(
        self, *, kind: Optional[str] = None, decision_id: Optional[str] = None
    ) -> Iterator[Record]:
        """Newest first."""

        def page(cursor: Optional[str]) -> Any:
            query = {"kind": kind, "decision_id": decision_id, "limit": PAGE_MAX, "cursor": cursor}
            answer = self._transport.json(Asked("GET", "/v1/records", query))
            return answer["records"], answer["next_cursor"]

        return each_of(page)

    def erase(
        self,
        record_id: str,
        reason_code: str,
        *,
        fields: Optional[Sequence[str]] = None,
        request_id: Optional[str] = None,
        note: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> RecordedRecord:
        """Erases a record's content; its facts stay."""
        body: Dict[str, Any] = {"reason_code": reason_code, "request_id": request_id, "note": note}
        if fields is not None:
            body["fields"] = list(fields)
        asked = append(f"{path_of(record_id)}/erasure", body, idempotency_key, receipt)
        return cast(RecordedRecord, self._transport.json(asked))

    def prune(
        self,
        *,
        cursor: Optional[str] = None,
        dry_run: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
    ) -> Pruned:
        """Erases a portion of the content whose retention class is over; go on with `next_cursor`."""
        given = {"cursor": cursor, "dry_run": dry_run}
        body = {name: value for name, value in given.items() if value is not None}
        return cast(Pruned, self._transport.json(append("/v1/retention/prune", body, idempotency_key)))


def path_of(record_id: str) -> str:
    return f"/v1/records/{segment(record_id)}"
