"""`grid.exports`: complete copies, a piece at a time. What is cut short raises."""

from __future__ import annotations

from typing import Dict, Iterator, Optional

from ._decisions import filter_query
from ._streams import lines_of, members_of, text_of
from ._transport import Asked, QueryValue, Transport
from .types import Decision


class Exports:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def decisions(self, /, **filters: QueryValue) -> Iterator[Decision]:
        """Every decision that fits, newest first. Filters as for `decisions.page`."""
        asked = Asked("GET", "/v1/export/decisions", filter_query(filters))
        return members_of(self._transport.stream(asked))

    def csv(self, /, **filters: QueryValue) -> Iterator[str]:
        """The same as CSV text, in pieces of any length."""
        query: Dict[str, QueryValue] = {**filter_query(filters), "format": "csv"}
        return text_of(self._transport.stream(Asked("GET", "/v1/export/decisions", query)))

    def ledger(self, from_: Optional[int] = None, to: Optional[int] = None) -> Iterator[str]:
        """The lines of a file that verifies itself: write them out, each with a line feed."""
        asked = Asked("GET", "/v1/export/ledger", {"from": from_, "to": to})
        return lines_of(self._transport.stream(asked))
