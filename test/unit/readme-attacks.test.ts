/** The README's table of attacks is the one that is carried out (test/worker/attacks.test.ts). */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ATTACKS, attackTable, MEANS, type Attack } from "../support/attack-table.ts";

const file = join(import.meta.dirname, "../../README.md");
const readme = existsSync(file) ? readFileSync(file, "utf8") : "";
const heading = "## What is detected";

test.skipIf(!readme.includes(heading))(
  "the README quotes the table under its heading (skipped while it has none)",
  () => {
    const [, section = ""] = readme.split(heading);
    expect(section).toContain(attackTable());
  },
);

test("every row says what shows it and where, and its cells cannot break the table", () => {
  for (const { name, before, shownBy, fault, where } of Object.values<Attack>(ATTACKS)) {
    for (const cell of [name, before, where]) expect(cell).toMatch(/^[^|\n]+$/);
    expect(new Set(shownBy).size).toBe(shownBy.length);
    // What the server or a file finds has a name; what only a kept checkpoint shows has a place.
    const named = shownBy.some((means) => means === "integrity" || means === "file");
    if (named) expect([name, fault]).not.toEqual([name, undefined]);
  }
  expect(
    attackTable()
      .split("\n")
      .filter((line) => line.startsWith("| ")).length,
  ).toBe(Object.keys(ATTACKS).length + 1);
});

test("nothing in the table is called proven against", () => {
  const words = Object.values(MEANS).join() + attackTable();
  expect(words).not.toMatch(/tamper-proof|certified|guaranteed|impossible/i);
});
