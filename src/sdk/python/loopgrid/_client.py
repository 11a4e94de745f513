"""The client. Every method of 0.1 is here under its name and with its arguments; what is newer is
grouped: `grid.decisions`, `grid.replays`, `grid.ledger`, `grid.exports`, …
"""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Type, TypeVar, cast

from ._capture import Capture
from ._config import resolve_config
from ._decisions import Decisions, filter_query, path_of
from ._decorator import record_calls
from ._experiments import Experiments
from ._exports import Exports
from ._identity import WriterIdentity
from ._ledger import LedgerReads
from ._operators import Keys, Prices, Shares
from ._queue import Queue, QueueOptions
from ._recording import decision_body, decision_params
from ._records import Records
from ._replays import Replays, replay_body
from ._streams import each_of
from ._transport import Asked, QueryValue, Transport, append, encode_json, segment
from ._wrap import wrap_client
from .errors import LoopGridError
from .types import (
    Access,
    Compare,
    ComplianceReport,
    Counters,
    CreatedReplay,
    DecisionList,
    Health,
    Integrity,
    JsonObject,
    Provider,
    RecordedDecision,
    Replay,
    StoredDecision,
)

C = TypeVar("C")
F = TypeVar("F", bound=Callable[..., Any])
#: How long `flush` and `close` wait unless they are told otherwise.
FLUSH_S = 30.0


class LoopGrid:
    """A client of one LoopGrid server. One is enough for a process; threads may share it.

    base_url      the server; `LOOPGRID_URL`, else http://localhost:8000. May hold a path prefix, or
                  `user:key@`, which is sent as HTTP Basic
    service_name  of every decision that names no other; `LOOPGRID_SERVICE`, else "default"
    timeout       0.1's: of one wait on the network, in seconds; 30
    api_key       `LOOPGRID_API_KEY`
    timeout_ms    the same as `timeout`, as the JavaScript client names it
    max_retries   after the first attempt; 3. Safe: every append carries an Idempotency-Key
    capture       limits what `wrap` and `decision` record; see `Capture`
    spool_dir     where `enqueue` keeps what is not acknowledged; None: in memory alone
    queue_records_max
                  records that may wait in memory; 10,000. More are dropped, and counted
    queue_bytes_max
                  bytes that may wait: 64 MiB in memory, 1 GiB in the spool
    linger_ms     how long a first record waits for others; 20
    exit_timeout_ms
                  how long the end of the process waits for what is not acknowledged
    on_error      told of everything that goes wrong in the background; must return at once
    """

    def __init__(
        self,
        base_url: Optional[str] = None,
        service_name: Optional[str] = None,
        timeout: Optional[float] = None,
        *,
        api_key: Optional[str] = None,
        timeout_ms: Optional[float] = None,
        max_retries: Optional[int] = None,
        ssl_context: Optional[ssl.SSLContext] = None,
        capture: Optional[Capture] = None,
        spool_dir: Optional[str] = None,
        queue_records_max: int = QueueOptions.records_max,
        queue_bytes_max: Optional[int] = None,
        linger_ms: float = QueueOptions.linger_s * 1000,
        exit_timeout_ms: float = QueueOptions.exit_timeout_s * 1000,
        on_error: Optional[Callable[[LoopGridError], None]] = None,
    ) -> None:
        config = resolve_config(
            base_url,
            service_name,
            timeout,
            api_key=api_key,
            timeout_ms=timeout_ms,
            max_retries=max_retries,
            ssl_context=ssl_context,
        )
        self.base_url = config.base_url
        self.service_name = config.service_name
        self.timeout = config.timeout_s
        self._transport = transport = Transport(config)
        self._identity = identity = WriterIdentity()
        self._capture = capture or Capture()
        self._queue = Queue(
            transport,
            identity,
            QueueOptions(
                spool_dir=spool_dir,
                records_max=queue_records_max,
                bytes_max=queue_bytes_max,
                linger_s=linger_ms / 1000,
                exit_timeout_s=exit_timeout_ms / 1000,
                on_error=on_error,
            ),
        )
        self.decisions = Decisions(transport, identity)
        self.replays = Replays(transport)
        self.experiments = Experiments(transport)
        self.ledger = LedgerReads(transport)
        self.exports = Exports(transport)
        self.records = Records(transport)
        self.keys = Keys(transport)
        self.shares = Shares(transport)
        self.prices = Prices(transport)

    def __repr__(self) -> str:
        url = self._transport.config.shown_url
        return f"LoopGrid(base_url={url!r}, service_name={self.service_name!r})"

    def __enter__(self) -> LoopGrid:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    @property
    def writer_id(self) -> str:
        """In every record of this client, with a number that counts them."""
        return self._identity.writer_id

    @property
    def retries(self) -> int:
        """Requests that had to be sent again."""
        return self._transport.retries

    # --- Recording ----------------------------------------------------------------------------

    def record_decision(
        self,
        /,
        decision_type: str,
        input: JsonObject,
        model: JsonObject,
        output: JsonObject,
        prompt: Optional[JsonObject] = None,
        tool_calls: Optional[Sequence[JsonObject]] = None,
        metadata: Optional[JsonObject] = None,
        *,
        service_name: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
        **capture: Optional[str],
    ) -> RecordedDecision:
        """Answers once the decision, and a signed checkpoint over it, are committed.

        receipt="proof" adds an inclusion proof, so that the receipt verifies offline. Also taken:
        occurred_at, started_at, ended_at (RFC 3339), capture_mode, system_version, automation_level,
        decision_role, subject_notice.
        """
        params = decision_params(
            decision_type, input, model, output, prompt, tool_calls, metadata, service_name, **capture
        )
        identity = self._identity if idempotency_key is None else None
        body = decision_body(params, self.service_name, identity)
        asked = append("/v1/decisions", body, idempotency_key, receipt)
        return cast(RecordedDecision, self._transport.json(asked))

    #: `record_decision` by its short name: answers with the receipt, or raises.
    record = record_decision

    def enqueue(
        self,
        /,
        decision_type: str,
        input: JsonObject,
        model: JsonObject,
        output: JsonObject,
        prompt: Optional[JsonObject] = None,
        tool_calls: Optional[Sequence[JsonObject]] = None,
        metadata: Optional[JsonObject] = None,
        *,
        service_name: Optional[str] = None,
        **capture: Optional[str],
    ) -> bool:
        """Records in the background, and answers at once: False when there was no room for it.

        What became of everything is in `counters`; `flush` waits for it. Raises TypeError or
        ValueError for what is no JSON.
        """
        params = decision_params(
            decision_type, input, model, output, prompt, tool_calls, metadata, service_name, **capture
        )
        return self._queue.put(
            encode_json(decision_body(params, self.service_name, self._identity))
        )

    def flush(self, timeout_s: float = FLUSH_S) -> None:
        """Waits until everything enqueued so far has a receipt. Raises UndeliveredError if not,
        and when something was dropped since the last time."""
        self._queue.flush(timeout_s)

    def close(self, timeout_s: float = FLUSH_S) -> None:
        """`flush`, then the end of this client. What is in the spool then stays there."""
        try:
            self._queue.close(timeout_s)
        finally:
            self._transport.close()

    @property
    def counters(self) -> Counters:
        """What became of everything that was enqueued."""
        return self._queue.counters

    def wrap(
        self,
        client: C,
        *,
        decision_type: str = "model_call",
        service_name: Optional[str] = None,
        provider: Optional[str] = None,
        metadata: Optional[JsonObject] = None,
        system_version: Optional[str] = None,
        capture: Optional[Capture] = None,
        record_failures: bool = False,
    ) -> C:
        """A client like this one that also records every model call it makes.

        Takes the official OpenAI and Anthropic clients, and httpx clients, sync and async. What the
        application sees is untouched, and recording never raises. The client that was given goes on
        unrecorded; both share their connections.

        provider         who answers, where the address does not say: `azure`, `vllm`
        record_failures  also calls that brought no answer, each attempt of them; they decided nothing
        """
        common = {
            "decision_type": decision_type,
            "service_name": service_name,
            "metadata": metadata,
            "system_version": system_version,
        }
        return wrap_client(
            client,
            self._enqueue_quietly,
            common,
            provider,
            capture or self._capture,
            record_failures,
        )

    def decision(
        self,
        decision_type: str,
        *,
        model: Optional[JsonObject] = None,
        input: Optional[Callable[[Any], JsonObject]] = None,
        output: Optional[Callable[[Any], JsonObject]] = None,
        service_name: Optional[str] = None,
        metadata: Optional[JsonObject] = None,
        system_version: Optional[str] = None,
        capture: Optional[Capture] = None,
    ) -> Callable[[F], F]:
        """Decorates a function, async or not: every call that returns is recorded. One that raises
        decided nothing.

        model   which model, or rule, decides; {"provider": "function", "name": …} when not given
        input   makes it of the arguments, a dict by name; {"arguments": {…}} when not given
        output  makes it of the result; the result itself where it is a dict, else {"result": …}
        """
        common = {
            "decision_type": decision_type,
            "model": model,
            "service_name": service_name,
            "metadata": metadata,
            "system_version": system_version,
        }
        return record_calls(
            self._enqueue_quietly, common, capture or self._capture, input, output
        )

    def _enqueue_quietly(self, make: Callable[[], Optional[Mapping[str, Any]]]) -> None:
        """For `wrap` and `decision`: what goes wrong is counted and told, never raised."""
        try:
            params = make()
            if params is not None:
                self.enqueue(**params)
        except Exception as error:
            kind = type(error).__qualname__  # its message may quote content
            self._queue.drop(LoopGridError(f"A call could not be recorded: {kind}"))

    # --- 0.1 ----------------------------------------------------------------------------------

    def get_decision(self, decision_id: str) -> StoredDecision:
        return cast(StoredDecision, self._transport.json(Asked("GET", path_of(decision_id))))

    def list_decisions(
        self,
        /,
        service_name: Optional[str] = None,
        decision_type: Optional[str] = None,
        status: Optional[str] = None,
        page: int = 1,
        page_size: int = 20,
        **filters: QueryValue,
    ) -> DecisionList:
        """A page with a total, newest first. `decisions.all()` goes through all of them."""
        query = {
            "service_name": service_name,
            "decision_type": decision_type,
            "status": status,
            "page": page,
            "page_size": page_size,
            **filter_query(filters),
        }
        return cast(DecisionList, self._transport.json(Asked("GET", "/v1/decisions", query)))

    def mark_incorrect(
        self,
        decision_id: str,
        reason: Optional[str] = None,
        *,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> RecordedDecision:
        body = {"reason": reason} if reason else {}
        asked = append(f"{path_of(decision_id)}/incorrect", body, idempotency_key, receipt)
        return cast(RecordedDecision, self._transport.json(asked))

    def attach_correction(
        self,
        decision_id: str,
        correction: JsonObject,
        corrected_by: str,
        notes: Optional[str] = None,
        *,
        reviewer: Optional[JsonObject] = None,
        trigger: Optional[str] = None,
        opened_at: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> RecordedDecision:
        """What the output should have been. The original stays as it was.

        reviewer   who `corrected_by` is to your own sign-in: {"ref", "kind", "auth"}
        trigger    why it was looked at: random_sample, complaint, rule, flag, every, other
        opened_at  when the reviewer began to look at it
        """
        review = {"notes": notes, "reviewer": reviewer, "trigger": trigger, "opened_at": opened_at}
        body: Dict[str, Any] = {"correction": correction, "corrected_by": corrected_by}
        body.update({name: value for name, value in review.items() if value})
        asked = append(f"{path_of(decision_id)}/correction", body, idempotency_key, receipt)
        return cast(RecordedDecision, self._transport.json(asked))

    def create_replay(
        self,
        decision_id: str,
        overrides: Optional[JsonObject] = None,
        triggered_by: str = "sdk",
        *,
        mode: Optional[str] = None,
        idempotency_key: Optional[str] = None,
        receipt: Optional[str] = None,
    ) -> CreatedReplay:
        body = replay_body(decision_id, overrides, triggered_by, mode)
        return cast(
            CreatedReplay,
            self._transport.json(append("/v1/replays", body, idempotency_key, receipt)),
        )

    def get_replay(self, replay_id: str) -> Replay:
        return cast(Replay, self._transport.json(Asked("GET", f"/v1/replays/{segment(replay_id)}")))

    def compare(self, decision_id: str, replay_id: str) -> Compare:
        path = f"{path_of(decision_id)}/compare/{segment(replay_id)}"
        return cast(Compare, self._transport.json(Asked("GET", path)))

    def verify_integrity(
        self,
        service_name: Optional[str] = None,
        *,
        from_: Optional[int] = None,
        to: Optional[int] = None,
    ) -> Integrity:
        """Recomputes the ledger from its stored octets. `valid` is None when one call did not get to
        the head: go on with `from_=int(next_cursor)`."""
        query = {"service_name": service_name, "from": from_, "to": to}
        return cast(Integrity, self._transport.json(Asked("GET", "/v1/integrity/verify", query)))

    def compliance_report(self, service_name: Optional[str] = None) -> ComplianceReport:
        query = {"service_name": service_name}
        asked = Asked("GET", "/v1/compliance/report", query)
        return cast(ComplianceReport, self._transport.json(asked))

    def compliance_report_html(self, service_name: Optional[str] = None) -> str:
        """The same report as a page."""
        query = {"service_name": service_name}
        return self._transport.text(Asked("GET", "/v1/compliance/report/html", query))

    def health(self) -> Health:
        return cast(Health, self._transport.json(Asked("GET", "/health")))

    # --- Operators ----------------------------------------------------------------------------

    def providers(self) -> List[Provider]:
        """Who can answer a live replay, and what each needs."""
        answer = self._transport.json(Asked("GET", "/v1/providers"))
        return cast("List[Provider]", answer["providers"])

    def access_log(self) -> Iterator[Access]:
        """Who read content, exported, or was refused; newest first."""

        def page(cursor: Optional[str]) -> Any:
            answer = self._transport.json(Asked("GET", "/v1/access-log", {"cursor": cursor}))
            return answer["entries"], answer["next_cursor"]

        return each_of(page)
