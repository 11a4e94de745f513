/**
 * A second verifier, in Python's standard library alone and without a line of ours
 * (test/support/verify.py), over files that the real server made: it verifies them, it refuses them
 * changed, and `loopgrid verify` says the same.
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import { acknowledged, getText, seeded } from "../support/clients.ts";
import { serveThisFile } from "../support/conformance.ts";
import {
  Folder,
  hasPython,
  loopgrid,
  pythonVerify,
  strangersKey,
} from "../support/verify-process.ts";

const served = serveThisFile();
const folder = new Folder();
const python = await hasPython();

/** As JSON text: numbers that languages spell differently, characters that sort or escape oddly. */
const AWKWARD = String.raw`{
  "numbers": [1e21, 1E+21, 1.2345678901234568E20, 1e-7, 0.000001, -0, -0.0, 0.1, 1.0, 100, 5e-324,
    1.7976931348623157e308, 2.2250738585072014e-308, 9007199254740991, -9007199254740991, 4.50,
    0.30000000000000004, 333333333.3333333, 1e23, 9.999999999999999e22, 1e-6, 123e-20],
  "\u20ac": "Euro", "\ud83d\ude00": "sorts before", "\ufb33": "this", "\r": "control", "1": "one",
  "\u0080": "\u0000\u001f\u007f\u0080\u2028\u2029\"\\\/\b\t\n\f\r", "": [[], {}, null, true, false],
  "long": "${"\u00e9\ud83d\ude00".repeat(500)}"
}`;

interface File {
  readonly name: string;
  readonly path: string;
  readonly octets: Uint8Array;
}

let files: readonly File[];
let key = "";

/** Sends JSON text as it is: JSON.stringify would spell its numbers its own way. */
async function record(body: string, idempotencyKey: string): Promise<string> {
  const headers = { "Content-Type": "application/json", "Idempotency-Key": idempotencyKey };
  const url = `${served.server.url}/v1/decisions`;
  const response = await fetch(url, { method: "POST", headers, body });
  if (!response.ok) throw new Error(await response.text());
  const { decision_id }: { decision_id: string } = await response.json();
  return decision_id;
}

function decision(input: string): string {
  const model = '{"provider":"openai","name":"gpt-4"}';
  return `{"service_name":"support \u00e9","decision_type":"reply","input":${input},"model":${model},"output":${AWKWARD}}`;
}

beforeAll(async () => {
  const { url } = served.server;
  const wholeId = await record(decision(AWKWARD), "a-key");
  const decision_id = await record(decision('{"name":"Jane Doe"}'), "another-key");
  const path = `/v1/decisions/${decision_id}`;
  await acknowledged(url, `${path}/incorrect`, { reason: "Jane Doe complained" }, "k");
  await acknowledged(url, `${path}/correction`, {
    correction: { response: "\u00e9" },
    corrected_by: "jane",
  });
  await acknowledged(url, "/v1/replays", {
    decision_id,
    overrides: { prompt: { template: "v2" } },
  });
  // Before any erasure: the largest inputs of all.
  const early = await getText(url, "/v1/export/ledger");
  // One field goes, and with it the request's hash; the awkward output beside it stays as it is.
  await acknowledged(url, `${path}/erasure`, { fields: ["input"], reason_code: "gdpr_article_17" });
  const batch = Array.from({ length: 260 }, (_, n) => JSON.parse(decision(`{"n":${n}}`)));
  for (const one of batch) one.output = { short: 1e-7 };
  await acknowledged(url, "/v1/decisions/batch", { decisions: batch }, "batch");
  await acknowledged(url, `${path}/erasure`, { reason_code: "gdpr_article_17", request_id: "R-1" });
  await record(decision("{}"), "the-last-one");

  const { verifier_keys }: { verifier_keys: string[] } = JSON.parse(
    await getText(url, "/v1/ledger"),
  );
  key = verifier_keys[0] ?? "";
  const texts: readonly (readonly [string, string])[] = [
    ["early.ndjson", early],
    ["whole.ndjson", await getText(url, "/v1/export/ledger")],
    ["begin.ndjson", await getText(url, "/v1/export/ledger?to=4")],
    ["middle.ndjson", await getText(url, "/v1/export/ledger?from=3&to=9")],
    ["tile.ndjson", await getText(url, "/v1/export/ledger?from=255&to=257")],
    ["end.ndjson", await getText(url, "/v1/export/ledger?from=264")],
    ["story.json", await getText(url, `${path}/evidence`)],
    ["whole.json", await getText(url, `/v1/decisions/${wholeId}/evidence`)],
  ];
  files = texts.map(([name, text]) => {
    const octets = new TextEncoder().encode(text);
    return { name, path: folder.write(name, octets), octets };
  });
});

afterAll(() => {
  folder.remove();
});

/** Both verdicts on a file: exit codes, and what they counted. */
async function verdicts(path: string, ...more: string[]) {
  const [ours, theirs] = await Promise.all([
    loopgrid(["verify", path, ...more, "--json"]),
    pythonVerify([path, ...more]),
  ]);
  const counts = [ours, theirs].map(({ stdout }) => {
    const { status, entries, erased }: Record<string, unknown> = JSON.parse(stdout);
    return { status, entries, erased };
  });
  return { codes: [ours.code, theirs.code], counts };
}

describe.skipIf(!python)("the Python verifier (skipped without python3)", () => {
  test("verifies every file the server made, and counts what loopgrid verify counts", async ({
    expect,
  }) => {
    for (const { name, path } of files) {
      const { codes, counts } = await verdicts(path, "--key", key);
      expect([name, codes]).toEqual([name, [0, 0]]);
      expect(counts[0]).toEqual(counts[1]);
    }
    const [early, whole] = await Promise.all(
      ["early.ndjson", "whole.ndjson"].map((name) =>
        pythonVerify([pathOf(name), "--key", key]).then(({ stdout }) => JSON.parse(stdout)),
      ),
    );
    expect([early.erased, whole.erased > 5, whole.entries]).toEqual([0, true, 268]);
  });

  test("says unproven without a key, without its last line, and tampered by another key", async ({
    expect,
  }) => {
    const { url } = served.server;
    const another = strangersKey("loopgrid.local/main");
    const text = await getText(url, "/v1/export/ledger");
    const cut = folder.write("cut.ndjson", text.slice(0, text.lastIndexOf("\n{") + 1));
    const half = folder.write("half.ndjson", text.slice(0, -30));
    for (const [path, code, ...more] of [
      [pathOf("whole.ndjson"), 2],
      [pathOf("story.json"), 2],
      [cut, 2, "--key", key],
      [half, 2, "--key", key],
      [pathOf("whole.ndjson"), 1, "--key", another],
      [pathOf("story.json"), 1, "--key", another],
    ] as const) {
      const { codes } = await verdicts(path, ...more);
      expect([path, codes]).toEqual([path, [code, code]]);
    }
  });

  test(
    "refuses a bit flipped anywhere, as loopgrid verify does",
    { timeout: 120_000 },
    async ({ expect }) => {
      const below = seeded(1);
      const unseen: string[] = [];
      for (const name of ["story.json", "middle.ndjson", "early.ndjson"]) {
        const { octets } = fileOf(name);
        for (let n = 0; n < 8; n++) {
          const [at, bit] = [below(octets.length), below(8)];
          const flipped = octets.slice();
          flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
          const path = folder.write(`flipped-${name}`, flipped);
          const [ours, theirs] = await Promise.all([
            loopgrid(["verify", path, "--key", key]),
            pythonVerify([path, "--key", key]),
          ]);
          for (const [who, { code }] of [
            ["loopgrid", ours],
            ["python", theirs],
          ] as const)
            if (code !== 1 && code !== 2)
              unseen.push(`${who}: bit ${bit} of octet ${at} of ${name}`);
        }
      }
      expect(unseen).toEqual([]);
    },
  );

  test("refuses whole lines dropped, doubled, swapped and edited in canonical form", async ({
    expect,
  }) => {
    const lines = new TextDecoder().decode(fileOf("middle.ndjson").octets).split("\n").slice(0, -1);
    const [a = "", b = ""] = [lines[2], lines[3]];
    const edits: Readonly<Record<string, readonly string[]>> = {
      dropped: lines.toSpliced(2, 1),
      doubled: lines.toSpliced(2, 0, a),
      swapped: lines.toSpliced(2, 2, b, a),
      "without erasures": lines.map((line) =>
        line.replace(/"erasures":\[.*\],"proof"/, '"erasures":[],"proof"'),
      ),
      "another value": lines.map((line) => line.replace('"short":1e-7', '"short":2e-7')),
      "another number form": lines.map((line) => line.replace('"short":1e-7', '"short":0.0000001')),
      "another origin": lines.map((line) =>
        line.replaceAll("loopgrid.local/main", "loopgrid.local/mein"),
      ),
    };
    for (const [name, edited] of Object.entries(edits)) {
      expect([name, edited]).not.toEqual([name, lines]);
      const path = folder.write("edited.ndjson", edited.map((line) => `${line}\n`).join(""));
      const { codes } = await verdicts(path, "--key", key);
      expect([name, codes]).toEqual([name, name === "without erasures" ? [2, 2] : [1, 1]]);
    }
  });
});

function fileOf(name: string): File {
  const file = files.find((one) => one.name === name);
  if (file === undefined) throw new Error(`no ${name}`);
  return file;
}

function pathOf(name: string): string {
  return fileOf(name).path;
}
