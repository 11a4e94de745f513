/**
 * A witness as C2SP tlog-witness describes it, over HTTP on loopback: `add-checkpoint`, Ed25519
 * cosignatures of tlog-cosignature, written from the specifications alone. It trusts nobody: what
 * it signs it has found to extend what it signed before.
 */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/** What goes wrong, until it is set to something else. */
export type WitnessFault =
  | "none"
  /** The connection breaks without an answer. */
  | "down"
  /** Takes the request and never answers. */
  | "hangs"
  /** Answers 200 with a cosignature over another text. */
  | "signs something else"
  /** Answers 200 with lines that are no signatures. */
  | "answers nonsense"
  /** Answers 200 without an end. */
  | "floods"
  /** Verified a tree of another root at the size it recorded: everything is inconsistent. */
  | "holds another root";

interface Checkpoint {
  readonly text: string;
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

interface Refusal {
  readonly status: number;
  readonly body?: string;
  readonly type?: string;
}

/** One request as the witness judged it. */
export interface Submission {
  readonly oldSize: number;
  readonly proof: number;
  readonly size: number;
  readonly status: number;
}

export interface TestWitness {
  /** C2SP vkey of the cosignature type. */
  readonly vkey: string;
  readonly name: string;
  readonly url: string;
  /** `<vkey> <url>`, as LOOPGRID_WITNESSES lists it. */
  readonly configured: string;
  fault: WitnessFault;
  /** Everything that came, in order. A broken or hanging one counts with status 0. */
  readonly submissions: readonly Submission[];
  /** The newest checkpoint it cosigned of an origin. */
  recorded(origin: string): { readonly size: number; readonly root: string } | undefined;
  /** As a witness restored from an older copy of itself, or one that others feed. */
  forget(origin: string, size: number): void;
  stop(): Promise<void>;
}

const PROOF_LINES_MAX = 63;
const EMPTY_ROOT = createHash("sha256").digest();

/** @param keys of the logs it follows: C2SP vkeys by origin; asked anew each time */
export async function startWitness(
  name: string,
  keys: () => Readonly<Record<string, readonly string[]>>,
): Promise<TestWitness> {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const material = Buffer.concat([Buffer.of(4), rawPublicKey(publicKey)]);
  const keyId = createHash("sha256").update(`${name}\n`).update(material).digest().subarray(0, 4);
  const vkey = `${name}+${keyId.toString("hex")}+${material.toString("base64")}`;
  /** By origin, each root it signed by its size. */
  const records = new Map<string, Map<number, Buffer>>();
  const submissions: Submission[] = [];
  const state: { fault: WitnessFault } = { fault: "none" };

  const newest = (origin: string): { size: number; root: Buffer } | undefined => {
    const sizes = [...(records.get(origin)?.keys() ?? [])];
    const size = sizes.length === 0 ? undefined : Math.max(...sizes);
    const root = size === undefined ? undefined : records.get(origin)?.get(size);
    return size === undefined || root === undefined ? undefined : { size, root };
  };

  /** The specification's checks, in its order. Synchronous, hence atomic with the record. */
  const judge = (body: string): Refusal | Checkpoint => {
    const request = parseRequest(body);
    if (request === undefined) return { status: 400 };
    const { oldSize, proof, checkpoint, signatures } = request;
    const { origin, size, root, text } = checkpoint;
    const known = keys()[origin];
    if (known === undefined) return { status: 404 };
    if (!known.some((key) => signs(key, text, signatures))) return { status: 403 };
    if (oldSize > size) return { status: 400 };
    const recorded = newest(origin);
    if (oldSize !== (recorded?.size ?? 0))
      return { status: 409, body: `${recorded?.size ?? 0}\n`, type: "text/x.tlog.size" };
    if (size === 0 && !root.equals(EMPTY_ROOT)) return { status: 422 };
    if (oldSize === 0 && proof.length > 0) return { status: 422 };
    const oldRoot = state.fault === "holds another root" ? Buffer.alloc(32, 7) : recorded?.root;
    if (oldSize > 0 && !(oldRoot && consistent(oldSize, size, proof, oldRoot, root)))
      return { status: 422 };
    const own = records.get(origin) ?? new Map<number, Buffer>();
    records.set(origin, own.set(size, root));
    return checkpoint;
  };

  const cosignature = (text: string): string => {
    const time = Math.floor(Date.now() / 1000);
    const timestamp = Buffer.alloc(8);
    timestamp.writeBigUInt64BE(BigInt(time));
    const signature = sign(null, Buffer.from(`cosignature/v1\ntime ${time}\n${text}`), privateKey);
    return `\u2014 ${name} ${Buffer.concat([keyId, timestamp, signature]).toString("base64")}\n`;
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await textOf(request);
    const parsed = parseRequest(body);
    const note = (status: number): void => {
      submissions.push({
        oldSize: parsed?.oldSize ?? -1,
        proof: parsed?.proof.length ?? -1,
        size: parsed?.checkpoint.size ?? -1,
        status,
      });
    };
    if (request.method !== "POST" || request.url !== "/add-checkpoint") {
      note(404);
      response.writeHead(404).end();
      return;
    }
    const { fault } = state;
    if (fault === "down" || fault === "hangs") {
      note(0);
      if (fault === "down") request.socket.destroy();
      return;
    }
    if (fault === "floods") {
      note(0);
      response.writeHead(200);
      const chunk = "\u2014 flood AAAA\n".repeat(5000);
      for (let sent = 0; sent < 400 && !response.destroyed; sent++) {
        if (!response.write(chunk)) await sleep(5);
      }
      response.end();
      return;
    }
    if (fault === "answers nonsense") {
      note(200);
      response.writeHead(200).end("thank you\n");
      return;
    }
    if (fault === "signs something else") {
      note(200);
      const { text = "" } = parsed?.checkpoint ?? {};
      response.writeHead(200).end(cosignature(text.replace(/\n\d+\n/, "\n1000000\n")));
      return;
    }
    const judged = judge(body);
    if ("status" in judged) {
      note(judged.status);
      response.writeHead(judged.status, { "Content-Type": judged.type ?? "text/plain" });
      response.end(judged.body);
      return;
    }
    note(200);
    response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
    response.end(cosignature(judged.text));
  };

  const server = createServer((request, response) => {
    handle(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port was given");
  const url = `http://127.0.0.1:${address.port}`;
  return {
    vkey,
    name,
    url,
    configured: `${vkey} ${url}`,
    get fault() {
      return state.fault;
    },
    set fault(fault) {
      state.fault = fault;
    },
    submissions,
    recorded: (origin) => {
      const record = newest(origin);
      return record && { size: record.size, root: record.root.toString("hex") };
    },
    forget: (origin, size) => {
      for (const signed of records.get(origin)?.keys() ?? [])
        if (signed > size) records.get(origin)?.delete(signed);
    },
    stop: () =>
      new Promise((stopped) => {
        server.close(() => stopped());
        server.closeAllConnections();
      }),
  };
}

/** A cosignature/v1 line of this key under a checkpoint's text: when it was signed, or nothing. */
export function cosignedAt(note: string, vkey: string): number | undefined {
  const { text, lines } = splitNote(note) ?? { text: "", lines: [] };
  const { name, keyId, material } = parseKey(vkey);
  if (material[0] !== 4) return undefined;
  const own = lines.filter((line) => line.name === name && line.keyId === keyId);
  const [line] = own;
  if (own.length !== 1 || line?.signature.length !== 72) return undefined;
  const time = line.signature.readBigUInt64BE(0);
  const signed = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`);
  const holds = verify(null, signed, ed25519(material), line.signature.subarray(8));
  return holds ? Number(time) : undefined;
}

interface SignatureLine {
  readonly name: string;
  readonly keyId: string;
  readonly signature: Buffer;
}

interface ParsedRequest {
  readonly oldSize: number;
  readonly proof: readonly Buffer[];
  readonly checkpoint: Checkpoint;
  readonly signatures: readonly SignatureLine[];
}

/** `old <size>`, proof lines, an empty line, the signed checkpoint. */
function parseRequest(body: string): ParsedRequest | undefined {
  const gap = body.indexOf("\n\n");
  if (gap === -1) return undefined;
  const [first = "", ...lines] = body.slice(0, gap).split("\n");
  const [, old] = /^old (0|[1-9]\d*)$/.exec(first) ?? [];
  const proof = lines.map((line) => Buffer.from(line, "base64"));
  const wellFormed = proof.every(
    (hash, i) => hash.length === 32 && hash.toString("base64") === lines[i],
  );
  if (old === undefined || !wellFormed || lines.length > PROOF_LINES_MAX) return undefined;
  const note = splitNote(body.slice(gap + 2));
  if (note === undefined) return undefined;
  const [origin = "", size = "", root = "", ...rest] = note.text.slice(0, -1).split("\n");
  const rootHash = Buffer.from(root, "base64");
  const isCheckpoint =
    origin !== "" &&
    /^(0|[1-9]\d*)$/.test(size) &&
    rootHash.length === 32 &&
    rootHash.toString("base64") === root &&
    !rest.includes("");
  if (!isCheckpoint) return undefined;
  const checkpoint = { text: note.text, origin, size: Number(size), root: rootHash };
  return { oldSize: Number(old), proof, checkpoint, signatures: note.lines };
}

function splitNote(note: string): { text: string; lines: readonly SignatureLine[] } | undefined {
  const blank = note.lastIndexOf("\n\n");
  if (blank === -1 || !note.endsWith("\n")) return undefined;
  const lines: SignatureLine[] = [];
  for (const line of note.slice(blank + 2, -1).split("\n")) {
    const [, name, encoded = ""] = /^\u2014 (\S+) ([A-Za-z0-9+/]+={0,2})$/.exec(line) ?? [];
    const octets = Buffer.from(encoded, "base64");
    if (name === undefined || octets.length < 5) return undefined;
    lines.push({ name, keyId: octets.toString("hex", 0, 4), signature: octets.subarray(4) });
  }
  return { text: note.slice(0, blank + 1), lines };
}

function parseKey(vkey: string): { name: string; keyId: string; material: Buffer } {
  const [, name = "", keyId = "", encoded = ""] =
    /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(vkey) ?? [];
  const material = Buffer.from(encoded, "base64");
  const expected = createHash("sha256").update(`${name}\n`).update(material).digest("hex");
  if (material.length !== 33 || !expected.startsWith(keyId)) throw new Error(`no vkey: ${vkey}`);
  return { name, keyId, material };
}

function signs(vkey: string, text: string, signatures: readonly SignatureLine[]): boolean {
  const { name, keyId, material } = parseKey(vkey);
  return signatures.some(
    (line) =>
      line.name === name &&
      line.keyId === keyId &&
      verify(null, Buffer.from(text), ed25519(material), line.signature),
  );
}

function ed25519(material: Buffer): KeyObject {
  const x = material.subarray(1).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}

function rawPublicKey(key: KeyObject): Buffer {
  const { x = "" } = key.export({ format: "jwk" });
  return Buffer.from(x, "base64url");
}

/** RFC 9162 §2.1.4.2. Equal sizes: equal roots and nothing to prove. */
export function consistent(
  from: number,
  to: number,
  proof: readonly Buffer[],
  fromRoot: Buffer,
  toRoot: Buffer,
): boolean {
  if (from < 1 || from > to) return false;
  if (from === to) return proof.length === 0 && fromRoot.equals(toRoot);
  if (proof.length === 0) return false;
  const isPower = Number.isInteger(Math.log2(from));
  const [first = fromRoot, ...rest] = isPower ? [fromRoot, ...proof] : proof;
  let fn = from - 1;
  let sn = to - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr = first;
  let sr = first;
  for (const hash of rest) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = node(hash, fr);
      sr = node(hash, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = node(sr, hash);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && fr.equals(fromRoot) && sr.equals(toRoot);
}

function node(left: Buffer, right: Buffer): Buffer {
  return createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}
