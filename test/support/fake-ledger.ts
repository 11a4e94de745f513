/**
 * A server on loopback that takes records as LoopGrid does, exactly once for each key, and can be
 * away, slow or refuse. For what the real one cannot be made to do on cue.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

export interface Attempt {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly text: string;
  readonly headers: IncomingMessage["headers"];
}

export type Behaviour = (attempt: Attempt, response: ServerResponse, n: number) => void;

export interface FakeLedger {
  readonly url: string;
  readonly attempts: readonly Attempt[];
  /** Bodies that were recorded, once for each key. */
  readonly recorded: ReadonlyMap<string, string>;
  /** Records, in the order they were taken. */
  records(): Record<string, unknown>[];
  /** Records it, once for its key; false when the key is another request's. */
  take(attempt: Attempt): boolean;
  /** Undefined: it takes records again. */
  behave(behaviour: Behaviour | undefined): void;
  close(): Promise<void>;
}

export function answer(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "Content-Type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

export function problem(status: number, detail: string, headers = {}): Behaviour {
  return (_, response) => answer(response, status, { detail, status }, headers);
}

/** Confirms the records of a batch, or one alone. */
export function confirm({ text }: Attempt, response: ServerResponse): void {
  const { decisions } = JSON.parse(text);
  answer(response, 200, Array.isArray(decisions) ? { count: decisions.length } : { ok: true });
}

export async function fakeLedger(): Promise<FakeLedger> {
  const attempts: Attempt[] = [];
  const recorded = new Map<string, string>();
  const take = ({ key = "", text }: Attempt): boolean => {
    const before = recorded.get(key);
    recorded.set(key, before ?? text);
    return before === undefined || before === text;
  };
  const recording: Behaviour = (attempt, response) => {
    if (take(attempt)) confirm(attempt, response);
    else answer(response, 422, { detail: "Idempotency-Key: was used for another request" });
  };
  let behaviour: Behaviour = recording;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const key = request.headers["idempotency-key"];
      const { method = "", url = "", headers } = request;
      const text = Buffer.concat(chunks).toString("utf8");
      const attempt = {
        method,
        path: url,
        text,
        headers,
        key: typeof key === "string" ? key : undefined,
      };
      attempts.push(attempt);
      behaviour(attempt, response, attempts.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  return {
    url: `http://127.0.0.1:${address.port}`,
    attempts,
    recorded,
    take,
    records: () =>
      [...recorded.values()].flatMap(
        (text): Record<string, unknown>[] => JSON.parse(text).decisions,
      ),
    behave(next) {
      behaviour = next ?? recording;
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
