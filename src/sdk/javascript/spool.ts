/**
 * Records on disk, for Node, Deno and Bun. One file is one batch request: its first line names the
 * Idempotency-Key, every further line is a record. A file whose writer was killed is sent by a later
 * process with the key it names, so it arrives exactly once, however often it is sent.
 *
 *   <key>.<pid>.<token>.<host>.open      being written, by that process
 *   <key>.<pid>.<token>.<host>.batch     complete: it is sent as it is, then deleted
 *   <key>.<pid>.<token>.<host>.refused   the server refused it; kept for a person to look at
 *
 * A record is on disk when `append` returns: the death of the process loses nothing. The death of
 * the machine may lose what its operating system had not written out yet.
 */
import type { Batch } from "./batch.ts";
import { randomHex } from "./runtime.ts";

/** What is used of node:fs; the SDK is compiled without Node's types. */
interface FileSystem {
  mkdirSync(path: string, options: { recursive: true; mode: number }): unknown;
  openSync(path: string, flags: string, mode: number): number;
  writeSync(fd: number, octets: Uint8Array): number;
  ftruncateSync(fd: number, bytes: number): void;
  closeSync(fd: number): void;
  renameSync(from: string, to: string): void;
  unlinkSync(path: string): void;
  existsSync(path: string): boolean;
  readdirSync(path: string): string[];
  readFileSync(path: string, encoding: "utf8"): string;
  statSync(path: string): { readonly mtimeMs: number; readonly size: number };
  utimesSync(path: string, atime: Date, mtime: Date): void;
}

interface NodeProcess {
  readonly pid: number;
  kill(pid: number, signal: 0): true;
  getBuiltinModule(name: string): unknown;
}

/** Content is nobody else's business. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const FORMAT = "loopgrid-spool/1";
/** The owner touches its open file this often; six times missed, and it is taken to be gone. */
export const HEARTBEAT_MS = 10_000;
const STALE_MS = 60_000;
/** After this long without a heartbeat an owner no longer trusts that its file is still its own. */
const DOUBTFUL_MS = 30_000;

/**
 * In the names of this very module's files: another token under the same pid is another thread's, or of
 * a dead process. Made when it is asked for: Workers have no randomness while they load.
 */
let ownToken: string | undefined;
function token(): string {
  return (ownToken ??= randomHex(6));
}

/** Keys of files that a client of this very process will send, and whose they are. */
const owned = new Map<string, Spool>();

export class Spool {
  readonly #fs: FileSystem;
  readonly #process: NodeProcess;
  readonly #folder: string;
  readonly #host: string;

  /** @throws where there is no file system, or the folder cannot be made */
  constructor(folder: string) {
    const process = nodeProcess();
    const fs: unknown = process?.getBuiltinModule("node:fs");
    if (process === undefined || !isFileSystem(fs))
      throw new TypeError("spoolDir needs a file system: Node 20.16 or later, Deno 2 or Bun");
    this.#fs = fs;
    this.#process = process;
    this.#folder = folder;
    this.#host = hostName(process).replaceAll(/[^A-Za-z0-9-]/g, "_");
    fs.mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  }

  /** Begins a file of this process. */
  begin(key: string): OpenFile {
    const name = `${key}.${this.#process.pid}.${token()}.${this.#host}`;
    owned.set(key, this);
    try {
      return new OpenFile(this.#fs, `${this.#folder}/${name}`, key);
    } catch (error) {
      owned.delete(key);
      throw error;
    }
  }

  /** Writes a complete file at once. */
  write(key: string, lines: readonly string[]): Batch {
    const file = this.begin(key);
    try {
      for (const line of lines) file.append(line);
    } catch (error) {
      file.abandon();
      throw error;
    }
    const closed = file.close();
    if (closed === undefined) throw new Error(`${key} was taken over while it was written`);
    return closed;
  }

  /** Complete files, and those whose writer is gone: this client sends them from here on. */
  leftovers(): Batch[] {
    const found: Batch[] = [];
    for (const name of this.#fs.readdirSync(this.#folder).toSorted()) {
      const [key = "", pid = "", owner = "", host = "", state] = name.split(".");
      const isData = state === "open" || state === "batch";
      if (!isData || owned.has(key) || !this.#isLeft(name, Number(pid), owner, host)) continue;
      const base = `${this.#folder}/${key}.${pid}.${owner}.${host}`;
      const batch = complete(this.#fs, base, key, state === "open");
      if (batch === undefined) continue;
      owned.set(key, this);
      found.push(batch);
    }
    return found;
  }

  /** This client sends no more: what it leaves is for the next one, in this process too. */
  release(): void {
    for (const [key, owner] of owned) if (owner === this) owned.delete(key);
  }

  /** Whether its writer is gone. */
  #isLeft(name: string, pid: number, owner: string, host: string): boolean {
    const isOwn = pid === this.#process.pid;
    // Of this very process, and nobody's: its client was closed.
    if (isOwn && owner === token()) return true;
    // Under the own pid also another thread writes, or another copy of this package: by its heartbeat.
    if (host === this.#host && !isOwn) return !this.#isAlive(pid);
    try {
      const { mtimeMs } = this.#fs.statSync(`${this.#folder}/${name}`);
      return Date.now() - mtimeMs > STALE_MS;
    } catch {
      return false; // sent meanwhile
    }
  }

  #isAlive(pid: number): boolean {
    try {
      return this.#process.kill(pid, 0);
    } catch (error) {
      return !(error instanceof Error && "code" in error && error.code === "ESRCH");
    }
  }
}

export class OpenFile {
  readonly key: string;
  count = 0;
  bytes = 0;
  readonly #fs: FileSystem;
  readonly #base: string;
  readonly #fd: number;
  #endBytes = 0;
  #touchedMs = Date.now();

  constructor(fs: FileSystem, base: string, key: string) {
    this.key = key;
    this.#fs = fs;
    this.#base = base;
    this.#fd = fs.openSync(`${base}.open`, "ax", FILE_MODE);
    try {
      this.#write(JSON.stringify({ format: FORMAT, idempotency_key: key }));
    } catch (error) {
      this.abandon();
      throw error;
    }
  }

  /** Whether it may have been taken over: this process slept through its heartbeats. */
  get isDoubtful(): boolean {
    return Date.now() - this.#touchedMs > DOUBTFUL_MS;
  }

  /** @throws when the disk does not take it; what was written before stays good */
  append(line: string): void {
    this.#write(line);
    this.count++;
    this.bytes += line.length;
  }

  /** Closed and deleted: what was to be in it is kept elsewhere. */
  abandon(): void {
    owned.delete(this.key);
    quietly(() => this.#fs.closeSync(this.#fd));
    quietly(() => this.#fs.unlinkSync(`${this.#base}.open`));
  }

  /** A full disk may take a part of a line, without an error: the next one would run into it. */
  #write(line: string): void {
    const octets = new TextEncoder().encode(`${line}\n`);
    const written = this.#fs.writeSync(this.#fd, octets);
    if (written < octets.byteLength) {
      this.#fs.ftruncateSync(this.#fd, this.#endBytes);
      throw new Error(`The disk took ${written} of ${octets.byteLength} octets`);
    }
    this.#endBytes += written;
  }

  touch(): void {
    const now = new Date();
    this.#fs.utimesSync(`${this.#base}.open`, now, now);
    this.#touchedMs = now.getTime();
  }

  /** Complete: from here on it is sent. Undefined when another process took it over. */
  close(): Batch | undefined {
    this.#fs.closeSync(this.#fd);
    return complete(this.#fs, this.#base, this.key, true);
  }
}

/** Undefined when somebody else was faster. @param isOpen its name has to say first that it is complete */
function complete(fs: FileSystem, base: string, key: string, isOpen: boolean): Batch | undefined {
  const path = `${base}.batch`;
  const linesIn = () => {
    const lines = fs.readFileSync(path, "utf8").split("\n").slice(1);
    // A last line without its end was being written when its writer died: `append` never returned.
    return lines.slice(0, -1);
  };
  const over = (work: () => void) => {
    owned.delete(key);
    quietly(work);
  };
  try {
    if (isOpen) fs.renameSync(`${base}.open`, path);
    return {
      key,
      count: linesIn().length,
      bytes: fs.statSync(path).size,
      lines: () => (fs.existsSync(path) ? linesIn() : undefined),
      touch: () => {
        const now = new Date();
        quietly(() => fs.utimesSync(path, now, now));
      },
      remove: () => over(() => fs.unlinkSync(path)),
      refuse: () => over(() => fs.renameSync(path, `${base}.refused`)),
    };
  } catch {
    return undefined;
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // Another process sent it too, and was faster.
  }
}

function nodeProcess(): NodeProcess | undefined {
  const process: unknown = Reflect.get(globalThis, "process");
  return isNodeProcess(process) ? process : undefined;
}

function isNodeProcess(value: unknown): value is NodeProcess {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "getBuiltinModule") === "function" &&
    typeof Reflect.get(value, "pid") === "number"
  );
}

function isFileSystem(value: unknown): value is FileSystem {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "writeSync") === "function"
  );
}

function hostName(process: NodeProcess): string {
  const os: unknown = process.getBuiltinModule("node:os");
  if (typeof os !== "object" || os === null) return "host";
  const hostname: unknown = Reflect.get(os, "hostname");
  return typeof hostname === "function" ? String(hostname.call(os)) : "host";
}
