/** What `import … from "loopgrid-edge"` and `require("loopgrid-edge")` give. */
export { VERSION } from "../../http/version.ts";
export type { Fetch, LoopGridOptions } from "./config.ts";
export {
  AuthenticationError,
  BadRequestError,
  ConflictError,
  InvalidRequestError,
  LoopGridAbortError,
  LoopGridAPIError,
  LoopGridConnectionError,
  LoopGridError,
  LoopGridTimeoutError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
  ServerError,
  TooLargeError,
  type FieldError,
  type WriteOutcome,
} from "./errors.ts";
export { LoopGrid, LoopGrid as default, type Health } from "./loopgrid.ts";
export { UndeliveredError, type Counters, type QueueOptions } from "./delivery.ts";
export type { MetricsQuery } from "./reports.ts";
export type { ReplayFilter, WaitOptions } from "./replays.ts";
export type { AppendOptions, CallOptions } from "./transport.ts";
export type * from "./wire.ts";
export type { CallNames, CaptureOptions, Opening, Openings } from "./capture.ts";
export type { FunctionOptions, RecordingOptions } from "./recording.ts";
export type { WrapOptions } from "./wrap.ts";
export type { DecisionParams } from "./writer.ts";
