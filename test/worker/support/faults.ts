/**
 * Faults in the database, as the Worker and the Durable Object meet them: both run in the isolate of
 * the test and hold the same D1 binding. Every call that reaches D1 passes `around`.
 */
import { abortAllDurableObjects, evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { sequencer } from "./client.ts";

export const LOST = "D1_ERROR: Network connection lost.";
export const OVERLOADED = "D1_ERROR: D1 DB is overloaded. Requests queued for too long.";
export const CONSTRAINT =
  "D1_ERROR: NOT NULL constraint failed: head_guard.head_is_expected: SQLITE_CONSTRAINT (extended: SQLITE_CONSTRAINT_NOTNULL)";

type Call = () => Promise<unknown>;
type Around = (call: Call, method: string) => Promise<unknown>;

const READS = ["first", "all", "raw", "run"];

let undo: (() => void)[] = [];

/** Puts `around` between our code and D1 until `heal`. A batch is a commit; reads never use one here. */
function intercept(around: Around, methods: readonly string[] = [...READS, "batch"]): void {
  const statement: object = Object.getPrototypeOf(env.DB.prepare("SELECT 1"));
  const database: object = Object.getPrototypeOf(env.DB);
  for (const method of methods) {
    const owner = method === "batch" ? database : statement;
    const real: unknown = Reflect.get(owner, method);
    if (typeof real !== "function") throw new Error(`D1 has no ${method}`);
    Reflect.set(owner, method, function (this: unknown, ...args: unknown[]) {
      return around(() => Reflect.apply(real, this, args), method);
    });
    undo.push(() => Reflect.set(owner, method, real));
  }
}

/** Everything works again. */
export function heal(): void {
  for (const put of undo) put();
  undo = [];
}

/** Waits of a server take a test's time: back-off and timeouts become milliseconds. */
export function hurry(): void {
  const real = globalThis.setTimeout;
  vi.spyOn(globalThis, "setTimeout").mockImplementation((wake, ms = 0) =>
    real(wake, ms >= 5000 ? 40 : Math.min(ms, 2)),
  );
}

function fail(message: string): Promise<never> {
  return Promise.reject(new Error(message));
}

/** What may become of every commit from now on. */
export const COMMIT_FAULTS = {
  "fails before it is written": () => fail(LOST),
  "is overloaded": () => fail(OVERLOADED),
  "is written, the answer is lost": async (commit) => {
    await commit();
    return fail(LOST);
  },
  "is refused by a constraint": () => fail(CONSTRAINT),
  hangs: () => new Promise(() => {}),
  "is written, then hangs": async (commit) => {
    await commit();
    return new Promise(() => {});
  },
} satisfies Record<string, (commit: Call) => Promise<unknown>>;
export type CommitFault = keyof typeof COMMIT_FAULTS;

export function isCommitFault(name: string): name is CommitFault {
  return name in COMMIT_FAULTS;
}

export function faultCommits(fault: CommitFault): void {
  intercept((call) => COMMIT_FAULTS[fault](call), ["batch"]);
}

/** The commit is lost on its way, and lands while its retry waits. */
export function commitLandsLate(): { landed: () => Promise<void> } {
  let late: Promise<unknown> | undefined;
  intercept(
    async (commit) => {
      if (late !== undefined) {
        await late;
        return commit();
      }
      late = new Promise((wake) => setTimeout(wake, 1)).then(commit);
      return fail(LOST);
    },
    ["batch"],
  );
  return {
    landed: async () => {
      await late;
    },
  };
}

export function faultReads(): void {
  intercept(() => fail(LOST), READS);
}

/** The commit is written, and from then on nothing answers. */
export function darkAfterCommit(): void {
  let dark = false;
  intercept(async (call, method) => {
    if (dark) return fail(LOST);
    if (method !== "batch") return call();
    await call();
    dark = true;
    return fail(LOST);
  });
}

/**
 * One step goes wrong: a call to D1 fails, or the Durable Object dies right after it. Dying before
 * a call is dying after the one before; what fails after it was done is a commit fault.
 */
export const STEP_FAULTS = ["fails", "is the last before a crash"] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

export interface Step {
  /** Whether the request came so far. */
  readonly reached: boolean;
  /** Resolves when the request is answered; kills the object once it has reached the step. */
  readonly play: (request: Promise<unknown>) => Promise<void>;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((wake) => setTimeout(wake, 1));
}

/** Faults the `at`-th call to D1 from now on, counted from 1. */
export function faultStep(at: number, fault: StepFault): Step {
  const state = { calls: 0, reached: false, killed: false, answered: false };
  intercept(async (call) => {
    state.calls++;
    if (state.calls !== at) return call();
    if (fault === "fails") {
      state.reached = true;
      return fail(LOST);
    }
    const answer = await call();
    state.reached = true;
    // In the object this wait dies with it; in the Worker the call goes on without the object.
    await until(() => state.killed);
    return answer;
  });
  return {
    get reached() {
      return state.reached;
    },
    play: async (request) => {
      void request.finally(() => (state.answered = true));
      await until(() => state.reached || state.answered);
      if (state.reached && fault !== "fails") await crash();
      state.killed = true;
      await request;
    },
  };
}

/** A request that stands still before one of its calls to D1 while something else happens. */
export interface Pause {
  /** Whether the request came so far before its commit. */
  readonly reached: boolean;
  /** Lets `meanwhile` happen once the request stands still, then answers what the request did. */
  readonly play: <T>(request: Promise<T>, meanwhile: () => Promise<unknown>) => Promise<T>;
}

/** Stops the next request before its `at`-th call to D1, counted from 1, and at no later one. */
export function pauseAt(at: number): Pause {
  const state = { calls: 0, reached: false, committing: false, released: false, answered: false };
  intercept(async (call, method) => {
    // A commit in flight holds up every other one: what comes later is no place to stop at.
    state.committing ||= method === "batch";
    if (state.reached || state.committing || ++state.calls !== at) return call();
    state.reached = true;
    await until(() => state.released);
    return call();
  });
  return {
    get reached() {
      return state.reached;
    },
    play: async (request, meanwhile) => {
      void request.finally(() => (state.answered = true));
      await until(() => state.reached || state.answered);
      if (state.reached) await meanwhile();
      state.released = true;
      return request;
    },
  };
}

/** The object leaves memory as it does when idle; one that is not there is woken first. */
export async function evict(): Promise<void> {
  await sequencer().status();
  await evictDurableObject(sequencer());
}

/** Objects die with everything in their memory; their storage stays. */
export async function crash(): Promise<void> {
  await abortAllDurableObjects();
}
