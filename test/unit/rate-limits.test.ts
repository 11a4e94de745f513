/** wrangler.toml says its limits twice, because a Worker cannot read them from a binding. */
import { readFileSync } from "node:fs";
import { test } from "vitest";

test("LOOPGRID_RATE_LIMITS tells the numbers that the bindings are set to", ({ expect }) => {
  const toml = readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8");
  const [, told = ""] = /^LOOPGRID_RATE_LIMITS = "(.*)"$/m.exec(toml) ?? [];
  const set = [
    ...toml.matchAll(
      /\[\[ratelimits\]\]\nname = "LIMIT_(\w+)"\nnamespace_id = "\d+"\nsimple = \{ limit = (\d+), period = (\d+) \}/g,
    ),
  ].map(([, name = "", limit, period]) => `${name.toLowerCase()}=${limit}/${period}`);
  expect(set).toHaveLength(4);
  expect(told.split(", ").toSorted()).toEqual(set.toSorted());
});
