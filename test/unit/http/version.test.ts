import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { VERSION } from "../../../src/http/version.ts";

test("the version every answer shows is the package's", () => {
  const path = new URL("../../../package.json", import.meta.url);
  const { version }: { version: string } = JSON.parse(readFileSync(path, "utf8"));
  expect(VERSION).toBe(version);
});
