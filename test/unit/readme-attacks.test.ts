/** The README's table of attacks is the one that is carried out (test/worker/attacks.test.ts). */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ATTACKS, attackTable, MEANS, type Attack } from "../support/attack-table.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");

test("the README quotes the table", () => {
  const [, section = ""] = readme.split("## What is detected");
  expect(section).toContain(attackTable());
});

test("every row says what shows it and where, and its cells cannot break the table", () => {
  const attacks = Object.values<Attack>(ATTACKS);
  for (const { name, before, shownBy, where } of attacks) {
    for (const cell of [name, before, where]) expect(cell).toMatch(/^[^|\n]+$/);
    expect(new Set(shownBy).size).toBe(shownBy.length);
  }
  // What the server or a file finds has a name; what only a kept checkpoint shows has a place.
  const unnamed = attacks.filter(
    ({ shownBy, fault }) =>
      fault === undefined && (shownBy.includes("integrity") || shownBy.includes("file")),
  );
  expect(unnamed).toEqual([]);
  const lines = attackTable().split("\n");
  expect(lines.filter((line) => line.startsWith("| ")).length).toBe(attacks.length + 1);
});

test("nothing in the table is called proof against anything", () => {
  const words = Object.values(MEANS).join() + attackTable();
  expect(words).not.toMatch(/tamper-proof|certified|guaranteed|impossible/i);
});
