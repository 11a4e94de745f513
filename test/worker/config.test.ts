/** Configuration (DESIGN §6): parsed once; a bad value is named, a secret is never quoted. */
import { describe, test } from "vitest";
import { parseConfig } from "../../src/worker/config.ts";

const W1 = await vkey("witness.example/w1", 4);
const W2 = await vkey("witness.example/w2", 4);
const LOG = await vkey("witness.example/log", 1);

async function vkey(name: string, type: number): Promise<string> {
  const material = new Uint8Array(33).fill(9);
  material[0] = type;
  const named = new TextEncoder().encode(`${name}\n`);
  const digest = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new Uint8Array([...named, ...material])),
  );
  const id = Array.from(digest.subarray(0, 4), (octet) => octet.toString(16).padStart(2, "0"));
  return `${name}+${id.join("")}+${btoa(String.fromCharCode(...material))}`;
}

describe("LOOPGRID_WITNESSES", () => {
  const origin = { LOOPGRID_ORIGIN: "example.org" };

  test.for([
    ["", []],
    [" , ", []],
    [`${W1} https://w1.example`, [["witness.example/w1", "https://w1.example"]]],
    [
      `${W1}  https://w1.example/prefix/ ,${W2}\thttp://127.0.0.1:8080`,
      [
        ["witness.example/w1", "https://w1.example/prefix"],
        ["witness.example/w2", "http://127.0.0.1:8080"],
      ],
    ],
  ] as const)("%j is read", ([LOOPGRID_WITNESSES, expected], { expect }) => {
    const { witnesses } = parseConfig({ ...origin, LOOPGRID_WITNESSES });
    expect(witnesses.map(({ key, url }) => [key.name, url])).toEqual(expected);
  });

  test.for([
    ["no key", "https://w1.example"],
    ["no address", W1],
    ["an address that is none", `${W1} nowhere`],
    ["a key under another name", `other${W1} https://w1.example`],
    ["a log's key, which signs no cosignatures", `${LOG} https://w1.example`],
    ["the same witness twice", `${W1} https://a.example, ${W1} https://b.example`],
    ["one good and one bad", `${W1} https://w1.example, ${W2}`],
    ["more than two words", `${W1} https://w1.example https://w2.example`],
  ])("with %s stops the Worker by name", ([, LOOPGRID_WITNESSES], { expect }) => {
    expect(() => parseConfig({ ...origin, LOOPGRID_WITNESSES })).toThrow(
      /^Configuration: LOOPGRID_WITNESSES must /,
    );
  });

  test("with required credentials wants an origin of one's own, open development does not", ({
    expect,
  }) => {
    const LOOPGRID_WITNESSES = `${W1} https://w1.example`;
    expect(() => parseConfig({ LOOPGRID_AUTH: "required", LOOPGRID_WITNESSES })).toThrow(
      /LOOPGRID_ORIGIN must be your own name/,
    );
    expect(parseConfig({ LOOPGRID_AUTH: "open", LOOPGRID_WITNESSES }).origin).toBe(
      "loopgrid.local",
    );
  });
});

describe("LOOPGRID_ORIGIN", () => {
  test.for(["example.org", "example.org/logs/a", "localhost:8000", "xn--bcher-kva.example"])(
    "%s is a name for checkpoints",
    (LOOPGRID_ORIGIN, { expect }) => {
      expect(parseConfig({ LOOPGRID_ORIGIN }).origin).toBe(LOOPGRID_ORIGIN);
    },
  );

  test.for(["https://example.org", "example org", "example.org+x", "", "example.org/", "a\nb"])(
    "%j stops the Worker by name",
    (LOOPGRID_ORIGIN, { expect }) => {
      expect(() => parseConfig({ LOOPGRID_ORIGIN })).toThrow(/^Configuration: LOOPGRID_ORIGIN /);
    },
  );
});

describe("LOOPGRID_VERIFY_INTERVAL_S", () => {
  test.for([
    ["1", 1000],
    ["3600", 3_600_000],
    ["86400", 86_400_000],
  ] as const)("%s seconds", ([LOOPGRID_VERIFY_INTERVAL_S, ms], { expect }) => {
    expect(parseConfig({ LOOPGRID_VERIFY_INTERVAL_S }).verifyIntervalMs).toBe(ms);
  });

  test.for(["0", "-1", "86401", "1.5", "soon"])(
    "%j stops the Worker by name",
    (LOOPGRID_VERIFY_INTERVAL_S, { expect }) => {
      expect(() => parseConfig({ LOOPGRID_VERIFY_INTERVAL_S })).toThrow(
        /^Configuration: LOOPGRID_VERIFY_INTERVAL_S /,
      );
    },
  );
});

test("a bad value is named, and every bad one at once, never quoted", ({ expect }) => {
  const bad = { LOOPGRID_AUTH: "sometimes", LOOPGRID_ORIGIN: "https://secret.example" };
  expect(() => parseConfig(bad)).toThrow(/LOOPGRID_AUTH .*; LOOPGRID_ORIGIN /);
  expect(() => parseConfig(bad)).not.toThrow(/secret|sometimes/);
});
