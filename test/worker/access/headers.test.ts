/** What every answer carries, CORS, and that what does not exist is not told to strangers. */
import { describe, test } from "vitest";
import { ADMIN_KEY, guarded } from "../support/guarded.ts";

const ask = guarded();
const ORIGIN = "https://app.example";

describe("every answer", () => {
  test("carries security headers, also errors and preflights", async ({ expect }) => {
    for (const reply of [
      await ask("/"),
      await ask("/docs"),
      await ask("/v1/ledger"),
      await ask("/v1/ledger", { key: ADMIN_KEY }),
      await ask("/nothing", { key: ADMIN_KEY }),
      await ask("/v1/ledger", { method: "OPTIONS" }),
      await guarded({ LOOPGRID_AUTH: "perhaps" })("/"),
    ]) {
      expect(reply.headers.get("X-Content-Type-Options")).toBe("nosniff");
      expect(reply.headers.get("Referrer-Policy")).toBe("no-referrer");
      expect(reply.headers.get("Content-Security-Policy")).toMatch(/default-src 'none'/);
      expect(reply.headers.get("Content-Security-Policy")).toMatch(/frame-ancestors 'none'/);
    }
  });
});

async function allowed(own: typeof ask, method = "GET"): Promise<string | null> {
  const { headers } = await own("/", { method, headers: { Origin: ORIGIN } });
  return headers.get("Access-Control-Allow-Origin");
}

describe("CORS", () => {
  test("is off where credentials are required, unless the origin is listed", async ({ expect }) => {
    expect(await allowed(ask)).toBeNull();
    expect(await allowed(ask, "OPTIONS")).toBeNull();
    const listed = guarded({ LOOPGRID_CORS_ORIGINS: `https://other.example, ${ORIGIN}` });
    expect(await allowed(listed)).toBe(ORIGIN);
    expect(await allowed(listed, "OPTIONS")).toBe(ORIGIN);
    expect(await allowed(guarded({ LOOPGRID_CORS_ORIGINS: `${ORIGIN}.evil` }))).toBeNull();
  });

  test("is open in open mode, without credentials", async ({ expect }) => {
    const open = guarded({ LOOPGRID_AUTH: "open" });
    const { headers } = await open("/", { headers: { Origin: ORIGIN } });
    expect(headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(headers.get("Access-Control-Allow-Credentials")).toBeNull();
  });
});

describe("without a credential", () => {
  test("paths and methods that do not exist are a 401 like the others", async ({ expect }) => {
    for (const [method, path] of [
      ["GET", "/v1/nothing"],
      ["GET", "/nothing"],
      ["PUT", "/v1/decisions"],
      ["POST", "/"],
      ["GET", "/v1/decisions/"],
    ] as const) {
      expect((await ask(path, { method })).status, path).toBe(401);
      expect((await ask(path, { method, key: "wrong" })).status, path).toBe(401);
      expect([404, 405]).toContain((await ask(path, { method, key: ADMIN_KEY })).status);
    }
  });
});
