/**
 * Who writes, and in which order: every record carries this writer's id and its next number, so that
 * `GET /v1/integrity/gaps` shows which records never arrived. A new client is a new writer.
 */
import { onTheWire } from "./naming.ts";
import { randomHex } from "./runtime.ts";
import type { DecisionCreateParams } from "./wire.ts";

/** What is known about how a decision came about; all of it stays after an erasure. */
export interface CaptureFields {
  /** RFC 3339. */
  readonly occurredAt?: string | undefined;
  readonly startedAt?: string | undefined;
  readonly endedAt?: string | undefined;
  readonly captureMode?: "automatic" | "manual" | "import" | undefined;
  /** Of the system that decided: a release, a commit. */
  readonly systemVersion?: string | undefined;
  readonly automationLevel?:
    | "full"
    | "human_in_the_loop"
    | "human_on_the_loop"
    | "advisory"
    | undefined;
  readonly decisionRole?: "sole" | "principal" | "contributing" | "none" | undefined;
  /** Which notice the person concerned was given; a reference, nothing personal. */
  readonly subjectNotice?: string | undefined;
}

/** A decision to record. Without a service's name it is the client's. */
export type DecisionParams = Omit<DecisionCreateParams, "serviceName"> &
  CaptureFields & { readonly serviceName?: string | undefined };

export class Writer {
  readonly id: string;
  readonly #serviceName: string;
  #seq = 0;

  constructor(serviceName: string, id = `js-${randomHex(12)}`) {
    this.id = id;
    this.#serviceName = serviceName;
  }

  /** The body to send. A number is used up by it, whatever becomes of it: a gap tells of a loss. */
  body(decision: DecisionParams): Record<string, unknown> {
    return {
      service_name: this.#serviceName,
      ...onTheWire(decision),
      writer_id: this.id,
      writer_seq: ++this.#seq,
    };
  }
}
