"""Who writes, and in which order.

Every record carries this writer's id and its next number, so that `GET /v1/integrity/gaps` shows which
records never arrived. A number is used up whatever becomes of its record: a gap tells of a loss. A new
client is a new writer, and so is the child of a fork.
"""

from __future__ import annotations

import secrets
import threading
from typing import Dict, Union

Stamp = Dict[str, Union[str, int]]


class WriterIdentity:
    def __init__(self) -> None:
        self.after_fork()

    def stamp(self) -> Stamp:
        with self._lock:
            self._seq += 1
            return {"writer_id": self.writer_id, "writer_seq": self._seq}

    def after_fork(self) -> None:
        self._lock = threading.Lock()  # the parent may have held it when it forked
        self.writer_id = f"py-{secrets.token_hex(12)}"
        self._seq = 0
