/**
 * Configuration, DESIGN §6: vars and secrets, parsed once. A bad value stops the Worker with a
 * message that names it; secrets are never quoted.
 */
import { z } from "zod";
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

const Vars = z.object({
  LOOPGRID_AUTH: z
    .enum(["required", "open"], { error: 'must be "required" or "open"' })
    .default("required"),
  LOOPGRID_ORIGIN: Origin.default("loopgrid.local"),
  LOOPGRID_SIGNING_KEY: z.string().optional(),
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
}

/** @throws Error naming every bad variable, never its value. */
export function parseConfig(env: object): Config {
  const parsed = Vars.safeParse(env);
  if (!parsed.success) {
    const bad = parsed.error.issues.map(({ path, message }) => `${path.join(".")} ${message}`);
    throw new Error(`Configuration: ${bad.join("; ")}`);
  }
  const vars = parsed.data;
  return {
    auth: vars.LOOPGRID_AUTH,
    origin: vars.LOOPGRID_ORIGIN,
    signingKeys: vars.LOOPGRID_SIGNING_KEY || undefined,
    corsOrigins: vars.LOOPGRID_CORS_ORIGINS,
  };
}
