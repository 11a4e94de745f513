"""Records on their way, without making anybody wait: bounded, in batches, with backoff. Every record is
at last acknowledged, dropped and counted, or still pending; nothing is lost silently.

    enqueued + recovered = acknowledged + dropped + pending

A thread of its own sends one batch at a time, which keeps its Idempotency-Key until it is acknowledged,
so that an unknown outcome is asked again and never written twice.

The child of a fork starts empty, as a writer of its own: what was enqueued is the parent's to send. At
the end of the process what is pending gets a few seconds; then it is dropped and told of, or stays in
the spool.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections import deque
from dataclasses import dataclass
from typing import Callable, Deque, List, Optional, Set, Tuple

from ._batch import Batch, Lines, MemoryBatch, parts_of
from ._delivery import Acknowledged, Refused, deliver
from ._fork import Forkable, watch
from ._identity import WriterIdentity
from ._retry import backoff_s
from ._spool import OpenFile, Spool
from ._transport import Transport, new_key
from .errors import LoopGridAPIError, LoopGridError, UndeliveredError
from .types import Counters

LOG = logging.getLogger("loopgrid")

BATCH_RECORDS = 100
#: Far below the 16 MiB of a request; one record may hold 1 MiB.
BATCH_BYTES = 2 * 1024 * 1024
QUEUE_RECORDS = 10_000
QUEUE_BYTES = 64 * 1024 * 1024
SPOOL_BYTES = 1024 * 1024 * 1024
LINGER_S = 0.02
EXIT_S = 5.0
#: How often the spool is looked through for what processes left that ended meanwhile.
LOOK_S = 10.0
#: A server that is away is told of once, then this seldom.
WARN_S = 60.0


@dataclass(frozen=True)
class QueueOptions:
    spool_dir: Optional[str] = None
    #: Records that may wait in memory.
    records_max: int = QUEUE_RECORDS
    #: Bytes that may wait, in memory or in the spool.
    bytes_max: Optional[int] = None
    linger_s: float = LINGER_S
    exit_timeout_s: float = EXIT_S
    on_error: Optional[Callable[[LoopGridError], None]] = None


class _Open:
    """The batch that gathers."""

    def __init__(self) -> None:
        self.key = new_key()
        self.lines: List[bytes] = []
        self.size = 0
        self.file: Optional[OpenFile] = None
        #: The disk did not take it.
        self.is_in_memory = False
        self.since = 0.0


class Queue(Forkable):
    def __init__(self, transport: Transport, identity: WriterIdentity, options: QueueOptions) -> None:
        self._transport = transport
        self._identity = identity
        self._options = options
        self._reset()
        _QUEUES.add(self)
        watch(self)
        if self._spool is not None:
            with self._changed:
                self._recover()

    def _reset(self) -> None:
        #: Guards everything below; told of every change.
        self._changed = threading.Condition()
        self._open = _Open()
        self._ready: Deque[Batch] = deque()
        #: Keys that were sent, of batches that still wait.
        self._tried: Set[str] = set()
        self._waiting_bytes = 0
        self._enqueued = self._recovered = self._sent = 0
        self._acknowledged = self._spooled = self._dropped = 0
        self._dropped_unsaid = 0
        self._last_error: Optional[LoopGridError] = None
        self._warned_at = float("-inf")
        self._looked_at = float("-inf")
        self._thread: Optional[threading.Thread] = None
        self._is_hurried = False
        self._is_closed = False
        folder = self._options.spool_dir
        self._spool: Optional[Spool] = (
            None if folder is None else Spool(folder, self._identity.writer_id)
        )

    @property
    def counters(self) -> Counters:
        with self._changed:
            return self._shown()

    def put(self, line: bytes) -> bool:
        """False when there is no room: the record is dropped, and counted."""
        with self._changed:
            self._enqueued += 1
            reason = self._reason_against(line)
            if reason is not None:
                self._drop(1, LoopGridError(f"A record was dropped: {reason}"))
                return False
            if self._open.size + len(line) > BATCH_BYTES:
                self._cut()
            self._append(line)
            if len(self._open.lines) >= BATCH_RECORDS:
                self._cut()
            return True

    def drop(self, error: LoopGridError) -> None:
        """A record that could not even be made."""
        with self._changed:
            self._enqueued += 1
            self._drop(1, error)

    def flush(self, timeout_s: float) -> None:
        """Waits until everything enqueued so far is acknowledged.

        Raises UndeliveredError when something was dropped since the last flush, or is still pending
        when the time is over; with a spool what is pending is kept there.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            if self._spool is not None:
                self._recover()
            self._cut()
            self._is_hurried = True
            self._changed.notify_all()
            # Batches are settled in the order in which they were enqueued.
            target = self._enqueued + self._recovered
            while self._settled < target and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())
            self._require_delivered(max(0, target - self._settled))

    def close(self, timeout_s: float) -> None:
        """Flushes, then takes nothing more. What is pending stays in the spool, or is dropped."""
        failure: Optional[UndeliveredError] = None
        if not self._is_closed:
            try:
                self.flush(timeout_s)
            except UndeliveredError as error:
                failure = error
        with self._changed:
            self._is_closed = True
            self._cut()
            # What was in flight may have been written all the same: lost means that nobody knows.
            lost = sum(batch.count for batch in self._ready if isinstance(batch, MemoryBatch))
            if lost > 0:
                self._drop(lost, LoopGridError(f"{lost} records were not acknowledged in time"))
            self._ready.clear()
            if self._spool is not None:
                self._spool.close()
            self._changed.notify_all()
            if failure is not None or lost > 0:
                self._require_delivered(self._pending, failure)

    def after_fork(self) -> None:
        if self._open.file is not None:
            self._open.file.forget()
        if self._spool is not None:
            self._spool.after_fork()
        self._identity.after_fork()
        self._transport.after_fork()
        self._reset()

    # --- Under the lock -----------------------------------------------------------------------

    @property
    def _settled(self) -> int:
        return self._acknowledged + self._dropped

    @property
    def _pending(self) -> int:
        return self._enqueued + self._recovered - self._settled

    def _shown(self) -> Counters:
        return {
            "enqueued": self._enqueued,
            "recovered": self._recovered,
            "sent": self._sent,
            "acknowledged": self._acknowledged,
            "spooled": self._spooled,
            "dropped": self._dropped,
            "pending": self._pending,
        }

    def _reason_against(self, line: bytes) -> Optional[str]:
        options = self._options
        most = options.bytes_max or (QUEUE_BYTES if self._spool is None else SPOOL_BYTES)
        if self._is_closed:
            return "the client is closed"
        if self._waiting_bytes + len(line) > most:
            return f"{most} bytes wait already"
        if self._spool is None and self._pending > options.records_max:
            return f"{options.records_max} records wait already"
        return None if self._start() else "the interpreter is shutting down"

    def _append(self, line: bytes) -> None:
        if self._spool is not None and not self._open.is_in_memory:
            try:
                if self._open.file is None:
                    self._open.file = self._spool.begin(self._open.key)
                self._open.file.append(line)
                self._spooled += 1
            except OSError as error:
                # What is in the file is good; this batch waits in memory, the next one tries again.
                self._tell(LoopGridError(f"The spool takes no more: {error}"))
                self._cut()
                self._open.is_in_memory = True
        if not self._open.lines:
            self._open.since = time.monotonic()
            self._changed.notify_all()
        self._open.lines.append(line)
        self._open.size += len(line)
        self._waiting_bytes += len(line)

    def _cut(self) -> None:
        """What has gathered becomes a batch; from here on it does not change."""
        gathered, self._open = self._open, _Open()
        batch: Batch = MemoryBatch(gathered.key, gathered.lines)
        if gathered.file is not None:
            try:
                batch = gathered.file.complete()
            except OSError as error:
                self._tell(LoopGridError(f"The spool does not work: {error}"))
        if batch.count > 0:
            self._ready.append(batch)
            self._changed.notify_all()
        else:
            batch.remove()  # a file that not even its first record was written to

    def _recover(self) -> None:
        """Takes over what processes left that are gone."""
        self._looked_at = time.monotonic()
        try:
            left = [] if self._spool is None else self._spool.leftovers()
        except OSError as error:
            self._tell(LoopGridError(f"The spool cannot be read: {error}"))
            return
        for batch in left:
            self._recovered += batch.count
            self._waiting_bytes += batch.size
            self._ready.append(batch)
        if left and self._start():
            self._changed.notify_all()

    def _start(self) -> bool:
        if self._thread is None:
            thread = threading.Thread(target=self._send_all, name="loopgrid-sender", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _drop(self, count: int, error: LoopGridError) -> None:
        self._dropped += count
        self._dropped_unsaid += count
        self._tell(error)
        self._changed.notify_all()

    def _tell(self, error: LoopGridError) -> None:
        """Never with content: errors name places and reasons alone."""
        self._last_error = error
        now = time.monotonic()
        if now - self._warned_at >= WARN_S:
            self._warned_at = now
            LOG.warning("%s %s", error, self._shown())
        if self._options.on_error is not None:
            try:
                self._options.on_error(error)
            except Exception:
                LOG.exception("on_error failed")

    def _require_delivered(
        self, pending: int, failure: Optional[UndeliveredError] = None
    ) -> None:
        dropped, self._dropped_unsaid = self._dropped_unsaid, 0
        if pending == 0 and dropped == 0 and failure is None:
            return
        kept = "" if self._spool is None else f", kept in {self._spool.path}"
        said = [
            *([f"{dropped} dropped"] if dropped else []),
            *([f"{pending} not acknowledged yet{kept}"] if pending else []),
        ]
        message = f"Records: {', '.join(said)}" if said else str(failure)
        raise UndeliveredError(message, self._shown()) from self._last_error

    # --- The thread ---------------------------------------------------------------------------

    def _send_all(self) -> None:
        failures = 0
        while True:
            batch = self._next()
            if batch is None:
                return
            try:
                pause = self._send(batch, failures + 1)
            except Exception as error:
                # A file that could not be read or taken away; sent again, it counts once.
                pause = backoff_s(failures + 1)
                with self._changed:
                    self._tell(LoopGridError(f"A batch could not be sent: {error}"))
            failures = 0 if pause is None else failures + 1
            if pause is not None:
                self._wait(pause)

    def _next(self) -> Optional[Batch]:
        """The oldest batch; waits until there is one. None: it is all over."""
        with self._changed:
            while not self._is_closed:
                if self._ready:
                    return self._ready[0]
                if self._spool is not None and time.monotonic() - self._looked_at >= LOOK_S:
                    self._recover()
                    continue
                if not self._open.lines:
                    self._changed.wait(None if self._spool is None else LOOK_S)
                    continue
                left = self._open.since + self._options.linger_s - time.monotonic()
                if left <= 0:
                    self._cut()
                else:
                    self._changed.wait(left)
            return None

    def _send(self, batch: Batch, tried: int) -> Optional[float]:
        """None when the batch no longer waits; else how long to wait before the next attempt."""
        try:
            lines = batch.lines()
        except FileNotFoundError as error:
            # Somebody took it away: it can never be sent, and must not keep the others waiting.
            with self._changed:
                self._done(batch)
                if not self._is_closed:
                    self._drop(batch.count, LoopGridError(f"Records are gone from the spool: {error}"))
            return None
        with self._changed:
            if batch.key not in self._tried:
                self._tried.add(batch.key)
                self._sent += batch.count
        outcome = deliver(self._transport, batch.key, lines, tried)
        if isinstance(outcome, Acknowledged):
            batch.remove()
            with self._changed:
                self._done(batch)
                if not self._is_closed:
                    self._acknowledged += batch.count
            return None
        if isinstance(outcome, Refused):
            self._refused(batch, outcome)
            return None
        with self._changed:
            if not self._is_closed:
                self._tell(outcome.error)
        return outcome.pause_s

    def _refused(self, batch: Batch, refused: Refused) -> None:
        if not refused.is_divisible:
            batch.refuse()
            with self._changed:
                self._done(batch)
                if not self._is_closed:
                    self._drop(batch.count, refused.error)
            return
        parts = self._divided(batch, refused.error)
        batch.remove()
        with self._changed:
            self._done(batch)
            self._waiting_bytes += sum(part.size for part in parts)
            self._tried.update(part.key for part in parts)
            self._ready.extendleft(reversed(parts))

    def _divided(self, batch: Batch, error: LoopGridAPIError) -> List[Batch]:
        parts = parts_of(batch.key, batch.lines(), error)
        if self._spool is not None and not isinstance(batch, MemoryBatch):
            with self._changed:
                return self._spooled_parts(self._spool, parts)
        return [MemoryBatch(key, lines) for key, lines in parts]

    def _spooled_parts(self, spool: Spool, parts: List[Tuple[str, Lines]]) -> List[Batch]:
        """All of them or none: the undivided file stays, and is divided again."""
        written: List[Batch] = []
        try:
            for key, lines in parts:
                written.append(spool.write(key, lines))
        except OSError:
            for batch in written:
                batch.remove()
            raise
        return written

    def _done(self, batch: Batch) -> None:
        self._tried.discard(batch.key)
        self._waiting_bytes -= batch.size
        if self._ready and self._ready[0] is batch:
            self._ready.popleft()
        self._changed.notify_all()

    def _wait(self, pause_s: float) -> None:
        """Until it is time to try again, or somebody waits for it to be over."""
        deadline = time.monotonic() + pause_s
        with self._changed:
            while not self._is_closed and not self._is_hurried and time.monotonic() < deadline:
                self._changed.wait(deadline - time.monotonic())
            self._is_hurried = False


_QUEUES: weakref.WeakSet[Queue] = weakref.WeakSet()


def _close_all() -> None:
    """The end of the process. Nobody catches anything here, so it says what is lost."""
    for queue in list(_QUEUES):
        try:
            queue.close(queue._options.exit_timeout_s)
        except UndeliveredError as error:
            LOG.warning("%s %s", error, error.counters)


atexit.register(_close_all)
