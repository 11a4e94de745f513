/** What differs between Node, Deno, Bun, browsers and Workers, read without assuming any of them. */

/** A variable of the process; undefined where there is no process or it may not be read. */
export function environment(name: string): string | undefined {
  try {
    const process: unknown = Reflect.get(globalThis, "process");
    const env: unknown = memberOf(process, "env");
    const value = memberOf(env, name);
    return typeof value === "string" && value !== "" ? value : undefined;
  } catch {
    return undefined; // Deno without permission
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

/** Not crypto.randomUUID, which pages on plain http do not have. */
export function randomHex(bytes: number): string {
  const octets = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join("");
}

/** Resolves after a while, rejects when the signal aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/** Promise.withResolvers, which Node 20 does not have. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  const resolvers: (() => void)[] = [];
  const promise = new Promise<void>((resolve) => resolvers.push(resolve));
  return { promise, resolve: () => resolvers.forEach((resolve) => resolve()) };
}

/** A timer that keeps no process alive, where the runtime knows that. */
export function idleTimer(run: () => void, ms: number): () => void {
  const timer: unknown = setTimeout(run, ms);
  const unref = memberOf(timer, "unref");
  if (typeof unref === "function") unref.call(timer);
  return () => clearTimeout(Number(timer));
}

/** Prints a line when the process ends before `stop` was called; nothing where there is no process. */
export function atExit(line: () => string): () => void {
  const process: unknown = Reflect.get(globalThis, "process");
  const once = memberOf(process, "once");
  const off = memberOf(process, "removeListener");
  if (typeof once !== "function" || typeof off !== "function") return () => undefined;
  const say = () => console.error(line());
  once.call(process, "exit", say);
  return () => off.call(process, "exit", say);
}
