/** Bounds at the door (DESIGN §3): what is inside is kept whole, what is outside leaves no trace. */
import { env } from "cloudflare:workers";
import { beforeEach, describe, test } from "vitest";
import { recompute } from "./support/audit.ts";
import { decision, get, post, send, verify, type AnswerBody } from "./support/client.ts";
import { startAnew } from "./support/database.ts";

const MIB = 1024 * 1024;

beforeEach(startAnew);

/** A decision whose content has exactly so many octets in canonical form. */
function sized(octets: number, filler = "x"): object {
  const fields = { input: { text: "" }, model: {}, output: {} };
  const empty = `{"text":""}{}{}`.length;
  const one = new TextEncoder().encode(JSON.stringify(filler)).length - 2;
  const count = Math.floor((octets - empty) / one);
  const rest = "x".repeat(octets - empty - count * one);
  const text = filler.repeat(count) + rest;
  return { service_name: "s", decision_type: "t", ...fields, input: { text } };
}

async function isEmpty(): Promise<boolean> {
  return (await env.DB.prepare("SELECT count(*) AS n FROM entry").first<number>("n")) === 0;
}

async function faults(): Promise<readonly unknown[]> {
  const { valid, complete, findings } = await verify();
  return [...(await recompute()).problems, ...findings, ...(valid && complete ? [] : ["unproven"])];
}

const FILLERS = {
  "plain text": "x",
  quotes: '"',
  "control characters": "\u0001",
  "escapes and characters of every length": '"\\\n\u0000/é語🙂',
};

describe.each(Object.entries(FILLERS))("content of %s", (_, filler) => {
  test("is kept at exactly 1 MiB, and refused one octet above", async ({ expect }) => {
    const over = await post("/v1/decisions", sized(MIB + 1, filler));
    expect([over.status, over.body.detail]).toEqual([413, expect.stringContaining("1048577")]);
    expect(await isEmpty()).toBe(true);
    const create = sized(MIB, filler);
    const at = await post("/v1/decisions", create);
    expect(at.status, at.body.detail).toBe(200);
    expect(await get(`/v1/decisions/${at.body.decision_id}`)).toMatchObject(create);
    expect(await faults()).toEqual([]);
  });
});

test("corrections, flags and replays have the same bound", async ({ expect }) => {
  const { body } = await post("/v1/decisions", decision("small"));
  const text = "x".repeat(MIB);
  const about = `/v1/decisions/${body.decision_id}`;
  const tooLarge = await Promise.all([
    post(`${about}/incorrect`, { reason: text }),
    post(`${about}/correction`, { correction: { text }, corrected_by: "jane" }),
    post("/v1/replays", { decision_id: body.decision_id, overrides: { input: { text } } }),
  ]);
  expect(tooLarge.map(({ status }) => status)).toEqual([413, 413, 413]);
  expect((await verify()).size).toBe(1);
});

describe("a batch", () => {
  test("of 15 MiB in large decisions is one commit", { timeout: 60_000 }, async ({ expect }) => {
    const decisions = Array.from({ length: 15 }, () => sized(MIB - 200)); // room for the key
    const { status, body } = await post("/v1/decisions/batch", { decisions }, "large");
    expect(status, body.detail).toBe(200);
    expect(body.decisions?.map(({ index }) => index)).toEqual(decisions.map((_, i) => i));
    expect(await verify()).toMatchObject({ valid: true, complete: true, size: 15 });
  });

  test("is refused whole when one of it is too large, and says which", async ({ expect }) => {
    const decisions = [decision(0), sized(MIB + 1), decision(2)];
    const { status, body } = await post("/v1/decisions/batch", { decisions });
    expect([status, body.detail]).toEqual([413, expect.stringMatching(/^decisions\[1\]: /)]);
    expect(await isEmpty()).toBe(true);
  });

  test("holds 1000 decisions, not 1001, and not none", async ({ expect }) => {
    const decisions = Array.from({ length: 1001 }, (_, i) => decision(i));
    const over = await post("/v1/decisions/batch", { decisions });
    const none = await post("/v1/decisions/batch", { decisions: [] });
    expect([over.status, none.status]).toEqual([422, 422]);
    expect(await isEmpty()).toBe(true);
    const { status, body } = await post("/v1/decisions/batch", { decisions: decisions.slice(1) });
    expect([status, body.decisions?.length]).toEqual([200, 1000]);
    expect(await faults()).toEqual([]);
  });
});

test("a list of 100 large decisions streams, and so does its export", async ({ expect }) => {
  // More than one chunk of 8 MiB, see http/decision-pages.ts.
  const decisions = Array.from({ length: 100 }, () => sized(MIB / 10));
  expect((await post("/v1/decisions/batch", { decisions })).status).toBe(200);
  const list = await get<AnswerBody>("/v1/decisions?page_size=100");
  expect([list.total, list.decisions?.length]).toEqual([100, 100]);
  const exported = await get<AnswerBody>("/v1/export/decisions");
  expect([exported.total, exported.decisions?.length]).toEqual([100, 100]);
});

describe("a request above 16 MiB is refused before it is parsed", () => {
  const headers = { "Content-Type": "application/json" };
  const body = `{"decisions":[${" ".repeat(16 * MIB)}]}`;

  test("when it says so itself", async ({ expect }) => {
    const { status } = await send("/v1/decisions/batch", { method: "POST", headers, body });
    expect(status).toBe(413);
    expect(await isEmpty()).toBe(true);
  });

  test("when nobody says how long it is", async ({ expect }) => {
    let sent = 0;
    const chunk = new Uint8Array(MIB).fill(0x20);
    const long = new ReadableStream({
      pull(controller) {
        sent++;
        if (sent < 64) controller.enqueue(chunk);
        else controller.close();
      },
    });
    const { status } = await send("/v1/decisions", { method: "POST", headers, body: long });
    expect(status).toBe(413);
    expect(sent).toBeLessThan(24); // nobody reads on
    expect(await isEmpty()).toBe(true);
  });
});

test("names of 1024 characters are kept, in whatever script, and of 1025 refused", async ({
  expect,
}) => {
  for (const character of ["x", '"', "\u0001", "語"]) {
    const name = character.repeat(1024);
    const names = { service_name: name, decision_type: name, model: { provider: name, name } };
    const at = await post("/v1/decisions", decision("named", names), "k".repeat(255));
    expect(at.status, at.body.detail).toBe(200);
    await startAnew();
    for (const member of ["service_name", "decision_type"]) {
      const over = await post("/v1/decisions", decision("named", { [member]: `${name}x` }));
      expect([over.status, over.body.detail]).toEqual([422, expect.stringContaining(member)]);
    }
    for (const member of ["provider", "name"]) {
      const over = await post("/v1/decisions", decision("n", { model: { [member]: `${name}x` } }));
      expect([over.status, over.body.detail]).toEqual([422, expect.stringContaining(member)]);
    }
    expect(await isEmpty()).toBe(true);
  }
});

test("keys have 1 to 255 visible characters", async ({ expect }) => {
  for (const key of ["k".repeat(256), "two words", "é"]) {
    const { status, body } = await post("/v1/decisions", decision("keyed"), key);
    expect([status, body.detail]).toEqual([422, expect.stringContaining("Idempotency-Key")]);
  }
  expect(await isEmpty()).toBe(true);
});
