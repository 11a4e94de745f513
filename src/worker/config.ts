/**
 * Configuration, DESIGN §6: vars and secrets, parsed once. A bad value stops the Worker with a
 * message that names it; secrets are never quoted.
 */
import { z } from "zod";
import type { LimitPolicy } from "../http/rate-limit.ts";
import { LEDGER_NAME } from "../ledger/limits.ts";
import { ED25519_COSIGNATURE, parseVerifierKey } from "../ledger/note.ts";
import type { Witness } from "../ledger/witness.ts";
import { databasesOf } from "./ledger-location.ts";

/** Line 1 of every checkpoint and the key name of a signed note: no scheme, space or `+` (DESIGN §3). */
const Origin = z.string().regex(/^[a-z0-9.-]+(?::\d+)?(?:\/[A-Za-z0-9._~-]+)*$/, {
  error: "must be a host name with an optional path, without scheme, space or +",
});

const DEFAULT_ORIGIN = "loopgrid.local";

const Vars = z.object({
  LOOPGRID_AUTH: z
    .enum(["required", "open"], { error: 'must be "required" or "open"' })
    .default("required"),
  LOOPGRID_ORIGIN: Origin.default(DEFAULT_ORIGIN),
  LOOPGRID_SIGNING_KEY: z.string().optional(),
  LOOPGRID_WITNESSES: z.string().default("").transform(parseWitnesses),
  LOOPGRID_VERIFY_INTERVAL_S: z.coerce
    .number({ error: "must be a number of seconds" })
    .int()
    .min(1, { error: "must be at least 1" })
    .max(86_400, { error: "must be at most a day" })
    .default(3600),
  LOOPGRID_ADMIN_KEY: z.string().optional(),
  LOOPGRID_LEDGER: z
    .string()
    .regex(LEDGER_NAME, { error: "must be 1 to 63 of a-z, 0-9 and -, not beginning with -" })
    .default("main"),
  LOOPGRID_PUBLIC_PROOFS: z
    .union([z.boolean(), z.enum(["true", "false", ""])], { error: "must be true or false" })
    .default(false)
    .transform((given) => given === true || given === "true"),
  LOOPGRID_JURISDICTION: z.enum(["", "eu"], { error: 'must be "eu" or empty' }).default(""),
  LOOPGRID_LEDGER_DATABASES: z.string().default("").transform(parseLedgerDatabases),
  LOOPGRID_RATE_LIMITS: z.string().default("").transform(parseRateLimits),
  LOOPGRID_CORS_ORIGINS: z.string().default("").transform(items),
});

export interface Config {
  readonly auth: "required" | "open";
  readonly origin: string;
  /** base64 PKCS#8 keys, comma-separated, the last one signs; undefined: the sequencer makes its own. */
  readonly signingKeys: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly adminKey: string | undefined;
  /** Where anybody acts in open mode, and LOOPGRID_ADMIN_KEY. */
  readonly defaultLedger: string;
  readonly publicProofs: boolean;
  readonly jurisdiction: "eu" | undefined;
  /** Ledgers whose database binding the operator chose. */
  readonly ledgerDatabases: ReadonlyMap<string, string>;
  readonly rateLimits: ReadonlyMap<string, LimitPolicy>;
  readonly witnesses: readonly Witness[];
  readonly verifyIntervalMs: number;
}

/** `<verifier key> <url>`, separated by commas: C2SP witnesses that cosign every ledger's checkpoints. */
function parseWitnesses(list: string, context: z.RefinementCtx): Witness[] {
  const witnesses = items(list).flatMap((entry) => {
    const [vkey = "", url = "", ...more] = entry.split(/\s+/);
    const key = parseVerifierKey(vkey);
    if (key?.type === ED25519_COSIGNATURE && URL.canParse(url) && more.length === 0)
      return [{ key, url: url.replace(/\/$/, "") }];
    context.addIssue({
      code: "custom",
      message: "must hold `<cosignature verifier key> <url>`, separated by commas",
    });
    return [];
  });
  // What each has signed is kept under its name.
  if (new Set(witnesses.map(({ key }) => key.name)).size < witnesses.length)
    context.addIssue({ code: "custom", message: "must name each witness once" });
  return witnesses;
}

/** `<ledger>=<binding>`, separated by commas. */
function parseLedgerDatabases(list: string, context: z.RefinementCtx): Map<string, string> {
  const pairs = items(list).map((item) => item.split("="));
  const isRight = pairs.every(
    ([ledger = "", binding = "", ...more]) =>
      LEDGER_NAME.test(ledger) && binding !== "" && more.length === 0,
  );
  if (!isRight)
    context.addIssue({ code: "custom", message: "must hold `<ledger>=<binding>`, with commas" });
  return new Map(pairs.map(([ledger = "", binding = ""]) => [ledger, binding]));
}

/** The limits in force as `<name>=<requests>/<seconds>`, separated by commas; `off` for none. */
function parseRateLimits(list: string, context: z.RefinementCtx): Map<string, LimitPolicy> {
  const policies = items(list === "off" ? "" : list).map((item) => {
    const [, name = "", quota, windowS] = /^([a-z_]+)=(\d+)\/(\d+)$/.exec(item) ?? [];
    return { name, quota: Number(quota), windowS: Number(windowS) };
  });
  if (policies.some(({ name }) => name === "")) {
    const message = "must be off, or hold `<name>=<requests>/<seconds>`, with commas";
    context.addIssue({ code: "custom", message });
  }
  return new Map(policies.map((policy) => [policy.name, policy]));
}

function items(list: string): string[] {
  return list
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

/** @throws Error naming every bad variable, never its value. */
export function parseConfig(env: object): Config {
  const parsed = Vars.safeParse(env);
  if (!parsed.success) {
    const bad = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    throw new Error(`Configuration: ${bad.join("; ")}`);
  }
  const vars = parsed.data;
  // A name that every installation has tells a witness nothing about whose ledger it follows.
  if (
    vars.LOOPGRID_WITNESSES.length > 0 &&
    vars.LOOPGRID_AUTH === "required" &&
    vars.LOOPGRID_ORIGIN === DEFAULT_ORIGIN
  ) {
    throw new Error(
      "Configuration: LOOPGRID_ORIGIN must be your own name before witnesses are configured",
    );
  }
  const databases = databasesOf(env);
  for (const [ledger, binding] of vars.LOOPGRID_LEDGER_DATABASES) {
    if (!databases.has(binding))
      throw new Error(
        `Configuration: LOOPGRID_LEDGER_DATABASES puts ${ledger} into a database binding that is not there`,
      );
  }
  return {
    auth: vars.LOOPGRID_AUTH,
    origin: vars.LOOPGRID_ORIGIN,
    signingKeys: vars.LOOPGRID_SIGNING_KEY || undefined,
    corsOrigins: vars.LOOPGRID_CORS_ORIGINS,
    adminKey: vars.LOOPGRID_ADMIN_KEY || undefined,
    defaultLedger: vars.LOOPGRID_LEDGER,
    publicProofs: vars.LOOPGRID_PUBLIC_PROOFS,
    jurisdiction: vars.LOOPGRID_JURISDICTION || undefined,
    ledgerDatabases: vars.LOOPGRID_LEDGER_DATABASES,
    rateLimits: vars.LOOPGRID_RATE_LIMITS,
    witnesses: vars.LOOPGRID_WITNESSES,
    verifyIntervalMs: vars.LOOPGRID_VERIFY_INTERVAL_S * 1000,
  };
}
