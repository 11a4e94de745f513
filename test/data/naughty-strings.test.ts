/**
 * The big list of naughty strings in every place where a client may put text: what is accepted comes
 * back equal from everywhere, what is shown as HTML or CSV is escaped, and nothing is a 5xx (the
 * client throws on one). The list is outside the repository: in LOOPGRID_DATA, by default
 * ../shared/data.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, test } from "vitest";
import { Api, sameJson, type ProblemBody, type Recorded } from "../support/api.ts";
import { auditOverHttp } from "../support/independent-audit.ts";
import { startServer, type TestServer } from "../support/server.ts";
import type { Decision } from "../../src/ledger/schema.ts";
import type { Replay } from "../../src/replay/schema.ts";

const data =
  process.env["LOOPGRID_DATA"] ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const file = join(data, "robustness/big-list-of-naughty-strings/blns.json");
const missing = !existsSync(file);
const NAUGHTY: readonly string[] = missing ? [] : JSON.parse(readFileSync(file, "utf8"));

/** Enough to keep two cores busy. */
const CLIENTS = 8;

async function forEachString(
  visit: (text: string, position: number) => Promise<void>,
): Promise<void> {
  const queue = NAUGHTY.entries();
  const client = async () => {
    for (const [position, text] of queue) await visit(text, position);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}

/** Everything with the text in it, as a value and as a key, at the top and deeper. */
function everywhere(text: string) {
  const object = { [text]: text, nested: [{ [text]: [text] }] };
  return {
    service_name: text,
    decision_type: text,
    input: object,
    model: { provider: text, name: text, [text || "empty"]: text },
    output: object,
    prompt: object,
    tool_calls: [object, { name: text, arguments: object }],
    metadata: object,
  };
}

function tagsOf(page: string): string[] {
  return page.match(/<[^>]*>/g) ?? [];
}

function escapedHtml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  const cells = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  while (cells.lastIndex < text.length) {
    const at = cells.lastIndex;
    const match = cells.exec(text);
    if (match === null) throw new Error(`not CSV: ${JSON.stringify(text.slice(at, at + 80))}`);
    row.push(match[1]?.replaceAll('""', '"') ?? match[2] ?? "");
    if (match[3] === "\r\n") {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

describe.skipIf(missing)(
  `naughty strings${missing ? " (skipped: they are not in LOOPGRID_DATA)" : ""}`,
  () => {
    let server: TestServer;
    let api: Api;
    const recorded = new Map<number, Recorded>();

    beforeAll(async () => {
      server = await startServer();
      api = await Api.open(server.url);
    });
    afterAll(() => server.stop());

    test("there are some", ({ expect }) => {
      expect(NAUGHTY.length).toBeGreaterThan(500);
    });

    test("the HTML report shows them and nothing else changes", async ({ expect }) => {
      const path = "/v1/compliance/report/html?service_name=";
      const expected = tagsOf((await api.get(`${path}plain`)).text);
      await forEachString(async (text) => {
        const page = (await api.get(path + encodeURIComponent(text))).text;
        if (text === "") return;
        expect(page).toContain(`<strong>${escapedHtml(text)}</strong>`);
        expect(tagsOf(page), text).toEqual(expected);
      });
    });

    test("an id that is one is not found, and the answer says which", async ({ expect }) => {
      await forEachString(async (text) => {
        const id = encodeURIComponent(text);
        const { status, body } = await api.get<ProblemBody>(`/v1/replays/${id}`);
        expect(status, text).toBe(404);
        // A path of dots is resolved before it is sent.
        if (!["", ".", ".."].includes(text)) expect(body.detail).toBe(`Replay ${text} not found`);
        for (const path of [`/v1/decisions/${id}/history`, `/v1/decisions/${id}/compare/${id}`])
          expect((await api.get(path)).status, text).toBe(404);
        const replayed = await api.post<ProblemBody>("/v1/replays", { decision_id: text });
        expect(replayed.status).toBe(404);
        expect(replayed.body.detail).toBe(`Decision ${text} not found`);
      });
    });

    test("a decision keeps them in every place", async ({ expect }) => {
      await forEachString(async (text, position) => {
        const sent = everywhere(text);
        const decision = await api.record(sent);
        recorded.set(position, decision);
        const { receipt: _, ...plain } = decision;
        for (const [member, value] of Object.entries(sent))
          expect(sameJson(Object.entries(plain).find(([key]) => key === member)?.[1], value)).toBe(
            true,
          );
        const { body } = await api.get(`/v1/decisions/${plain.decision_id}`);
        expect(sameJson(body, plain), text).toBe(true);
      });
    });

    test("flags, corrections and replays keep them", async ({ expect }) => {
      await forEachString(async (text, position) => {
        const id = recorded.get(position)?.decision_id;
        const object = { [text]: text, nested: [{ [text]: [text] }] };
        const flag = { reason: text };
        const correction = { correction: object, corrected_by: text, notes: text };
        const overrides = { input: object, model: { name: text }, prompt: object, [text]: text };
        await api.post(`/v1/decisions/${id}/incorrect`, flag);
        const { body } = await api.post<Recorded>(`/v1/decisions/${id}/correction`, correction);
        expect(body.incorrect_reason).toBe(text);
        const { output, corrected_by, notes } = body.correction ?? {};
        expect(sameJson({ correction: output, corrected_by, notes }, correction), text).toBe(true);
        // A string may be the name of a member that has to be an object.
        if (["input", "model", "prompt"].includes(text)) return;
        const replay = { decision_id: id, overrides, triggered_by: text };
        const { status, body: replayed } = await api.post<Replay>("/v1/replays", replay);
        expect(status, text).toBe(200);
        const { body: read } = await api.get<Replay>(`/v1/replays/${replayed.replay_id}`);
        expect(read.triggered_by).toBe(text);
        expect(sameJson(read.overrides, overrides), text).toBe(true);
      });
    });

    test("every filter finds exactly what it names", async ({ expect }) => {
      await forEachString(async (text, position) => {
        if (text === "") return;
        const value = encodeURIComponent(text);
        const same = NAUGHTY.filter((other) => other === text).length;
        for (const name of ["service_name", "decision_type", "model_provider", "model_name"]) {
          const path = `/v1/decisions?page_size=100&${name}=${value}`;
          const { body } = await api.get<{ decisions: readonly Decision[]; total: number }>(path);
          expect(body.total, `${name} ${text}`).toBe(same);
          const ids = body.decisions.map(({ decision_id }) => decision_id);
          expect(ids).toContain(recorded.get(position)?.decision_id);
        }
        const unknown = await api.get(`/v1/decisions?status=${value}`);
        expect(unknown.body).toMatchObject({ total: 0 });
      });
    });

    test("the CSV export is well-formed and holds no formula", async ({ expect }) => {
      const [header = [], ...rows] = parseCsv(
        (await api.get("/v1/export/decisions?format=csv")).text,
      );
      expect(rows).toHaveLength(NAUGHTY.length);
      const column = header.indexOf("service_name");
      const byId = new Map(rows.map((row) => [row[0], row]));
      for (const [position, text] of NAUGHTY.entries()) {
        const cells = byId.get(recorded.get(position)?.decision_id);
        expect(cells).toHaveLength(header.length);
        const shown = cells?.[column] ?? "";
        expect([text, `'${text}`]).toContain(shown);
        expect(shown).not.toMatch(/^\s*[=+\-@]|^[\t\r]/);
      }
    });

    test(
      "report and verification take each as a service",
      { timeout: 600_000 },
      async ({ expect }) => {
        // Each verifies the whole ledger: a sample.
        for (const text of NAUGHTY.filter((candidate, i) => candidate !== "" && i % 50 === 0)) {
          const query = `?service_name=${encodeURIComponent(text)}`;
          const report = await api.get(`/v1/compliance/report${query}`);
          expect(report.body).toMatchObject({ service_filter: text, summary: { corrected: 1 } });
          const verdict = await api.get(`/v1/integrity/verify${query}`);
          expect(verdict.body).toMatchObject({ valid: true, service_filter: text, total: 1 });
        }
      },
    );

    test("afterwards the ledger verifies", async ({ expect }) => {
      const { ledger } = await auditOverHttp(server.url, expect);
      expect(ledger.entries.length).toBeGreaterThan(4 * NAUGHTY.length - 10);
    });
  },
);
