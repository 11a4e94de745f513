/**
 * Configuration, DESIGN §6: vars and secrets, parsed once. A bad value stops the Worker with a
 * message that names it; secrets are never quoted.
 */
import { z } from "zod";
import { ED25519_COSIGNATURE, parseVerifierKey } from "../ledger/note.ts";
import type { Witness } from "../ledger/witness.ts";
import type { Sequencer } from "./sequencer.ts";

/** Bindings of wrangler.toml. */
export interface Env {
  readonly DB: D1Database;
  readonly SEQUENCER: DurableObjectNamespace<Sequencer>;
}

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
  LOOPGRID_CORS_ORIGINS: z
    .string()
    .default("")
    .transform((list) =>
      list
        .split(",")
        .map((origin) => origin.trim())
        .filter((origin) => origin !== ""),
    ),
});

export interface Config {
  readonly auth: "required" | "open";
  readonly origin: string;
  /** base64 PKCS#8 keys, comma-separated, the last one signs; undefined: the sequencer makes its own. */
  readonly signingKeys: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly witnesses: readonly Witness[];
  readonly verifyIntervalMs: number;
}

/** `<verifier key> <url>`, separated by commas: C2SP witnesses that cosign every ledger's checkpoints. */
function parseWitnesses(list: string, context: z.RefinementCtx): Witness[] {
  const entries = list.split(",").map((entry) => entry.trim());
  return entries
    .filter((entry) => entry !== "")
    .flatMap((entry) => {
      const [vkey = "", url = ""] = entry.split(/\s+/);
      const key = parseVerifierKey(vkey);
      if (key?.type === ED25519_COSIGNATURE && URL.canParse(url))
        return [{ key, url: url.replace(/\/$/, "") }];
      context.addIssue({
        code: "custom",
        message: "must hold `<cosignature verifier key> <url>`, separated by commas",
      });
      return [];
    });
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
  return {
    auth: vars.LOOPGRID_AUTH,
    origin: vars.LOOPGRID_ORIGIN,
    signingKeys: vars.LOOPGRID_SIGNING_KEY || undefined,
    corsOrigins: vars.LOOPGRID_CORS_ORIGINS,
    witnesses: vars.LOOPGRID_WITNESSES,
    verifyIntervalMs: vars.LOOPGRID_VERIFY_INTERVAL_S * 1000,
  };
}
