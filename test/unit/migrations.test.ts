/** Migrations in the form that D1, wrangler and the Worker's own splitter all read alike. */
import { readdirSync, readFileSync } from "node:fs";
import { readD1Migrations } from "@cloudflare/vitest-plugin";
import { describe, expect, test } from "vitest";

const FOLDER = new URL("../../migrations/", import.meta.url);
const files = readdirSync(FOLDER).toSorted();

/** SQL without comments and without what stands in quotes. */
function code(sql: string): string {
  return sql.replaceAll(/--.*$/gm, "").replaceAll(/'[^']*'/g, "''");
}

describe.each(files)("%s", (file) => {
  const sql = readFileSync(new URL(file, FOLDER), "utf8");
  const parts = sql.split(/^--> statement$/m);

  test("is numbered, and has LF line ends", () => {
    expect(file).toMatch(/^\d{4}_[a-z_]+\.sql$/);
    expect(sql).not.toContain("\r");
  });

  test("has BEGIN and END in upper case, and no CASE", () => {
    // D1 splits at a lower-case begin, and at the END of a CASE (platform notes §10.1).
    const words = code(sql).match(/\b(?:begin|end|case)\b/gi) ?? [];
    expect(words.filter((word) => word !== "BEGIN" && word !== "END")).toEqual([]);
    expect(words.filter((word) => word === "BEGIN").length).toBe(
      words.filter((word) => word === "END").length,
    );
  });

  test("has exactly one statement between markers", () => {
    for (const part of parts) {
      const statement = code(part).trim();
      expect(statement).toMatch(/^(?:CREATE|DROP|ALTER|INSERT|UPDATE)\b[^]*;$/);
      const outside = statement.replace(/\bBEGIN\b[^]*\bEND\b/, "");
      expect(outside.indexOf(";")).toBe(outside.length - 1);
      expect(statement.match(/\bCREATE\b/g)?.length ?? 1).toBe(1);
    }
  });

  test("is cut by wrangler into as many statements as by our marker", async () => {
    const read = await readD1Migrations(FOLDER.pathname);
    expect(read.find(({ name }) => name === file)?.queries.length).toBe(parts.length);
  });
});

test("the Worker imports every migration there is, in order", () => {
  const source = readFileSync(
    new URL("../../src/worker/d1-migrations.ts", import.meta.url),
    "utf8",
  );
  const listed = [...source.matchAll(/\["(\d{4}_[a-z_]+\.sql)", (\w+)\]/g)].map(([, name]) => name);
  const imported = [...source.matchAll(/from "\.\.\/\.\.\/migrations\/(.+\.sql)"/g)];
  expect(listed).toEqual(files);
  expect(imported.map(([, name]) => name)).toEqual(files);
});
