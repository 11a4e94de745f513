/** Where ledgers live and what the operator sets: databases, jurisdiction, limits. */
import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import { parseConfig } from "../../../src/worker/config.ts";
import { chooseBinding, databasesOf, fixedBinding } from "../../../src/worker/ledger-location.ts";
import { ADMIN_KEY, guarded } from "../support/guarded.ts";

describe("a ledger's database", () => {
  const names = Array.from({ length: 300 }, (_, i) => `ledger-${i}`);
  const three = ["DB", "DB_1", "DB_2"];

  test("is main's first one, and the one an operator says", ({ expect }) => {
    expect(fixedBinding("main", new Map())).toBe("DB");
    expect(fixedBinding("acme", new Map([["acme", "DB_2"]]))).toBe("DB_2");
    expect(fixedBinding("acme", new Map())).toBeUndefined();
  });

  test("is chosen evenly, whatever the order of the bindings", ({ expect }) => {
    const counts = new Map(three.map((binding) => [binding, 0]));
    for (const name of names) {
      const chosen = chooseBinding(name, three);
      expect(chooseBinding(name, three.toReversed())).toBe(chosen);
      counts.set(chosen, (counts.get(chosen) ?? 0) + 1);
    }
    for (const [binding, count] of counts) expect(count, binding).toBeGreaterThan(60);
    expect(chooseBinding("acme", ["DB"])).toBe("DB");
  });

  test("only goes to a new binding when one is added", ({ expect }) => {
    for (const name of names) {
      const after = chooseBinding(name, [...three, "DB_3"]);
      expect([chooseBinding(name, three), "DB_3"]).toContain(after);
    }
  });

  test("is looked for among DB, DB_1 and so on, and nothing else", ({ expect }) => {
    const bindings = { ...env, DB_02: env.DB, DB_X: env.DB, XDB: env.DB, DB_3: "text", DB_4: null };
    expect([...databasesOf(bindings).keys()].toSorted()).toEqual(["DB", "DB_1"]);
  });
});

describe("configuration", () => {
  test("is read", ({ expect }) => {
    expect(
      parseConfig({
        ...env,
        LOOPGRID_LEDGER_DATABASES: "acme=DB_1, beta=DB",
        LOOPGRID_RATE_LIMITS: "key_requests=5/10,ledger_appends=7/60",
        LOOPGRID_PUBLIC_PROOFS: true,
        LOOPGRID_JURISDICTION: "eu",
        LOOPGRID_LEDGER: "house",
      }),
    ).toMatchObject({
      ledgerDatabases: new Map([
        ["acme", "DB_1"],
        ["beta", "DB"],
      ]),
      rateLimits: new Map([
        ["key_requests", { name: "key_requests", quota: 5, windowS: 10 }],
        ["ledger_appends", { name: "ledger_appends", quota: 7, windowS: 60 }],
      ]),
      publicProofs: true,
      jurisdiction: "eu",
      defaultLedger: "house",
    });
    expect(parseConfig({})).toMatchObject({
      auth: "required",
      adminKey: undefined,
      defaultLedger: "main",
      publicProofs: false,
      jurisdiction: undefined,
    });
  });

  test.for([
    ["LOOPGRID_LEDGER", "No Ledger"],
    ["LOOPGRID_PUBLIC_PROOFS", "yes"],
    ["LOOPGRID_JURISDICTION", "mars"],
    ["LOOPGRID_LEDGER_DATABASES", "acme"],
    ["LOOPGRID_LEDGER_DATABASES", "acme=DB=DB_1"],
    ["LOOPGRID_LEDGER_DATABASES", "acme=DB_7"],
    ["LOOPGRID_RATE_LIMITS", "key_requests=many"],
  ] as const)(
    "a bad %s stops the Worker by name, never by value: %s",
    async ([name, value], { expect }) => {
      const secret = "an operator's secret";
      const bad = { ...env, [name]: value, LOOPGRID_ADMIN_KEY: secret };
      expect(() => parseConfig(bad)).toThrow(new RegExp(`^Configuration: ${name} `));
      const { status, text } = await guarded({ [name]: value })("/", { key: ADMIN_KEY });
      expect(status).toBe(500);
      expect(text).toContain(name);
      expect(text).not.toContain(ADMIN_KEY);
    },
  );
});

const eu = (SEQUENCER: object) => guarded({ LOOPGRID_JURISDICTION: "eu", SEQUENCER });

describe("LOOPGRID_JURISDICTION=eu", () => {
  test("asks for sequencers in the EU", async ({ expect }) => {
    const asked: string[] = [];
    const here = env.SEQUENCER;
    const namespace = {
      jurisdiction: (name: string) => {
        asked.push(name);
        return { getByName: (ledger: string) => here.getByName(ledger) };
      },
    };
    expect((await eu(namespace)("/v1/ledger", { key: ADMIN_KEY })).status).toBe(200);
    expect(asked).toContain("eu");
  });

  test("is ignored where the runtime has no jurisdictions", async ({ expect }) => {
    const ask = guarded({ LOOPGRID_JURISDICTION: "eu" });
    expect((await ask("/v1/ledger", { key: ADMIN_KEY })).status).toBe(200);
  });

  test("never goes elsewhere when it fails for another reason", async ({ expect }) => {
    const namespace = {
      getByName: () => {
        throw new Error("went elsewhere");
      },
      jurisdiction: () => {
        throw new Error("no such jurisdiction");
      },
    };
    expect((await eu(namespace)("/v1/ledger", { key: ADMIN_KEY })).status).toBe(500);
  });
});
