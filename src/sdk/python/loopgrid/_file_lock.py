"""Whether the process that writes to a folder still lives: it holds a lock that dies with it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Optional

try:
    import fcntl
except ImportError:  # Windows: a file may then be sent twice, and counts once by its key
    fcntl = None  # type: ignore[assignment]


class FileLock:
    def __init__(self, descriptor: int) -> None:
        self._descriptor: Optional[int] = descriptor

    @classmethod
    def acquire(cls, path: Path) -> Optional[FileLock]:
        """None when somebody holds it, or the folder is gone."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError:
            return None
        if fcntl is not None:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                return None
        return cls(descriptor)

    def close(self) -> None:
        """Closes this descriptor. After a fork the parent's own still holds the lock."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
