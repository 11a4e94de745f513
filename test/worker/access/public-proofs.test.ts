/** Outside monitors and witnesses: what LOOPGRID_PUBLIC_PROOFS opens, and what it never does. */
import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import { decision } from "../support/client.ts";
import { ADMIN_KEY, guarded, makeKey } from "../support/guarded.ts";

const closed = guarded();
const open = guarded({ LOOPGRID_PUBLIC_PROOFS: "true" });

const PROOFS = [
  "/v1/ledger/checkpoint",
  "/v1/ledger/proof/inclusion?index=0",
  "/v1/ledger/proof/inclusion?index=0&format=tlog-proof",
  "/v1/ledger/proof/consistency?from=1",
  "/v1/ledger/tile/0/000.p/1",
  "/v1/ledger/tile/entries/000.p/1",
  "/v1/ledger/entries?content=false",
];
const SECRET = "a question about me";

async function fill(ledger: string): Promise<string> {
  const { key } = await makeKey(closed, ["record", "read"], { ledger });
  const body = decision(1, { input: { message: SECRET } });
  const { status } = await closed("/v1/decisions", { key, method: "POST", body });
  if (status !== 200) throw new Error("not recorded");
  return key;
}
const also = (path: string, more: string) => `${path}${path.includes("?") ? "&" : "?"}${more}`;

describe("public proofs", () => {
  test("are closed unless the operator opens them", async ({ expect }) => {
    await fill("main");
    for (const path of PROOFS) {
      expect((await closed(path)).status, path).toBe(401);
      expect((await closed(also(path, "ledger=main"))).status, path).toBe(401);
    }
  });

  test("show checkpoints, proofs, tiles and headers to everybody, and no content", async ({
    expect,
  }) => {
    await fill("main");
    await fill("watched");
    for (const path of PROOFS)
      for (const where of [path, also(path, "ledger=watched")]) {
        const reply = await open(where);
        expect(reply.status, `${where}: ${reply.text}`).toBe(200);
        expect(reply.text).not.toContain(SECRET);
      }
    const other = await open("/v1/ledger/checkpoint?ledger=watched");
    expect(other.text.split("\n")[0]).toMatch(/\/watched$/);
    const [line = ""] = (await open("/v1/ledger/entries?content=false")).text.split("\n");
    expect(JSON.parse(line)).toEqual({
      header: expect.any(String),
      chain_hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      content: {},
    });
  });

  test("open nothing else", async ({ expect }) => {
    for (const path of [
      "/v1/ledger/entries",
      "/v1/ledger/entries?content=true",
      "/v1/ledger/entries?content=",
      "/v1/ledger/entries?ledger=main",
      "/v1/decisions?content=false&ledger=main",
      "/v1/export/ledger?ledger=main",
      "/v1/ledger?ledger=main",
      "/v1/integrity/verify?ledger=main",
    ])
      expect((await open(path)).status, path).toBe(401);
    const posted = await open("/v1/decisions?ledger=main", { method: "POST", body: decision(1) });
    expect(posted.status).toBe(401);
  });

  test("bring no ledger into being, and take no bad credential for none", async ({ expect }) => {
    const before = await env.DB.prepare("SELECT count(*) AS n FROM ops_ledger_location").first("n");
    expect((await open("/v1/ledger/checkpoint?ledger=made-up")).status).toBe(404);
    expect((await open("/v1/ledger/checkpoint?ledger=Not%20One")).status).toBe(422);
    expect(await env.DB.prepare("SELECT count(*) AS n FROM ops_ledger_location").first("n")).toBe(
      before,
    );
    expect((await open("/v1/ledger/checkpoint", { key: "wrong" })).status).toBe(401);
    const key = await fill("own");
    const own = await open("/v1/ledger/checkpoint", { key });
    expect(own.text.split("\n")[0]).toMatch(/\/own$/);
    expect((await open("/v1/ledger/checkpoint", { key: ADMIN_KEY })).text).toContain("/main\n");
  });
});
