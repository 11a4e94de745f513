/** Provider connections from secrets and vars, DESIGN §6: `<NAME>_API_KEY` and `<NAME>_BASE_URL`. */
import { withoutSlash } from "../replay/base-url.ts";
import type { ProviderConnections } from "../replay/connections.ts";
import type { Connection } from "../replay/execute.ts";
import { isAiBinding, workersAiConnection } from "./workers-ai.ts";
import { baseUrlVar, keyVars, PROVIDERS } from "../replay/providers/table.ts";

const REQUEST_BASE_URLS = "LOOPGRID_REPLAY_BASE_URLS";

/** @throws Error that names a base URL variable that holds no URL, never its value */
export function providerConnections(env: object): ProviderConnections {
  const vars = new Map(
    Object.entries(env).flatMap(([name, value]) =>
      typeof value === "string" && value.trim() !== "" ? [[name, value.trim()] as const] : [],
    ),
  );
  const connections = new Map<string, Connection>();
  for (const spec of PROVIDERS) {
    const { binding } = spec;
    if (binding !== undefined) {
      const bound = Object.entries(env).find(([name]) => name === binding)?.[1];
      if (isAiBinding(bound)) connections.set(spec.name, workersAiConnection(bound));
      continue;
    }
    const key = keyVars(spec)
      .map((name) => vars.get(name))
      .find((value) => value !== undefined);
    const given = vars.get(baseUrlVar(spec));
    if (given !== undefined && !/^https?:\/\/[^\s]+$/.test(given))
      throw new Error(`Configuration: ${baseUrlVar(spec)} must be an http or https URL`);
    const baseUrl = given ?? spec.baseUrl;
    const isReady = baseUrl !== undefined && (key !== undefined || spec.keyless === true);
    if (isReady) connections.set(spec.name, { baseUrl: withoutSlash(baseUrl), key });
  }
  const requestBaseUrls = (vars.get(REQUEST_BASE_URLS) ?? "")
    .split(",")
    .map((url) => url.trim())
    .filter((url) => url !== "");
  return { connection: ({ name }) => connections.get(name), requestBaseUrls };
}
