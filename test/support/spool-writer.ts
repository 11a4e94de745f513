/** Enqueues without end and tells each number it has enqueued: to be killed. */
import { writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { LoopGrid } from "../../src/sdk/javascript/index.ts";

const [, , baseUrl = "", spoolDir = ""] = process.argv;
const grid = new LoopGrid({ baseUrl, spoolDir, lingerMs: 1 });
for (let n = 0; ; n++) {
  grid.enqueue({ decisionType: "reply", input: { n }, model: {}, output: {} });
  writeSync(1, `${n}\n`);
  if (n % 20 === 0) await setImmediate();
}
