"""`grid.keys`, `grid.shares`, `grid.prices`: for operators."""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional, Sequence, cast

from ._streams import each_of
from ._transport import Asked, Transport, append, encode_json, new_key, segment
from .types import ListedKey, NewKey, PriceList, RevokedKey, RotatedKey, Share


class Keys:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        ledger: Optional[str] = None,
        expires_at: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> NewKey:
        """The credential is in the answer once, and nowhere else."""
        body = {"name": name, "scopes": list(scopes), "ledger": ledger, "expires_at": expires_at}
        return cast(NewKey, self._transport.json(append("/v1/keys", body, idempotency_key)))

    def all(self) -> Iterator[ListedKey]:
        """Newest first."""

        def page(cursor: Optional[str]) -> Any:
            answer = self._transport.json(Asked("GET", "/v1/keys", {"cursor": cursor}))
            return answer["keys"], answer["next_cursor"]

        return each_of(page)

    def rotate(
        self,
        key_id: str,
        *,
        overlap_seconds: Optional[int] = None,
        expires_at: Optional[str] = None,
        idempotency_key: Optional[str] = None,
    ) -> RotatedKey:
        """The old key works for `overlap_seconds` more (a day unless said otherwise)."""
        given = {"overlap_seconds": overlap_seconds, "expires_at": expires_at}
        body = {name: value for name, value in given.items() if value is not None}
        asked = append(f"/v1/keys/{segment(key_id)}/rotate", body, idempotency_key)
        return cast(RotatedKey, self._transport.json(asked))

    def revoke(self, key_id: str, *, idempotency_key: Optional[str] = None) -> RevokedKey:
        key = idempotency_key or new_key()
        asked = Asked("DELETE", f"/v1/keys/{segment(key_id)}", idempotency_key=key)
        return cast(RevokedKey, self._transport.json(asked))


class Shares:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(
        self,
        kind: str,
        *,
        decision_id: Optional[str] = None,
        service_name: Optional[str] = None,
        expires_in_seconds: Optional[int] = None,
    ) -> Share:
        """A signed, expiring link to one `evidence` bundle or `report`. Nothing is stored."""
        given = {
            "kind": kind,
            "decision_id": decision_id,
            "service_name": service_name,
            "expires_in_seconds": expires_in_seconds,
        }
        body = {name: value for name, value in given.items() if value is not None}
        asked = Asked("POST", "/v1/shares", body=encode_json(body))
        return cast(Share, self._transport.json(asked))


class Prices:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, version: Optional[int] = None) -> PriceList:
        asked = Asked("GET", "/v1/prices", {"version": version})
        return cast(PriceList, self._transport.json(asked))

    def set(self, prices: Sequence[Mapping[str, Any]], *, currency: str = "USD") -> PriceList:
        """Replaces the list; older replays keep their cost."""
        body = encode_json({"currency": currency, "prices": list(prices)})
        return cast(PriceList, self._transport.json(Asked("PUT", "/v1/prices", body=body)))
