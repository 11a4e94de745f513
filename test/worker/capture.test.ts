/** What a client tells about how a decision came about: facts of its entry, refused by name when bad. */
import { beforeAll, describe, test } from "vitest";
import { decision, get, post, recorded, verify } from "./support/client.ts";
import { startAnew } from "./support/database.ts";

const CAPTURE = {
  occurred_at: "2026-11-22T18:26:55+02:00",
  capture_mode: "automatic",
  system_version: "4.2.0",
  automation_level: "full",
  decision_role: "sole",
  subject_notice: "notice-7@v3",
  writer_id: "host-1",
  writer_seq: 1,
};

interface History {
  readonly entries: readonly { readonly facts: object; readonly content: object }[];
}

beforeAll(startAnew);

describe("capture facts of a decision", () => {
  test("come back from recording, from a repeat, from a read and a list", async ({ expect }) => {
    const first = await post("/v1/decisions", decision(1, CAPTURE), "capture-1");
    expect(first.body).toMatchObject(CAPTURE);
    const repeat = await post("/v1/decisions", decision(1, CAPTURE), "capture-1");
    expect(repeat.headers.get("Idempotent-Replayed")).toBe("true");
    expect(repeat.body).toEqual(first.body);
    const read = await get<object>(`/v1/decisions/${first.body.decision_id}`);
    expect(read).toMatchObject(CAPTURE);
    const { decisions } = await get<{ decisions: object[] }>("/v1/decisions");
    expect(decisions).toEqual([read]);
  });

  test("are facts and no content, and outlive an erasure", async ({ expect }) => {
    const id = await recorded(2, { ...CAPTURE, writer_seq: 2 });
    await post(`/v1/decisions/${id}/erasure`, { reason_code: "gdpr_article_17" });
    const { entries } = await get<History>(`/v1/decisions/${id}/history`);
    expect(entries[0]).toMatchObject({ facts: { ...CAPTURE, writer_seq: 2 }, content: {} });
    expect(await get<object>(`/v1/decisions/${id}`)).toMatchObject({ capture_mode: "automatic" });
    expect(await verify()).toMatchObject({ valid: true });
  });

  test("are absent where nothing was said", async ({ expect }) => {
    const read = await get<object>(`/v1/decisions/${await recorded(3, { writer_id: null })}`);
    for (const member of Object.keys(CAPTURE)) expect(read).not.toHaveProperty(member);
  });

  test("that are bad refuse the whole batch, by position and name", async ({ expect }) => {
    const { size } = await get<{ size: number }>("/v1/ledger");
    const decisions = [decision(4, { capture_mode: "manual" }), decision(5, { writer_seq: 9 })];
    const { status, body } = await post("/v1/decisions/batch", { decisions });
    expect(status).toBe(422);
    expect(body.detail).toBe("decisions[1].writer_seq: needs writer_id, which counts it");
    expect(await get("/v1/ledger")).toMatchObject({ size });
  });
});
