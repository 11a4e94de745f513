"""Answers of any length, a piece at a time: pages, lines, and the members of one long JSON list."""

from __future__ import annotations

import codecs
import json
from typing import Any, Callable, Iterator, List, Optional, Tuple, TypeVar

from .errors import LoopGridConnectionError

T = TypeVar("T")


def each_of(page: Callable[[Optional[str]], Tuple[List[T], Optional[str]]]) -> Iterator[T]:
    """Every item of a list that is answered in keyset pages."""
    cursor: Optional[str] = None
    while True:
        items, cursor = page(cursor)
        yield from items
        if cursor is None:
            return


def text_of(chunks: Iterator[bytes]) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks:
            text = decoder.decode(chunk)
            if text:
                yield text
        decoder.decode(b"", True)
    except UnicodeDecodeError as error:
        raise LoopGridConnectionError("The answer was cut short") from error


def lines_of(chunks: Iterator[bytes]) -> Iterator[str]:
    """Lines without their line feeds; a last one without is a line too."""
    rest: List[bytes] = []
    for chunk in chunks:
        first, *more = chunk.split(b"\n")
        rest.append(first)
        for piece in more:
            yield _decoded(b"".join(rest))
            rest = [piece]
    last = b"".join(rest)
    if last:
        yield _decoded(last)


def members_of(chunks: Iterator[bytes]) -> Iterator[Any]:
    """The members of the list in `{"<name>":[…],…}`, each as soon as it is complete.

    The answer to a whole export does not fit in memory. Raises LoopGridConnectionError when the list
    is cut short.
    """
    scanner = _Scanner()
    for text in text_of(chunks):
        yield from scanner.feed(text)
    if not scanner.is_over:
        raise LoopGridConnectionError("The answer was cut short")


def json_lines_of(chunks: Iterator[bytes]) -> Iterator[Any]:
    """One JSON value a line."""
    for line in lines_of(chunks):
        if line:
            yield _json(line)


class _Scanner:
    """Finds where objects at depth 3 begin and end; the parser proper reads them."""

    #: `{`, `[`, `{`
    MEMBER_DEPTH = 3

    def __init__(self) -> None:
        self.is_over = False
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._begun: List[str] = []

    def feed(self, text: str) -> Iterator[Any]:
        start = 0
        for position, character in enumerate(text):
            if self._in_string:
                if self._escaped:
                    self._escaped = False
                elif character == "\\":
                    self._escaped = True
                elif character == '"':
                    self._in_string = False
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
                if self._depth == self.MEMBER_DEPTH:
                    start = position
            elif character in "}]":
                self._depth -= 1
                if self._depth == self.MEMBER_DEPTH - 1:
                    yield _json("".join([*self._begun, text[start : position + 1]]))
                    self._begun = []
                if self._depth == 0:
                    self.is_over = True
        if self._depth >= self.MEMBER_DEPTH:
            self._begun.append(text[start:])


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LoopGridConnectionError("The answer was cut short") from error


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise LoopGridConnectionError("The answer was cut short") from error
