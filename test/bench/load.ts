/**
 * Load over keep-alive connections, from a thread of its own, on bare sockets: a request is written
 * as prepared octets and of an answer only status and length are read, so that the generator takes
 * a small part of the machine and says how small.
 */
import { connect, type Socket } from "node:net";
import { performance } from "node:perf_hooks";
import { isMainThread, parentPort, Worker } from "node:worker_threads";

export interface Load {
  readonly port: number;
  readonly path: string;
  readonly body: string;
  readonly clients: number;
  readonly ms: number;
  /** Any other status counts as a failure. */
  readonly status: number;
  /** An API key, sent as a bearer token. */
  readonly key?: string;
}

export interface Measured {
  readonly requests: number;
  readonly failures: number;
  readonly perSecond: number;
  /** Sorted. */
  readonly latenciesMs: readonly number[];
  /** Part of the time in which the generator's thread was busy. */
  readonly busy: number;
}

/** The thread that makes the load. */
export class LoadGenerator {
  readonly #worker = new Worker(new URL(import.meta.url));

  run(load: Load): Promise<Measured> {
    return new Promise((resolve, reject) => {
      this.#worker.once("error", reject);
      this.#worker.once("message", (measured: Measured) => {
        this.#worker.off("error", reject);
        resolve(measured);
      });
      this.#worker.postMessage(load, []);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

if (!isMainThread) {
  parentPort?.on("message", (load: Load) => {
    void generate(load).then((measured) => parentPort?.postMessage(measured, []));
  });
}

async function generate(load: Load): Promise<Measured> {
  const request = requestOf(load);
  const latenciesMs: number[] = [];
  let failures = 0;
  const utilization = performance.eventLoopUtilization();
  const startedMs = performance.now();
  const untilMs = startedMs + load.ms;
  const client = async (): Promise<void> => {
    const connection = new Connection(load.port);
    while (performance.now() < untilMs) {
      const sentMs = performance.now();
      const status = await connection.exchange(request);
      if (status === load.status) latenciesMs.push(performance.now() - sentMs);
      else failures++;
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: load.clients }, client));
  const seconds = (performance.now() - startedMs) / 1000;
  return {
    requests: latenciesMs.length,
    failures,
    perSecond: latenciesMs.length / seconds,
    latenciesMs: latenciesMs.toSorted((a, b) => a - b),
    busy: performance.eventLoopUtilization(utilization).utilization,
  };
}

function requestOf({ path, body, port, key }: Load): Buffer {
  const octets = Buffer.from(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    "Content-Type: application/json",
    `Content-Length: ${octets.length}`,
    ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]),
  ];
  return Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), octets]);
}

/** One keep-alive connection, one request at a time. Answers must carry a Content-Length. */
class Connection {
  readonly #socket: Socket;
  #answer: ((status: number) => void) | undefined;
  #fail: ((error: Error) => void) | undefined;
  #head = "";
  /** Octets of the body still to come; -1 while the head is being read. */
  #remaining = -1;
  #status = 0;

  constructor(port: number) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => this.#fail?.(error));
    this.#socket.on("close", () => this.#fail?.(new Error("the server closed a connection")));
  }

  exchange(request: Buffer): Promise<number> {
    return new Promise((answer, fail) => {
      this.#answer = answer;
      this.#fail = fail;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#fail = undefined;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bodyBytes = chunk.length;
    if (this.#remaining === -1) {
      this.#head += chunk.toString("latin1");
      const end = this.#head.indexOf("\r\n\r\n");
      if (end === -1) return;
      const length = /\r\ncontent-length: *(\d+)/i.exec(this.#head.slice(0, end + 2));
      if (length === null) return this.#fail?.(new Error("an answer without Content-Length"));
      this.#status = Number(this.#head.slice(9, 12));
      this.#remaining = Number(length[1]);
      bodyBytes = this.#head.length - end - 4;
      this.#head = "";
    }
    this.#remaining -= bodyBytes;
    if (this.#remaining > 0) return;
    this.#remaining = -1;
    this.#answer?.(this.#status);
  }
}
