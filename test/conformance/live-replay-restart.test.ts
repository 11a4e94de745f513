/** A live replay whose server dies in the middle: taken up again, told in its attempts, recorded once. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "vitest";
import type { Replay } from "../../src/replay/schema.ts";
import { acknowledged, get, listIn, post, textIn } from "../support/clients.ts";
import { answerJson, recordingServer } from "../support/recording-server.ts";
import { startServer } from "../support/server.ts";

const ANSWER = { choices: [{ message: { content: "Refunded." }, finish_reason: "stop" }] };

test("a killed server takes an open replay up again by itself", async ({ expect }) => {
  const provider = await recordingServer();
  const persistTo = mkdtempSync(join(tmpdir(), "loopgrid-replay-"));
  const flags = ["OPENAI_API_KEY:sk-test-restart", `OPENAI_BASE_URL:${provider.url}/v1`].flatMap(
    (given) => ["--var", given],
  );
  try {
    provider.answer(() => undefined); // hangs until the server is gone
    const first = await startServer({ persistTo, flags });
    const decision = await acknowledged(first.url, "/v1/decisions", {
      service_name: "s",
      decision_type: "d",
      input: { message: "hello" },
      model: { provider: "openai", name: "gpt-4o" },
      output: { response: "x" },
    });
    const decision_id = textIn(decision, "decision_id");
    const body = { decision_id, mode: "live" };
    const lost = post(first.url, "/v1/replays", body, "restart-1").catch(() => undefined);
    while (provider.received.length === 0) await sleep(50);
    await first.kill();
    await lost;

    provider.answer(answerJson(200, ANSWER));
    const second = await startServer({ persistTo, flags });
    const path = `/v1/replays?decision_id=${decision_id}`;
    let replays = listIn((await get(second.url, path)).body, "replays");
    for (let i = 0; i < 100 && replays.length === 0; i++) {
      await sleep(200);
      replays = listIn((await get(second.url, path)).body, "replays");
    }
    expect(replays).toMatchObject([
      { outcome: "succeeded", replay_output: { response: "Refunded." } },
    ]);
    const again = await post(second.url, "/v1/replays", body, "restart-1");
    const attempts: Partial<Replay>["attempts"] = JSON.parse(
      JSON.stringify(again.body["attempts"]),
    );
    expect(attempts?.map(({ outcome }) => outcome)).toEqual(["interrupted", "succeeded"]);
    expect(again.headers.get("Idempotent-Replayed")).toBe("true");
    expect(provider.received.length).toBe(1);
    await second.stop();
  } finally {
    await provider.close();
    rmSync(persistTo, { recursive: true, force: true });
  }
});
