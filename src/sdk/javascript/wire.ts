/**
 * The shapes on the wire, inferred from the schemas the server validates with. `wire` is never
 * called: it is there so that the compiler writes every shape out into the declarations, which
 * therefore need neither zod nor the server's sources.
 */
import type { z } from "zod";
import type { CorrectionCreate } from "../../corrections/schema.ts";
import type { ErasureCreate, HoldCreate } from "../../erasure/schema.ts";
import type { Receipt as ReceiptSchema } from "../../http/answers.ts";
import type { ReportBody } from "../../http/report-query.ts";
import type { DecisionFilterQuery } from "../../http/queries.ts";
import type { AccessAnswer } from "../../http/routes/access-log.ts";
import type { Report } from "../../compliance/report.ts";
import type { SeriesRow } from "../../compliance/series.ts";
import type { DecisionList as DecisionPage, HistoryAnswer } from "../../http/routes/decisions.ts";
import type { GapsAnswer } from "../../http/routes/gaps.ts";
import type { IntegrityAnswer } from "../../http/routes/integrity.ts";
import type {
  KeyCreate,
  KeyRotate,
  ListedKey as ListedKeySchema,
  NewKey as NewKeySchema,
} from "../../http/routes/key-shapes.ts";
import type { LedgerAnswer } from "../../http/routes/ledger.ts";
import type { LedgerOpen } from "../../http/routes/ledgers.ts";
import type { ConsistencyAnswer, InclusionAnswer } from "../../http/routes/proofs.ts";
import type { BatchAnswer } from "../../http/routes/record.ts";
import type { ProviderList, ReplayList as ReplayPage } from "../../http/routes/replay-lists.ts";
import type { Recorded } from "../../http/routes/records.ts";
import type { PruneAnswer } from "../../http/routes/retention.ts";
import type { ShareAnswer, ShareCreate } from "../../http/routes/shares.ts";
import type { Decision as StoredDecision, DecisionCreate } from "../../ledger/schema.ts";
import type { JsonObject } from "../../lib/json.ts";
import type { RecordCreate } from "../../records/schema.ts";
import type { ExperimentItem as ExperimentItemSchema } from "../../replay/experiments/item.ts";
import type {
  DryRun as DryRunSchema,
  Experiment as ExperimentSchema,
  ExperimentCreate,
  ExperimentList as ExperimentPage,
  ExperimentResume,
} from "../../replay/experiments/schema.ts";
import type { PriceList as PriceListSchema, PriceListCreate } from "../../replay/prices.ts";
import type {
  Compare as CompareSchema,
  ListedReplay as ListedReplaySchema,
  Replay as ReplaySchema,
  ReplayAccepted as ReplayAcceptedSchema,
  ReplayCreate,
} from "../../replay/schema.ts";

export type { JsonObject, JsonValue } from "../../lib/json.ts";

type Camel<S extends string> = S extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<Camel<Tail>>}`
  : S;
/** Any object is taken where JSON is: interfaces have no index signature. */
type Loose<V> = JsonObject extends V ? Loosened<V> : JsonObject[] extends V ? Loosened<V> : V;
type Loosened<V> = V extends readonly unknown[]
  ? readonly object[]
  : V extends JsonObject
    ? object
    : V;

/** What comes: members as they are on the wire. */
const out = <T>(): { [K in keyof T]: T[K] } => never();
/** What is given: members in camel case. */
const given = <T>(): { [K in keyof T as Camel<K & string>]: Loose<T[K]> } => never();
const never = (): never => {
  throw new Error("shapes have no values");
};

const wire = () => ({
  decision: out<StoredDecision & { erased?: string[] }>(),
  decisionList: out<z.infer<typeof DecisionPage>>(),
  batch: out<z.infer<typeof BatchAnswer>>(),
  history: out<z.infer<typeof HistoryAnswer>>(),
  receipt: out<z.infer<typeof ReceiptSchema>>(),
  replay: out<ReplaySchema>(),
  acceptedReplay: out<z.infer<typeof ReplayAcceptedSchema>>(),
  listedReplay: out<z.infer<typeof ListedReplaySchema>>(),
  replayList: out<z.infer<typeof ReplayPage>>(),
  compare: out<z.infer<typeof CompareSchema>>(),
  experiment: out<z.infer<typeof ExperimentSchema>>(),
  experimentList: out<z.infer<typeof ExperimentPage>>(),
  experimentItem: out<z.infer<typeof ExperimentItemSchema>>(),
  dryRun: out<z.infer<typeof DryRunSchema>>(),
  experimentCreate: given<z.input<typeof ExperimentCreate>>(),
  experimentResume: given<z.input<typeof ExperimentResume>>(),
  providers: out<z.infer<typeof ProviderList>>(),
  prices: out<z.infer<typeof PriceListSchema>>(),
  record: out<z.infer<typeof Recorded>>(),
  recordKinds: out<Record<z.input<typeof RecordCreate>["kind"], true>>(),
  pruned: out<z.infer<typeof PruneAnswer>>(),
  gaps: out<z.infer<typeof GapsAnswer>>(),
  integrity: out<z.infer<typeof IntegrityAnswer>>(),
  report: out<Report>(),
  reportParams: given<NonNullable<z.input<typeof ReportBody>>>(),
  metricRow: out<SeriesRow>(),
  ledger: out<z.infer<typeof LedgerAnswer>>(),
  inclusion: out<z.infer<typeof InclusionAnswer>>(),
  consistency: out<z.infer<typeof ConsistencyAnswer>>(),
  newKey: out<z.infer<typeof NewKeySchema>>(),
  listedKey: out<z.infer<typeof ListedKeySchema>>(),
  share: out<z.infer<typeof ShareAnswer>>(),
  access: out<z.infer<typeof AccessAnswer>>(),
  decisionCreate: given<z.input<typeof DecisionCreate>>(),
  filter: given<z.input<typeof DecisionFilterQuery>>(),
  correctionCreate: given<z.input<typeof CorrectionCreate>>(),
  replayCreate: given<z.input<typeof ReplayCreate>>(),
  erasureCreate: given<z.input<typeof ErasureCreate>>(),
  holdCreate: given<z.input<typeof HoldCreate>>(),
  priceList: given<z.input<typeof PriceListCreate>>(),
  keyCreate: given<z.input<typeof KeyCreate>>(),
  keyRotate: given<NonNullable<z.input<typeof KeyRotate>>>(),
  shareCreate: given<z.input<typeof ShareCreate>>(),
  ledgerOpen: given<z.input<typeof LedgerOpen>>(),
});
type Wire = ReturnType<typeof wire>;

export type Decision = Wire["decision"];
export type RecordedDecision = Decision & { receipt: Receipt };
/** `receipt` is null where nothing was left to erase. */
export type ErasedDecision = Decision & { erased: string[]; receipt: Receipt | null };
export type Hold = { decision_id: string; held: boolean; receipt: Receipt };
export type DecisionList = Wire["decisionList"];
export type DecisionBatch = Wire["batch"];
export type DecisionHistory = Wire["history"];
export type Receipt = Wire["receipt"];
export type Replay = Wire["replay"];
export type CreatedReplay = Replay & { receipt: Receipt };
export type AcceptedReplay = Wire["acceptedReplay"];
export type ListedReplay = Wire["listedReplay"];
export type ReplayList = Wire["replayList"];
export type Compare = Wire["compare"];
export type Experiment = Wire["experiment"];
export type CreatedExperiment = Experiment & { receipt: Receipt };
export type ListedExperiment = Wire["experimentList"]["experiments"][number];
export type ExperimentItem = Wire["experimentItem"];
export type ExperimentEstimate = Wire["dryRun"];
export type ExperimentParams = Wire["experimentCreate"];
export type ExperimentBudget = Wire["experimentResume"];
export type Provider = Wire["providers"]["providers"][number];
export type PriceList = Wire["prices"];
export type LedgerRecord = Wire["record"];
export type AddedRecord = LedgerRecord & { receipt: Receipt };
/** The kind decides which other members there are. */
export type RecordParams = { kind: keyof Wire["recordKinds"]; [member: string]: unknown };
export type Pruned = Wire["pruned"];
export type WriterGaps = Wire["gaps"];
export type Integrity = Wire["integrity"];
export type ComplianceReport = Wire["report"];
export type ReportParams = Wire["reportParams"];
export type MetricRow = Wire["metricRow"];
export type Ledger = Wire["ledger"];
export type InclusionProof = Wire["inclusion"];
export type ConsistencyProof = Wire["consistency"];
export type NewKey = Wire["newKey"];
export type ListedKey = Wire["listedKey"];
export type Share = Wire["share"];
export type AccessLog = Wire["access"];
export type DecisionCreateParams = Wire["decisionCreate"];
export type DecisionFilter = Wire["filter"];
export type CorrectionParams = Wire["correctionCreate"];
export type ReplayParams = Wire["replayCreate"];
export type ErasureParams = Wire["erasureCreate"];
export type HoldParams = Wire["holdCreate"];
export type PriceListParams = Wire["priceList"];
export type KeyParams = Wire["keyCreate"];
export type KeyRotateParams = Wire["keyRotate"];
export type ShareParams = Wire["shareCreate"];
export type LedgerOpenParams = Wire["ledgerOpen"];
