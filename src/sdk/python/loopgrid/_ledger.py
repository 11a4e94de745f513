"""`grid.ledger`: where it stands, what it signed, its entries and proofs."""

from __future__ import annotations

from typing import Iterator, Mapping, Optional, cast

from ._streams import lines_of
from ._transport import Asked, Transport, append
from .types import ConsistencyProof, InclusionProof, Ledger, OpenedLedger, WriterGaps

ENTRIES_MAX = 1000


class LedgerReads:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def state(self) -> Ledger:
        return cast(Ledger, self._transport.json(Asked("GET", "/v1/ledger")))

    def checkpoint(self, *, size: Optional[int] = None, cosigned: Optional[bool] = None) -> str:
        """A signed note: the newest, an older committed one, or the newest that witnesses signed."""
        query = {"size": size, "cosigned": cosigned}
        return self._transport.text(Asked("GET", "/v1/ledger/checkpoint", query))

    def entries(
        self, from_: int = 0, to: Optional[int] = None, *, content: bool = True
    ) -> Iterator[str]:
        """Entry lines of `[from_, to)`, fetched as they are asked for; up to the head without `to`."""
        position = from_
        while to is None or position < to:
            limit = ENTRIES_MAX if to is None else min(ENTRIES_MAX, to - position)
            query = {"from": position, "limit": limit, "content": content}
            before = position
            for line in lines_of(self._transport.stream(Asked("GET", "/v1/ledger/entries", query))):
                position += 1
                yield line
            if position == before:
                return

    def inclusion_proof(self, index: int, size: Optional[int] = None) -> InclusionProof:
        query = {"index": index, "size": size}
        asked = Asked("GET", "/v1/ledger/proof/inclusion", query)
        return cast(InclusionProof, self._transport.json(asked))

    def consistency_proof(self, from_: int, to: Optional[int] = None) -> ConsistencyProof:
        """That the ledger only grew between two sizes."""
        asked = Asked("GET", "/v1/ledger/proof/consistency", {"from": from_, "to": to})
        return cast(ConsistencyProof, self._transport.json(asked))

    def gaps(
        self, writer_id: Optional[str] = None, *, service_name: Optional[str] = None
    ) -> WriterGaps:
        """Which of the records that writers numbered never arrived."""
        query = {"writer_id": writer_id, "service_name": service_name}
        return cast(WriterGaps, self._transport.json(Asked("GET", "/v1/integrity/gaps", query)))

    def open(
        self,
        ledger: str,
        reason_code: str,
        *,
        continues: Optional[Mapping[str, object]] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> OpenedLedger:
        """Begins a ledger with an entry that names the one it continues."""
        body = {"ledger": ledger, "reason_code": reason_code, "continues": continues}
        asked = append("/v1/ledgers", body, idempotency_key, receipt)
        return cast(OpenedLedger, self._transport.json(asked))
