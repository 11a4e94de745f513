"""The same client for asyncio. Every call runs in a thread of a small pool of its own.

Cancelling a task ends the waiting at once; its request goes on in its thread until it is answered or
times out, and an append that was on its way may be committed.
"""

from __future__ import annotations

import asyncio
import functools
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import (
    TYPE_CHECKING,
    Any,
    AsyncIterator,
    Callable,
    Coroutine,
    Iterator,
    Optional,
    Type,
    TypeVar,
    cast,
)

from ._client import FLUSH_S, LoopGrid
from ._decisions import Decisions
from ._experiments import Experiments
from ._exports import Exports
from ._ledger import LedgerReads
from ._operators import Keys, Prices, Shares
from ._records import Records
from ._replays import Replays
from .types import Counters

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

T = TypeVar("T")
#: Requests at once. More wait: it is the ledger that is the bottleneck, not the client.
THREADS = 32
END = object()


class _Group:
    """Methods of one group, each run in a thread."""

    def __init__(self, sync: Any, threads: ThreadPoolExecutor) -> None:
        self._sync = sync
        self._threads = threads


def in_thread(
    method: Callable[Concatenate[Any, P], T],
) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]:
    """The method, awaited."""

    @functools.wraps(method)
    async def call(group: _Group, *args: P.args, **kwargs: P.kwargs) -> T:
        bound = functools.partial(method, group._sync, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(group._threads, bound)

    return cast("Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]", call)


def in_threads(
    method: Callable[Concatenate[Any, P], Iterator[T]],
) -> Callable[Concatenate[Any, P], AsyncIterator[T]]:
    """The method's iterator, with each step awaited."""

    @functools.wraps(method)
    async def steps(group: _Group, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        run = asyncio.get_running_loop().run_in_executor
        iterator = method(group._sync, *args, **kwargs)
        try:
            while True:
                item = await run(group._threads, next, iterator, END)
                if item is END:
                    return
                yield cast(T, item)
        finally:
            await run(group._threads, _close, iterator)

    return cast("Callable[Concatenate[Any, P], AsyncIterator[T]]", steps)


def _with_options_of(
    method: Callable[Concatenate[Any, P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Gives a constructor the signature of another one."""

    def decorate(init: Callable[..., None]) -> Callable[Concatenate[Any, P], None]:
        return functools.wraps(method)(init)

    return decorate


def _close(iterator: Iterator[Any]) -> None:
    """Lets go of its connection; a step that was cancelled may still be running, and then does so."""
    close = getattr(iterator, "close", None)
    try:
        if close is not None:
            close()
    except ValueError:
        pass


class AsyncDecisions(_Group):
    record_batch = in_thread(Decisions.record_batch)
    page = in_thread(Decisions.page)
    all = in_threads(Decisions.all)
    history = in_thread(Decisions.history)
    evidence = in_thread(Decisions.evidence)
    tlog_proof = in_thread(Decisions.tlog_proof)
    erase = in_thread(Decisions.erase)
    hold = in_thread(Decisions.hold)


class AsyncReplays(_Group):
    start = in_thread(Replays.start)
    wait = in_thread(Replays.wait)
    page = in_thread(Replays.page)
    all = in_threads(Replays.all)


class AsyncExperiments(_Group):
    create = in_thread(Experiments.create)
    estimate = in_thread(Experiments.estimate)
    get = in_thread(Experiments.get)
    all = in_threads(Experiments.all)
    items = in_threads(Experiments.items)
    cancel = in_thread(Experiments.cancel)
    resume = in_thread(Experiments.resume)
    wait = in_thread(Experiments.wait)


class AsyncLedgerReads(_Group):
    state = in_thread(LedgerReads.state)
    checkpoint = in_thread(LedgerReads.checkpoint)
    entries = in_threads(LedgerReads.entries)
    inclusion_proof = in_thread(LedgerReads.inclusion_proof)
    consistency_proof = in_thread(LedgerReads.consistency_proof)
    gaps = in_thread(LedgerReads.gaps)
    open = in_thread(LedgerReads.open)


class AsyncExports(_Group):
    decisions = in_threads(Exports.decisions)
    csv = in_threads(Exports.csv)
    ledger = in_threads(Exports.ledger)


class AsyncRecords(_Group):
    add = in_thread(Records.add)
    get = in_thread(Records.get)
    all = in_threads(Records.all)
    erase = in_thread(Records.erase)
    prune = in_thread(Records.prune)


class AsyncKeys(_Group):
    create = in_thread(Keys.create)
    all = in_threads(Keys.all)
    rotate = in_thread(Keys.rotate)
    revoke = in_thread(Keys.revoke)


class AsyncShares(_Group):
    create = in_thread(Shares.create)


class AsyncPrices(_Group):
    get = in_thread(Prices.get)
    set = in_thread(Prices.set)


class AsyncLoopGrid(_Group):
    """`LoopGrid` for asyncio: the same options, the same names, awaited.

    `enqueue`, `wrap` and `decision` do not wait for anything and are plain calls here too.
    """

    @_with_options_of(LoopGrid.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="loopgrid")
        sync = LoopGrid(*args, **kwargs)
        super().__init__(sync, threads)
        self.base_url = sync.base_url
        self.service_name = sync.service_name
        self.timeout = sync.timeout
        self.decisions = AsyncDecisions(sync.decisions, threads)
        self.replays = AsyncReplays(sync.replays, threads)
        self.experiments = AsyncExperiments(sync.experiments, threads)
        self.ledger = AsyncLedgerReads(sync.ledger, threads)
        self.exports = AsyncExports(sync.exports, threads)
        self.records = AsyncRecords(sync.records, threads)
        self.keys = AsyncKeys(sync.keys, threads)
        self.shares = AsyncShares(sync.shares, threads)
        self.prices = AsyncPrices(sync.prices, threads)
        self.enqueue = sync.enqueue
        self.wrap = sync.wrap
        self.decision = sync.decision

    record_decision = in_thread(LoopGrid.record_decision)
    record = record_decision
    flush = in_thread(LoopGrid.flush)
    get_decision = in_thread(LoopGrid.get_decision)
    list_decisions = in_thread(LoopGrid.list_decisions)
    mark_incorrect = in_thread(LoopGrid.mark_incorrect)
    attach_correction = in_thread(LoopGrid.attach_correction)
    create_replay = in_thread(LoopGrid.create_replay)
    get_replay = in_thread(LoopGrid.get_replay)
    compare = in_thread(LoopGrid.compare)
    verify_integrity = in_thread(LoopGrid.verify_integrity)
    compliance_report = in_thread(LoopGrid.compliance_report)
    compliance_report_html = in_thread(LoopGrid.compliance_report_html)
    health = in_thread(LoopGrid.health)
    providers = in_thread(LoopGrid.providers)
    access_log = in_threads(LoopGrid.access_log)

    def __repr__(self) -> str:
        return f"Async{self._sync!r}"

    async def __aenter__(self) -> AsyncLoopGrid:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        await self.close()

    async def close(self, timeout_s: float = FLUSH_S) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._threads, self._sync.close, timeout_s)
        finally:
            self._threads.shutdown(wait=False)

    @property
    def writer_id(self) -> str:
        return cast(str, self._sync.writer_id)

    @property
    def retries(self) -> int:
        return cast(int, self._sync.retries)

    @property
    def counters(self) -> Counters:
        return cast(Counters, self._sync.counters)
