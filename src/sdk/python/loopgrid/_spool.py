"""Records on disk. One file is one batch request: its first line names the Idempotency-Key, every
further line is a record. What a process leaves behind, the next one that uses the directory sends, with
the key the file names: so it arrives exactly once, however often it is sent.

    <spool_dir>/<writer id>/lock                held by the process that writes here, as long as it lives
    <spool_dir>/<writer id>/000000000001.open   being written
    <spool_dir>/<writer id>/000000000001.batch  complete: it is sent as it is, then deleted
    <spool_dir>/refused/…                       the server refused it; kept for a person to look at

A record is in its file when `append` returns: the death of the process loses nothing. The death of the
machine may lose what its operating system had not written out yet. Files hold content: only their owner
may read them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict, List, Optional

from ._batch import Batch, Lines
from ._file_lock import FileLock
from ._transport import encode_json

FORMAT = "loopgrid-spool/1"
OPEN = ".open"
COMPLETE = ".batch"
REFUSED = "refused"
LOCK = "lock"
FOLDER_MODE = 0o700
FILE_MODE = 0o600


class SpooledBatch(Batch):
    """A complete file; its lines are read when they are sent."""

    def __init__(self, path: Path, refused: Path, key: str, lines: Lines) -> None:
        super().__init__(key, len(lines), sum(map(len, lines)))
        self._path = path
        self._refused = refused

    def lines(self) -> Lines:
        return _lines_in(self._path.read_bytes())

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)

    def refuse(self) -> None:
        _make_folder(self._refused)
        os.replace(self._path, self._refused / f"{self._path.parent.name}-{self._path.name}")


class OpenFile:
    """A file that records are added to."""

    def __init__(self, path: Path, refused: Path, key: str) -> None:
        self._path = path
        self._refused = refused
        self._key = key
        self._lines: List[bytes] = []
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
        try:
            self._write(encode_json({"format": FORMAT, "idempotency_key": key}))
        except OSError:
            self.discard()
            raise

    def append(self, line: bytes) -> None:
        """Raises OSError when the disk does not take it; what was written before stays good."""
        self._write(line)
        self._lines.append(line)

    def complete(self) -> SpooledBatch:
        """From here on it is sent, and does not change."""
        self.forget()
        path = self._path.with_suffix(COMPLETE)
        os.replace(self._path, path)
        return SpooledBatch(path, self._refused, self._key, self._lines)

    def forget(self) -> None:
        os.close(self._descriptor)

    def discard(self) -> None:
        self.forget()
        self._path.unlink(missing_ok=True)

    def _write(self, line: bytes) -> None:
        text = line + b"\n"
        start = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            written = os.write(self._descriptor, text)
            if written != len(text):
                raise OSError(f"{written} of {len(text)} bytes were written")
        except OSError:
            os.ftruncate(self._descriptor, start)  # half a line would spoil the next one
            raise


class Spool:
    def __init__(self, spool_dir: str, writer_id: str) -> None:
        self.path = Path(spool_dir)
        self._folder = self.path / writer_id
        self._refused = self.path / REFUSED
        self._count = 0
        #: Held by this process, by folder: its own and those it took over.
        self._locks: Dict[Path, FileLock] = {}

    def begin(self, key: str) -> OpenFile:
        """Raises OSError."""
        if self._folder not in self._locks:
            _make_folder(self._folder)
            lock = FileLock.acquire(self._folder / LOCK)
            if lock is None:
                raise OSError(f"{self._folder} cannot be locked")
            self._locks[self._folder] = lock
        self._count += 1
        return OpenFile(self._folder / f"{self._count:012d}{OPEN}", self._refused, key)

    def write(self, key: str, lines: Lines) -> SpooledBatch:
        """A complete file at once. Raises OSError."""
        file = self.begin(key)
        try:
            for line in lines:
                file.append(line)
        except OSError:
            file.discard()
            raise
        return file.complete()

    def leftovers(self) -> List[SpooledBatch]:
        """What processes that are gone left here, taken over. Raises OSError."""
        if not self.path.is_dir():
            return []
        return [
            batch
            for folder in sorted(self.path.iterdir())
            if folder.is_dir() and folder != self._refused and folder not in self._locks
            for batch in self._take_over(folder)
        ]

    def close(self) -> None:
        """Lets go of everything; folders without records go too."""
        for folder, lock in self._locks.items():
            _remove_if_empty(folder)
            lock.close()
        self._locks = {}

    def after_fork(self) -> None:
        """Files and locks are the parent's."""
        for lock in self._locks.values():
            lock.close()

    def _take_over(self, folder: Path) -> List[SpooledBatch]:
        if not any(path.suffix in (OPEN, COMPLETE) for path in folder.iterdir()):
            return []
        lock = FileLock.acquire(folder / LOCK)
        if lock is None:
            return []
        self._locks[folder] = lock
        batches = [self._taken(path) for path in sorted(folder.iterdir())]
        return [batch for batch in batches if batch is not None]

    def _taken(self, path: Path) -> Optional[SpooledBatch]:
        if path.suffix == OPEN:
            complete = path.with_suffix(COMPLETE)
            os.replace(path, complete)
            path = complete
        if path.suffix != COMPLETE:
            return None
        text = path.read_bytes()
        key, lines = _key_in(text), _lines_in(text)
        if key is None or not lines:
            # Its writer died before the first record was whole, or it is no file of ours.
            path.unlink() if not lines else SpooledBatch(path, self._refused, "", lines).refuse()
            return None
        return SpooledBatch(path, self._refused, key, lines)


def _key_in(text: bytes) -> Optional[str]:
    try:
        head = json.loads(text.partition(b"\n")[0])
    except ValueError:
        return None
    is_ours = isinstance(head, dict) and head.get("format") == FORMAT
    key = head.get("idempotency_key") if is_ours else None
    return key if isinstance(key, str) else None


def _lines_in(text: bytes) -> List[bytes]:
    # A last line without its end was being written when its writer died: `append` never returned.
    return text.split(b"\n")[1:-1]


def _make_folder(folder: Path) -> None:
    # The mode is for the last one alone.
    folder.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder.mkdir(mode=FOLDER_MODE, exist_ok=True)


def _remove_if_empty(folder: Path) -> None:
    try:
        if all(path.name == LOCK for path in folder.iterdir()):
            (folder / LOCK).unlink(missing_ok=True)
            folder.rmdir()
    except OSError:
        pass  # a later process removes it
