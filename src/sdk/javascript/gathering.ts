/** Records that will be the next batch: in memory, and with a spool folder in a file of their own. */
import { inMemory, type Batch } from "./batch.ts";
import type { OpenFile, Spool } from "./spool.ts";
import { newKey } from "./transport.ts";

const BATCH_RECORDS = 100;
/** Far below the 16 MiB of a request; one record may hold 1 MiB. */
const BATCH_BYTES = 2 * 1024 * 1024;

export class Gathering {
  readonly #spool: Spool | undefined;
  #key: string | undefined;
  #lines: string[] = [];
  #bytes = 0;
  #file: OpenFile | undefined;

  constructor(spool: Spool | undefined) {
    this.#spool = spool;
  }

  /** Made when it is asked for: Workers have no randomness while they load. */
  get key(): string {
    return (this.#key ??= newKey());
  }

  get isEmpty(): boolean {
    return this.#lines.length === 0;
  }

  get isFull(): boolean {
    return this.#lines.length >= BATCH_RECORDS;
  }

  /** False: it has to be cut first. */
  takes(line: string): boolean {
    return this.#bytes + line.length <= BATCH_BYTES && this.#file?.isDoubtful !== true;
  }

  /** @returns whether the record is on disk. @throws when the disk does not take it */
  append(line: string): boolean {
    // A batch is wholly in its file or wholly in memory.
    if (this.isEmpty) this.#file = this.#spool?.begin(this.key);
    this.#file?.append(line);
    this.keep(line);
    return this.#file !== undefined;
  }

  /** In memory alone. */
  keep(line: string): void {
    this.#lines.push(line);
    this.#bytes += line.length;
  }

  /** What has gathered, which does not change any more; undefined when nothing has. */
  cut(): Batch | undefined {
    const { key, isEmpty } = this;
    const lines = this.#lines;
    const bytes = this.#bytes;
    const file = this.#file;
    this.#key = undefined;
    this.#lines = [];
    this.#bytes = 0;
    this.#file = undefined;
    if (isEmpty) {
      file?.abandon();
      return undefined;
    }
    // Its file may be gone: deleted, or taken over by a process that took this one for dead. The same
    // lines under the same key are written once, whoever sends them.
    const spooled = file?.close();
    return spooled === undefined ? inMemory(key, lines) : { ...spooled, bytes };
  }

  /** @throws when the file is not there any more */
  touch(): void {
    this.#file?.touch();
  }
}
