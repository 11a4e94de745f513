"""The shapes on the wire, as the server's OpenAPI document names them.

They are for type checkers: at run time everything is a plain dict with exactly the members that came.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, TypedDict, Union

#: What is sent where the API takes any JSON object.
JsonObject = Mapping[str, Any]


class Receipt(TypedDict, total=False):
    """Keep it: with the ledger's public key it proves the entry offline."""

    ledger: str
    index: int
    size: int
    root_hash: str
    #: C2SP signed note that covers the entry.
    checkpoint: str
    #: With `receipt="proof"`.
    proof: List[str]


class Correction(TypedDict):
    output: Optional[Dict[str, Any]]
    corrected_by: Optional[str]
    corrected_at: str
    notes: Optional[str]


class CaptureFacts(TypedDict, total=False):
    """Known about how a decision came about; there only where it was given."""

    occurred_at: str
    started_at: str
    ended_at: str
    capture_mode: str
    system_version: str
    automation_level: str
    decision_role: str
    subject_notice: str
    writer_id: str
    writer_seq: int


class Decision(CaptureFacts):
    decision_id: str
    created_at: str
    service_name: str
    decision_type: str
    input: Optional[Dict[str, Any]]
    model: Optional[Dict[str, Any]]
    output: Optional[Dict[str, Any]]
    status: str
    content_hash: Optional[str]
    chain_hash: str
    prompt: Optional[Dict[str, Any]]
    tool_calls: Optional[List[Dict[str, Any]]]
    metadata: Optional[Dict[str, Any]]
    incorrect_reason: Optional[str]
    incorrect_at: Optional[str]
    correction: Optional[Correction]
    ledger: str
    index: int


class StoredDecision(Decision, total=False):
    #: Fields that were erased, where there are any.
    erased: List[str]


class RecordedDecision(Decision):
    receipt: Receipt


class ErasedDecision(Decision):
    erased: List[str]
    #: None when nothing was left to erase.
    receipt: Optional[Receipt]


class DecisionList(TypedDict, total=False):
    decisions: List[Decision]
    total: int
    page: int
    page_size: int
    has_more: bool
    next_cursor: Optional[str]


class BatchedDecision(TypedDict):
    decision_id: str
    index: int
    created_at: str
    content_hash: Optional[str]
    chain_hash: str


class BatchReceipt(TypedDict):
    ledger: str
    first_index: int
    size: int
    root_hash: str
    checkpoint: str


class DecisionBatch(TypedDict):
    count: int
    decisions: List[BatchedDecision]
    receipt: BatchReceipt


class HistoryEntry(TypedDict):
    index: int
    kind: str
    id: str
    recorded_at: str
    actor: str
    facts: Dict[str, Any]
    content: Dict[str, Any]


class DecisionHistory(TypedDict):
    entries: List[HistoryEntry]


class Hold(TypedDict):
    decision_id: str
    held: bool
    receipt: Receipt


class ReplayError(TypedDict):
    # "class" is a word of Python's; read it as error["class"].
    status: Optional[int]
    code: Optional[str]
    message: str


class FidelityNote(TypedDict):
    path: str
    action: str
    reason: str


class Fidelity(TypedDict):
    level: str
    notes: List[FidelityNote]


class Attempt(TypedDict):
    n: int
    status: Optional[int]
    outcome: str
    latency_ms: float
    wait_ms: float


class Usage(TypedDict):
    input_tokens: float
    output_tokens: float
    cache_read_tokens: float
    cache_write_tokens: float
    reasoning_tokens: float


class Cost(TypedDict):
    amount: float
    currency: str
    price_version: int


class ListedReplay(TypedDict):
    replay_id: str
    decision_id: str
    created_at: str
    triggered_by: Optional[str]
    overrides: Optional[Dict[str, Any]]
    replay_output: Optional[Dict[str, Any]]
    execution_status: str
    execution_mode: str
    output_changed: bool
    error: Optional[ReplayError]
    outcome: Optional[str]
    fidelity: Optional[Fidelity]
    attempts: List[Attempt]
    provider: Optional[str]
    requested_model: Optional[str]
    served_model: Optional[str]
    usage: Optional[Usage]
    usage_raw: Any
    cost: Optional[Cost]
    latency_ms: Optional[float]


class Replay(ListedReplay):
    diff_summary: Optional[str]
    diff: Optional[Dict[str, Any]]


class CreatedReplay(Replay):
    receipt: Receipt


class AcceptedReplay(TypedDict):
    replay_id: str
    decision_id: str
    execution_status: str


class ReplayList(TypedDict):
    replays: List[ListedReplay]
    has_more: bool
    next_cursor: Optional[str]


class Compare(TypedDict):
    decision_id: str
    replay_id: str
    original_output: Optional[Dict[str, Any]]
    replay_output: Optional[Dict[str, Any]]
    output_changed: bool
    diff_summary: Optional[str]
    diff: Optional[Dict[str, Any]]


class IntegrityVerdict(TypedDict):
    #: None: this call did not get to the head, and found nothing so far.
    valid: Optional[bool]
    total: int
    broken_at: Optional[str]
    message: str


class IntegrityFinding(TypedDict):
    index: Optional[int]
    decision_id: Optional[str]
    fault: str
    message: str


class Integrity(IntegrityVerdict):
    integrity: IntegrityVerdict
    service_filter: Optional[str]
    entries: int
    size: int
    root_hash: Optional[str]
    erased: int
    complete: bool
    checked: Dict[str, int]
    next_cursor: Optional[str]
    findings: List[IntegrityFinding]


class ComplianceReport(TypedDict):
    report_type: str
    generated_at: str
    generator: str
    service_filter: Optional[str]
    summary: Dict[str, Any]
    ledger_integrity: IntegrityVerdict
    eu_ai_act_mapping: Dict[str, Any]


class Health(TypedDict, total=False):
    status: str
    version: str
    service: str
    #: What verification found, when degraded.
    finding: Dict[str, Any]


class Ledger(TypedDict):
    ledger: str
    origin: str
    size: int
    root_hash: Optional[str]
    chain_hash: Optional[str]
    #: C2SP verifier keys, newest first.
    verifier_keys: List[str]
    keys: List[Dict[str, Any]]
    first_recorded_at: Optional[str]
    last_recorded_at: Optional[str]
    last_verified: Optional[Dict[str, Any]]
    witnesses: List[Dict[str, Any]]


class OpenedLedger(TypedDict):
    ledger: str
    origin: str
    receipt: Receipt


class InclusionProof(TypedDict):
    index: int
    size: int
    leaf_hash: str
    root_hash: str
    proof: List[str]


ConsistencyProof = TypedDict(
    "ConsistencyProof",
    {"from": int, "to": int, "from_root_hash": str, "to_root_hash": str, "proof": List[str]},
)


class Key(TypedDict):
    key_id: str
    name: str
    scopes: List[str]
    ledger: str
    created_at: str
    expires_at: Optional[str]


class ListedKey(Key):
    last_used_at: Optional[str]
    revoked_at: Optional[str]
    rotated_to: Optional[str]


class _NewKey(Key, total=False):
    #: The credential, shown once: a repeated request answers without it.
    key: str


class NewKey(_NewKey):
    receipt: Receipt


class RotatedKey(NewKey):
    replaces: str
    replaced_expires_at: str


class RevokedKey(TypedDict):
    key_id: str
    revoked_at: str


class Share(TypedDict):
    share_id: str
    token: str
    url: str
    kind: str
    ledger: str
    expires_at: str


class Access(TypedDict):
    at: str
    ledger: Optional[str]
    actor: Optional[str]
    action: str
    method: str
    route: str
    target: Optional[str]
    status: int
    reason: Optional[str]
    suppressed: int


class Provider(TypedDict):
    name: str
    configured: bool
    formats: List[str]
    key_variables: List[str]
    base_url_variable: str


class _Price(TypedDict):
    provider: str
    model: str
    input: float
    output: float


class Price(_Price, total=False):
    """Of a million tokens."""

    cache_read: float
    cache_write: float
    per_request: float


class PriceList(TypedDict):
    currency: str
    prices: List[Price]
    version: int
    set_at: Optional[str]


class Experiment(TypedDict, total=False):
    experiment_id: str
    name: Optional[str]
    #: queued, running, completed, completed_with_errors, cancelled, budget_exhausted
    state: str
    selection: Dict[str, Any]
    progress: Dict[str, int]
    report: Optional[Dict[str, Any]]


class WriterNumbers(TypedDict):
    """The numbers of one writer, as far as they arrived."""

    writer_id: str
    services: List[str]
    first: int
    last: int
    count: int
    missing: int
    doubled: int
    #: Ranges of missing numbers, {"first", "last"}; both ends are missing.
    gaps: List[Dict[str, int]]


class WriterGaps(TypedDict):
    size: int
    writers: List[WriterNumbers]
    missing: int
    doubled: int
    truncated: bool


class _Record(TypedDict):
    record_id: str
    kind: str
    index: int
    recorded_at: str
    actor: str
    facts: Dict[str, Any]
    content: Dict[str, Any]
    erased: List[str]


class Record(_Record, total=False):
    decision_id: str


class RecordedRecord(Record):
    receipt: Optional[Receipt]


class Pruned(TypedDict):
    policy: Optional[str]
    pruned: List[str]
    held: List[str]
    next_cursor: Optional[str]
    receipt: Optional[Receipt]


class Counters(TypedDict):
    """What became of everything: enqueued + recovered = acknowledged + dropped + pending."""

    enqueued: int
    #: Found in the spool, left by a process before.
    recovered: int
    #: Handed to the network at least once.
    sent: int
    #: Committed: a receipt came.
    acknowledged: int
    #: Written to the spool.
    spooled: int
    #: Lost: no room, refused by the server, or in memory when the client was closed.
    dropped: int
    #: Neither acknowledged nor dropped yet.
    pending: int


#: Answers of routes whose shape depends on the server's version.
AnyObject = Dict[str, Any]
