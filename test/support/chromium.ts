/**
 * A headless Chromium over its DevTools protocol (Node has WebSocket): what a page shows, what it
 * asks for and what it complains about. The browser's own errands go to a proxy that is not there.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { processesOf } from "./server.ts";

export interface OpenedPage {
  readonly dom: string;
  /** Every URL the page, not the browser, asked for. */
  readonly requested: readonly string[];
  /** Errors on its console, policy violations and failed loads among them. */
  readonly complaints: readonly string[];
  /** PNG of the top of the page. */
  readonly screenshot: Buffer;
  /** What each of the scripts that were asked for answered. */
  readonly answers: readonly unknown[];
  /** Printed on A4 paper. */
  readonly pdf: Buffer;
}

const MS_MAX = 40_000;
const POLL_MS = 100;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: {
    readonly request?: { readonly url: string };
    readonly entry?: { readonly level: string; readonly text: string };
    readonly exceptionDetails?: { readonly text: string };
  };
  readonly result?: {
    readonly targetId?: string;
    readonly sessionId?: string;
    readonly data?: string;
    readonly result?: { readonly value?: unknown };
  };
}

/** Opens a page and waits until `ready`, a JavaScript expression in it, is true. */
export async function openPage(
  executable: string,
  url: string,
  ready: string,
  scripts: readonly string[] = [],
): Promise<OpenedPage> {
  const profile = mkdtempSync(join(tmpdir(), "loopgrid-chromium-"));
  const browser = spawn(
    executable,
    [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--proxy-server=http://127.0.0.1:9",
      "--remote-debugging-port=0",
      "--window-size=1200,2000",
      `--user-data-dir=${profile}`,
      "about:blank",
    ],
    { detached: true, stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  browser.stderr.on("data", (chunk: Buffer) => (log += chunk.toString("utf8")));
  const deadline = Date.now() + MS_MAX;
  const until = async <T>(look: () => T | undefined | Promise<T | undefined>, what: string) => {
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`the browser did not ${what}:\n${log}`);
      await sleep(POLL_MS);
    }
  };
  try {
    const endpoint = await until(() => /DevTools listening on (\S+)/.exec(log)?.[1], "start");
    const page = await DevTools.connect(endpoint);
    const { targetId } = await page.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await page.call("Target.attachToTarget", { targetId, flatten: true });
    page.sessionId = sessionId;
    for (const domain of ["Network", "Runtime", "Log", "Page"]) await page.call(`${domain}.enable`);
    await page.call("Page.navigate", { url });
    const evaluate = async (expression: string) =>
      (await page.call("Runtime.evaluate", { expression, returnByValue: true })).result?.value;
    await until(async () => (await evaluate(ready)) === true || undefined, `show ${ready}`);
    const dom = String(await evaluate("document.documentElement.outerHTML"));
    const { data = "" } = await page.call("Page.captureScreenshot");
    const printed = await page.call("Page.printToPDF", { paperWidth: 8.27, paperHeight: 11.69 });
    const { requested, complaints } = page;
    const seen = { requested: [...requested], complaints: [...complaints] };
    const answers: unknown[] = [];
    for (const expression of scripts) {
      const asked = { expression, returnByValue: true, awaitPromise: true };
      answers.push((await page.call("Runtime.evaluate", asked)).result?.value);
    }
    page.close();
    const screenshot = Buffer.from(data, "base64");
    return { dom, ...seen, screenshot, answers, pdf: Buffer.from(printed.data ?? "", "base64") };
  } finally {
    const group = browser.pid ?? 0;
    if (processesOf(group).length > 0) process.kill(-group, "SIGKILL");
    while (processesOf(group).length > 0) await sleep(POLL_MS);
    rmSync(profile, { recursive: true, force: true });
  }
}

class DevTools {
  sessionId: string | undefined;
  readonly requested: string[] = [];
  readonly complaints: string[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (message: Message) => void>();
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => this.#take(JSON.parse(String(data))));
  }

  static connect(endpoint: string): Promise<DevTools> {
    const socket = new WebSocket(endpoint);
    return new Promise((resolve, reject) => {
      socket.addEventListener("open", () => resolve(new DevTools(socket)));
      socket.addEventListener("error", () => reject(new Error(`cannot connect to ${endpoint}`)));
    });
  }

  async call(method: string, params: object = {}): Promise<NonNullable<Message["result"]>> {
    const id = this.#calls++;
    const session = this.sessionId === undefined ? {} : { sessionId: this.sessionId };
    const answered = new Promise<Message>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    const { result } = await answered;
    if (result === undefined) throw new Error(`${method} failed`);
    return result;
  }

  close(): void {
    this.#socket.close();
  }

  #take(message: Message): void {
    const { id, method, params } = message;
    if (id !== undefined) this.#waiting.get(id)?.(message);
    if (method === "Network.requestWillBeSent") this.requested.push(params?.request?.url ?? "");
    if (method === "Log.entryAdded" && params?.entry?.level === "error")
      this.complaints.push(params.entry.text);
    if (method === "Runtime.exceptionThrown")
      this.complaints.push(params?.exceptionDetails?.text ?? "an exception");
  }
}
