/** The API as a client sees it: the real Worker, over HTTP, in the isolate of the test. */
import { env, exports } from "cloudflare:workers";

export interface Receipt {
  readonly ledger: string;
  readonly index: number;
  readonly size: number;
  readonly root_hash: string;
  readonly checkpoint: string;
  readonly proof?: readonly string[];
}

/** The members tests look at; every appending answer is compared whole as `body` too. */
export interface AnswerBody {
  readonly detail: string;
  readonly decision_id: string;
  readonly replay_id: string;
  readonly index: number;
  readonly status: string;
  readonly chain_hash: string;
  readonly content_hash: string | null;
  readonly receipt: Receipt & { readonly first_index: number };
  /** Of a batch, and of a list. */
  readonly decisions?: readonly Pick<AnswerBody, "decision_id" | "index" | "chain_hash">[];
  readonly total: number;
  readonly has_more: boolean;
}

export interface Finding {
  readonly index: number | null;
  readonly decision_id: string | null;
  readonly fault: string;
  readonly message: string;
}

export interface Verdict {
  readonly valid: boolean | null;
  readonly total: number;
  readonly broken_at: string | null;
  readonly message: string;
  readonly size: number;
  readonly root_hash: string;
  readonly complete: boolean;
  readonly findings: readonly Finding[];
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AnswerBody;
}

const BASE = "https://loopgrid.test";

/** The sequencer of the only ledger there is. A stub is dead after an abort, hence a new one. */
export function sequencer() {
  return env.SEQUENCER.getByName("main");
}

export async function send(path: string, init?: RequestInit): Promise<Answer> {
  const response = await exports.default.fetch(new Request(`${BASE}${path}`, init));
  return { status: response.status, headers: response.headers, body: await response.json() };
}

export function post(path: string, body: object, key?: string): Promise<Answer> {
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  if (key !== undefined) headers["Idempotency-Key"] = key;
  return send(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** What GET answers, of whatever shape the test expects. */
export async function get<T>(path: string): Promise<T> {
  const response = await exports.default.fetch(`${BASE}${path}`);
  if (response.status !== 200)
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json<T>();
}

export function verify(): Promise<Verdict> {
  return get("/v1/integrity/verify");
}

export function decision(n: number | string, more: object = {}): object {
  return {
    service_name: "support-agent",
    decision_type: "reply",
    input: { message: `question ${n}` },
    model: { provider: "openai", name: "gpt-4" },
    output: { response: `answer ${n}` },
    ...more,
  };
}

/** Records a decision and answers its id. */
export async function recorded(n: number | string, more?: object): Promise<string> {
  const { status, body } = await post("/v1/decisions", decision(n, more));
  if (status !== 200) throw new Error(body.detail);
  return body.decision_id;
}
