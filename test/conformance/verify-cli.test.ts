/**
 * `loopgrid verify` as a process (DESIGN §5): 0 verified, 1 tampered, 2 incomplete or unproven, and
 * nothing else, over files and answers of the real server, of a server that lies, and of other logs.
 */
import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, test } from "vitest";
import { reportIn, verifyReport } from "../../src/cli/verify/report.ts";
import { parseVerifierKey } from "../../src/ledger/note.ts";
import { acknowledged, getText, inParallel, textIn } from "../support/clients.ts";
import { serveThisFile } from "../support/conformance.ts";
import { foreignLog, type ForeignLog } from "../support/foreign-log.ts";
import { freePort } from "../support/server.ts";
import {
  Folder,
  hasPython,
  loopgrid,
  loopgridOnTerminal,
  npmLoopgrid,
  strangersKey,
} from "../support/verify-process.ts";

const served = serveThisFile();
const folder = new Folder();
const python = await hasPython();
const CREATE = {
  service_name: "support-agent",
  decision_type: "reply",
  input: { message: "I was charged twice" },
  model: { provider: "openai", name: "gpt-4" },
  output: { response: "Your account looks fine." },
};

let key: string;
/** Files as the server gave them: of six entries, with one erasure. */
let file: Readonly<Record<"whole" | "range" | "evidence" | "proof" | "checkpoint", string>>;
let whole: string;
/** Signed notes by size. */
let notes: ReadonlyMap<number, string>;
let foreign: ForeignLog;
let liar: Liar;

beforeAll(async () => {
  const { url } = served.server;
  const record = () => acknowledged(url, "/v1/decisions", CREATE);
  const first = textIn(await record(), "decision_id");
  await record();
  await acknowledged(url, `/v1/decisions/${first}/incorrect`, { reason: "wrong" });
  await acknowledged(url, `/v1/decisions/${first}/erasure`, {
    fields: ["input"],
    reason_code: "gdpr_article_17",
  });
  await record();
  await record();
  whole = await getText(url, "/v1/export/ledger");
  file = {
    whole: folder.write("whole.ndjson", whole),
    range: folder.write("range.ndjson", await getText(url, "/v1/export/ledger?from=2&to=5")),
    evidence: folder.write("e.json", await getText(url, `/v1/decisions/${first}/evidence`)),
    proof: folder.write(
      "p.txt",
      await getText(url, `/v1/decisions/${first}/evidence?format=tlog-proof`),
    ),
    checkpoint: folder.write("c.txt", await getText(url, "/v1/ledger/checkpoint")),
  };
  const sizes = [1, 2, 3, 4, 5, 6];
  const texts = sizes.map((size) => getText(url, `/v1/ledger/checkpoint?size=${size}`));
  notes = new Map((await Promise.all(texts)).map((note, i) => [i + 1, note]));
  const { verifier_keys }: { verifier_keys: string[] } = JSON.parse(
    await getText(url, "/v1/ledger"),
  );
  key = verifier_keys[0] ?? "";
  foreign = await foreignLog();
  liar = await Liar.start();
});

afterAll(async () => {
  folder.remove();
  await liar.stop();
});

/** A server that answers what it is told to, and 404 otherwise. */
class Liar {
  readonly url: string;
  readonly #server: Server;
  #answers: Readonly<Record<string, string>> = {};

  private constructor(port: number) {
    this.url = `http://localhost:${port}`;
    this.#server = createServer((request, response) => {
      const answer = this.#answers[(request.url ?? "").split("?")[0] ?? ""];
      response.statusCode = answer === undefined ? 404 : 200;
      response.end(answer);
    }).listen(port, "localhost");
  }

  static async start(): Promise<Liar> {
    return new Liar(await freePort());
  }

  tell(checkpoint: string, proof: unknown): this {
    this.#answers = {
      "/v1/ledger/checkpoint": checkpoint,
      "/v1/ledger/proof/consistency": JSON.stringify(proof),
    };
    return this;
  }

  stop(): Promise<void> {
    this.#server.closeAllConnections();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function note(size: number): string {
  const found = notes.get(size);
  if (found === undefined) throw new Error(`no checkpoint of ${size}`);
  return found;
}

interface Verdict {
  readonly code: number;
  readonly status: string;
  readonly findings: readonly { readonly index: number | null; readonly fault: string }[];
  readonly unproven: readonly string[];
}

/** `loopgrid verify … --json` with the ledger's key. */
async function verify(path: string, ...more: string[]): Promise<Verdict> {
  const { code, stdout, stderr } = await loopgrid([
    "verify",
    path,
    "--key",
    key,
    "--json",
    ...more,
  ]);
  if (!stdout.startsWith("{")) throw new Error(`${code}: ${stdout}${stderr}`);
  const verdict: Omit<Verdict, "code"> = JSON.parse(stdout);
  return { code, ...verdict };
}

async function codeOf(...args: string[]): Promise<number> {
  return (await loopgrid(["verify", ...args])).code;
}

/** Of every kind of file, two at a time: each is a process that takes a third of a second to start. */
function codesOf(...args: string[]): Promise<readonly number[]> {
  return inParallel(Object.values(file), 2, (path) => codeOf(path, ...args));
}

describe("the exit code", () => {
  test("is 0 for every kind of file the server makes, with its key", async ({ expect }) => {
    expect(await codesOf("--key", key)).toEqual([0, 0, 0, 0, 0]);
  });

  test("is the same through npm run", async ({ expect }) => {
    const { code, stdout } = await npmLoopgrid(["verify", file.whole, "--key", key]);
    expect([code, stdout.split(" ")[0]]).toEqual([0, "VERIFIED"]);
    const tampered = folder.write("t.ndjson", whole.replace("charged twice", "charged once"));
    expect((await npmLoopgrid(["verify", tampered, "--key", key])).code).toBe(1);
    expect((await npmLoopgrid(["verify", file.whole])).code).toBe(2);
  });

  test("is 2 without a key, whatever the file is, and says what is missing", async ({ expect }) => {
    for (const path of Object.values(file)) {
      const { code, stdout } = await loopgrid(["verify", path]);
      expect([path, code]).toEqual([path, 2]);
      expect(stdout).toMatch(/^UNPROVEN /);
      expect(stdout).toContain("no key was given");
      expect(stdout).not.toContain("VERIFIED");
    }
  });

  test("is 1 by a key that did not sign, 0 when the right one is among several or given twice", async ({
    expect,
  }) => {
    const stranger = strangersKey("loopgrid.local/main");
    expect(await codesOf("--key", stranger)).toEqual([1, 1, 1, 1, 1]);
    expect(await codeOf(file.whole, "-k", stranger, "-k", foreign.vkey, "-k", key)).toBe(0);
    expect(await codeOf(file.whole, "--key", key, "--key", key)).toBe(0);
  });

  test.for([
    ["a malformed key", ["whole.ndjson", "--key", "loopgrid.local/main+00000000+AAAA"]],
    ["no file", []],
    ["two files", ["whole.ndjson", "range.ndjson"]],
    ["an unknown option", ["whole.ndjson", "--trust-me"]],
    ["a leaf hash that is none", ["p.txt", "--leaf-hash", "00"]],
    ["a missing file", ["nowhere.ndjson"]],
    ["a missing checkpoint file", ["whole.ndjson", "--checkpoint", "nowhere.txt"]],
    ["a missing entry file", ["p.txt", "--entry", "nowhere.bin"]],
    ["a folder", ["."]],
    ["an address that is none", ["whole.ndjson", "--server", "no url at all"]],
  ] as const)(
    "of %s is 2, with a word on stderr and none on stdout",
    async ([, args], { expect }) => {
      const paths = args.map((arg) => (/^[\w.]+$/.test(arg) && arg !== "00" ? at(arg) : arg));
      const { code, stdout, stderr } = await loopgrid(["verify", ...paths]);
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/\w/);
      expect(stderr).not.toMatch(/^\s+at /m); // no stack: it is the caller's mistake
    },
  );

  test("of help and version is 0, of an unknown command 2", async ({ expect }) => {
    const help = await loopgrid(["verify", "--help"]);
    expect([help.code, help.stdout]).toEqual([0, expect.stringContaining("--checkpoint")]);
    expect((await loopgrid(["--version"])).code).toBe(0);
    expect((await loopgrid(["prove"])).code).toBe(2);
  });
});

function at(name: string): string {
  return name === "." ? folder.path : `${folder.path}/${name}`;
}

describe("a file that is not whole", () => {
  test("cut anywhere is never verified; behind a whole line it is incomplete", async ({
    expect,
  }) => {
    const lines = whole.split("\n").slice(0, -1);
    for (const kept of [0, 1, 4, lines.length - 1]) {
      const cut = lines.slice(0, kept).map((line) => `${line}\n`);
      const { code, findings, unproven } = await verify(folder.write("cut.ndjson", cut.join("")));
      expect([kept, code, findings]).toEqual([kept, 2, []]);
      expect(unproven.length).toBeGreaterThan(0);
    }
    const half = folder.write("half.ndjson", whole.slice(0, -100));
    expect(await verify(half)).toMatchObject({ code: 2, findings: [] });
  });

  test.for([
    ["empty", ""],
    ["a line feed", "\n"],
    ["text", "hello\n"],
    ["JSON of something else", '{"decisions":[]}'],
    ["a list", "[1,2,3]"],
    ["UTF-16", Buffer.from("\ufeffhello", "utf16le")],
    ["binary", Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919) % 256))],
    ["a first line that goes on as binary", Buffer.from([...Buffer.from('{"edge":'), 0xff, 0xfe])],
  ] as const)("%s is not verified", async ([, content], { expect }) => {
    const { code, status } = await verify(folder.write("odd", content));
    expect(["unproven", "tampered"]).toContain(status);
    expect(code).toBe(status === "unproven" ? 2 : 1);
  });

  test(
    "a single huge line is refused in bounded memory",
    { timeout: 60_000 },
    async ({ expect }) => {
      const huge = Buffer.alloc(40 * 1024 * 1024, 0x61);
      huge.write('{"edge":"');
      const { code, stdout, stderr } = await loopgrid(
        ["verify", folder.write("huge.ndjson", huge), "--key", key],
        { NODE_OPTIONS: "--max-old-space-size=64" },
      );
      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toMatch(/a line of more than \d+ octets/);
    },
  );

  test("CRLF, a byte order mark, spaces and a blank line are changes", async ({ expect }) => {
    for (const text of [
      whole.replaceAll("\n", "\r\n"),
      `\ufeff${whole}`,
      whole.replaceAll('":', '": '),
      whole.replace("\n", "\n\n"),
      `${whole}\n`,
    ]) {
      expect((await verify(folder.write("spelled.ndjson", text))).code).not.toBe(0);
    }
  });
});

/** The whole export with one line of it changed. */
function edited(line: number, from: string, to: string): string {
  const lines = whole.split("\n");
  return lines.with(line, (lines[line] ?? "").replace(from, to)).join("\n");
}

describe("what was changed is named with its index", () => {
  test("in an export: content, header, order, a missing entry", async ({ expect }) => {
    const lines = whole.split("\n");
    const [a = "", b = ""] = [lines[2], lines[3]];
    for (const [text, index, fault] of [
      [edited(2, "charged twice", "charged once"), 1, "content_mismatch"],
      [edited(2, "anonymous", "somebody"), 1, "chain_broken"],
      [lines.toSpliced(2, 2, b, a).join("\n"), 1, "index_gap"],
      [lines.toSpliced(2, 1).join("\n"), 1, "index_gap"],
      [lines.toSpliced(6, 1).join("\n"), null, "truncated"],
    ] as const) {
      const verdict = await verify(folder.write("changed.ndjson", text));
      expect(verdict.code).toBe(1);
      expect(verdict.findings).toContainEqual(expect.objectContaining({ index, fault }));
    }
  });

  test("in words for people", async ({ expect }) => {
    const path = folder.write("words.ndjson", edited(2, "charged twice", "charged once"));
    const { code, stdout } = await loopgrid(["verify", path, "--key", key]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^TAMPERED /);
    expect(stdout).toMatch(/content_mismatch at entry 1: input commits to [0-9a-f]{64}/);
    expect(stdout).toContain("the header says");
  });
});

describe("--json", () => {
  test("has one shape for every kind of file", async ({ expect }) => {
    const members = [
      "entries",
      "erased",
      "file",
      "findings",
      "format",
      "limits",
      "origin",
      "root_hash",
      "size",
      "status",
      "unproven",
    ];
    const paths = [...Object.values(file), folder.write("none", "none")];
    for (const path of paths) {
      const { stdout, stderr } = await loopgrid(["verify", path, "--key", key, "--json"]);
      expect(Object.keys(JSON.parse(stdout)).toSorted()).toEqual(members);
      expect(stderr).toBe("");
    }
    const { stdout } = await loopgrid(["verify", file.whole, "--key", key, "--json"]);
    expect(JSON.parse(stdout)).toEqual({
      file: file.whole,
      status: "verified",
      format: "loopgrid-ledger/1",
      origin: "loopgrid.local/main",
      size: 6,
      root_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      entries: 6,
      erased: 1,
      findings: [],
      unproven: [],
      limits: [expect.any(String)],
    });
  });

  test("names findings as the server does", async ({ expect }) => {
    const path = folder.write("j.ndjson", whole.replace("charged twice", "charged once"));
    const { findings } = await verify(path);
    expect(findings).toEqual([
      {
        index: 1,
        decision_id: expect.stringMatching(/^dec_/),
        fault: "content_mismatch",
        message: expect.stringMatching(/\w/),
      },
    ]);
  });
});

describe("--checkpoint", () => {
  test("of any size that the ledger had: an export shows it offline", async ({ expect }) => {
    for (const size of [1, 3, 6]) {
      const kept = folder.write("kept.txt", note(size));
      expect([size, (await verify(file.whole, "--checkpoint", kept)).code]).toEqual([size, 0]);
    }
  });

  test("outside of what the file shows is unproven, and verified with the server", async ({
    expect,
  }) => {
    const kept = folder.write("kept.txt", note(1));
    for (const path of [file.range, file.evidence, file.proof, file.checkpoint]) {
      const { code, unproven } = await verify(path, "--checkpoint", kept);
      expect([path, code, unproven.join()]).toEqual([path, 2, expect.stringContaining("--server")]);
      const { code: shown } = await verify(path, "-c", kept, "-s", served.server.url);
      expect([path, shown]).toEqual([path, 0]);
    }
  });

  test("of another history with the same key is tampered, in the file or by the server", async ({
    expect,
  }) => {
    // Two servers with one key would be needed for a signed lie; a lying proof does as well.
    const kept = folder.write("kept.txt", note(3));
    const { code, findings } = await verify(
      file.evidence,
      "--checkpoint",
      kept,
      "--server",
      liar.tell(note(6), { proof: ["00".repeat(32)] }).url,
    );
    expect([code, findings[0]?.fault]).toEqual([1, "rolled_back"]);
  });

  test("of another ledger or of nobody proves nothing", async ({ expect }) => {
    const kept = folder.write("kept.txt", foreign.note);
    const { code, unproven } = await verify(file.whole, "-c", kept, "-k", foreign.vkey);
    expect([code, unproven.join()]).toEqual([2, expect.stringContaining("another ledger")]);
    const forged = folder.write("kept.txt", note(3).replace("\n3\n", "\n4\n"));
    expect((await verify(file.whole, "-c", forged)).code).toBe(1);
    expect((await verify(file.whole, "-c", folder.write("kept.txt", "?"))).code).not.toBe(0);
  });
});

describe("--server", () => {
  test("with what it signs now, as it is and after it grew", async ({ expect }) => {
    const { url } = served.server;
    expect(await codesOf("--key", key, "--server", `${url}/`)).toEqual([0, 0, 0, 0, 0]);
    await acknowledged(url, "/v1/decisions", CREATE);
    expect(await codesOf("--key", key, "--server", url)).toEqual([0, 0, 0, 0, 0]);
  });

  test("that cannot be reached, or answers nonsense, leaves the file unproven", async ({
    expect,
  }) => {
    const nowhere = `http://localhost:${await freePort()}`;
    for (const url of [nowhere, `${liar.url}/nothing/here`]) {
      const { code, findings, unproven } = await verify(file.whole, "--server", url);
      expect([url, code, findings]).toEqual([url, 2, []]);
      expect(unproven.join()).toContain("gave no checkpoint");
    }
    const older = folder.write("older.txt", note(3));
    for (const proof of [{}, { proof: "none" }, { proof: ["zz"] }]) {
      const { code } = await verify(older, "--server", liar.tell(note(6), proof).url);
      expect([proof, code]).toEqual([proof, 2]);
    }
  });

  test("that signs fewer entries than the file, or than a kept checkpoint, went back", async ({
    expect,
  }) => {
    const { url } = liar.tell(note(3), { proof: [] });
    const { code, findings } = await verify(file.whole, "--server", url);
    expect([code, findings[0]?.fault]).toEqual([1, "rolled_back"]);
    const older = folder.write("older.txt", note(3));
    const kept = folder.write("kept.txt", note(6));
    const both = await verify(older, "--checkpoint", kept, "--server", url);
    expect(both.code).toBe(1);
    expect(both.findings).toContainEqual(expect.objectContaining({ fault: "rolled_back" }));
  });

  test("that signs with another key, or another size's proof, is tampered", async ({ expect }) => {
    const { code, findings } = await verify(
      file.whole,
      "--server",
      liar.tell(foreign.note, { proof: [] }).url,
    );
    expect([code, findings[0]?.fault]).toEqual([1, "signature_invalid"]);
    const older = folder.write("older.txt", note(3));
    const wrong: unknown = JSON.parse(
      await getText(served.server.url, "/v1/ledger/proof/consistency?from=2&to=6"),
    );
    expect((await verify(older, "--server", liar.tell(note(6), wrong).url)).code).toBe(1);
  });

  test("of another ledger is no witness", async ({ expect }) => {
    const { url } = liar.tell(foreign.note, { proof: [] });
    const { code, unproven } = await verify(file.whole, "-s", url, "-k", foreign.vkey);
    expect([code, unproven.join()]).toEqual([2, expect.stringContaining("another ledger")]);
  });
});

describe("another log's files", () => {
  test("a signed note is verified by its own key only", async ({ expect }) => {
    const path = folder.write("foreign.txt", foreign.note);
    expect(await codeOf(path, "--key", foreign.vkey)).toBe(0);
    expect(await codeOf(path, "--key", key)).toBe(1);
    expect(await codeOf(path)).toBe(2);
  });

  test("a tlog-proof is verified with its entry, or its leaf hash; without either unproven", async ({
    expect,
  }) => {
    const path = folder.write("foreign.tlog-proof", foreign.proof);
    const entry = folder.write("entry.bin", foreign.entry);
    const other = folder.write("other.bin", "another entry");
    const trusted = ["--key", foreign.vkey];
    expect(await codeOf(path, ...trusted, "--entry", entry)).toBe(0);
    expect(await codeOf(path, ...trusted, "--leaf-hash", foreign.leafHash)).toBe(0);
    expect(await codeOf(path, ...trusted)).toBe(2);
    expect(await codeOf(path, ...trusted, "--entry", other)).toBe(1);
    expect(await codeOf(path, ...trusted, "--leaf-hash", "00".repeat(32))).toBe(1);
    expect(await codeOf(path, "--key", key, "--entry", entry)).toBe(1);
    expect(await codeOf(path, "--entry", entry)).toBe(2);
  });
});

describe("colours", () => {
  /** Of the word "VERIFIED": green, bold. Taking a progress bar away is another sequence. */
  const escape = "\u001B[32m";

  test("are not written into a pipe", async ({ expect }) => {
    expect((await loopgrid(["verify", file.whole, "--key", key])).stdout).not.toContain(escape);
  });

  test.skipIf(!python)(
    "are for terminals, and never where NO_COLOR is set (skipped without python3)",
    async ({ expect }) => {
      const args = ["verify", file.whole, "--key", key];
      const coloured = await loopgridOnTerminal(args);
      expect([coloured.code, coloured.stdout]).toEqual([0, expect.stringContaining(escape)]);
      const plain = await loopgridOnTerminal(args, { NO_COLOR: "1" });
      expect([plain.code, plain.stdout]).toEqual([0, expect.stringContaining("VERIFIED  ")]);
      for (const style of [escape, "\u001B[1m", "\u001B[2m"])
        expect(plain.stdout).not.toContain(style);
    },
  );
});

// Last: it adds an entry, and the others count six.
describe("an issued report", () => {
  test("verifies offline; a changed number, hash or place shows; a preview proves nothing", async ({
    expect,
  }) => {
    const { url } = served.server;
    const preview = await getText(url, "/v1/compliance/report");
    const id = textIn(await acknowledged(url, "/v1/compliance/reports", {}), "report_id");
    const issued = await getText(url, `/v1/compliance/reports/${id}`);
    const trusted = [parseVerifierKey(key)].filter((known) => known !== undefined);
    const said = async (text: string, keys = trusted): Promise<string> =>
      (await verifyReport(reportIn(text) ?? {}, keys)).status;
    expect(await said(issued)).toBe("verified");
    expect(await said(issued, [])).toBe("unproven");
    expect(await said(preview)).toBe("unproven");
    const changed = [
      issued.replace(/"total":\d+/, '"total":9999'),
      issued.replace("evidence_missing", "evidence_present"),
      issued.replace(/"report_hash":"[0-9a-f]{8}/, '"report_hash":"00000000'),
      issued.replace('"kind\\":\\"report_issued', '"kind\\":\\"report_faked'),
      issued.replace(
        id,
        id.replace(/.$/, (last) => (last === "0" ? "1" : "0")),
      ),
    ];
    expect(changed.filter((text) => text === issued)).toEqual([]);
    for (const text of changed) expect(await said(text)).toBe("tampered");
    const { issued: place, ...rest }: { issued: object } = JSON.parse(issued);
    const placed = (more: object): string =>
      JSON.stringify({ ...rest, issued: { ...place, ...more } });
    expect(await said(placed({}))).toBe("verified");
    expect(await said(placed({ chain_hash: "00".repeat(32) }))).toBe("tampered");
    expect(await said(placed({ approved_by: "an authority" }))).toBe("unproven");
    const table = await loopgrid(["verify", folder.write("report.json", issued), "--key", key]);
    expect([table.code, table.stdout]).toEqual([0, expect.stringContaining("loopgrid-report/1.0")]);
  });
});
