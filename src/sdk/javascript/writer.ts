/**
 * Who writes, and in which order: a record carries this writer's id and its next number, so that
 * `GET /v1/integrity/gaps` shows which records never arrived. A new client is a new writer.
 */
import { onTheWire } from "./naming.ts";
import { randomHex } from "./runtime.ts";
import type { DecisionCreateParams } from "./wire.ts";

/**
 * A decision to record: what was decided, by which model, and what is known about how it came about
 * (`startedAt`, `captureMode`, `automationLevel`, …). Without a service's name it is the client's.
 */
export type DecisionParams = Omit<
  DecisionCreateParams,
  "serviceName" | "writerId" | "writerSeq"
> & {
  readonly serviceName?: string | undefined;
};

export class Writer {
  readonly #serviceName: string;
  #seq = 0;

  #id: string | undefined;

  constructor(serviceName: string) {
    this.#serviceName = serviceName;
  }

  /** Made when it is asked for: Workers have no randomness while they load. */
  get id(): string {
    return (this.#id ??= `js-${randomHex(12)}`);
  }

  /**
   * The body to send. A number is used up by it, whatever becomes of it: a gap tells of a loss.
   * @param isNamed under a key of the caller's own: asked again, by whatever process, the body has to
   *   be the same, so it bears no number
   */
  body(decision: DecisionParams, isNamed = false): Record<string, unknown> {
    const named = { service_name: this.#serviceName, ...onTheWire(decision) };
    return isNamed ? named : { ...named, writer_id: this.id, writer_seq: ++this.#seq };
  }
}
