/** What the caller of an experiment can mend, told before anything is frozen or paid for. */
import { canonicalize } from "../../ledger/canonical-json.ts";
import type { JsonObject } from "../../lib/json.ts";
import { utf8 } from "../../lib/bytes.ts";
import { refusedBaseUrl } from "../../replay/base-url.ts";
import { judgeProvider } from "../../replay/experiments/judge.ts";
import { OVERRIDES_BYTES_MAX, type ExperimentCreate } from "../../replay/experiments/schema.ts";
import { objectAt, textAt } from "../../replay/json-read.ts";
import { NO_PRICES, priceOf } from "../../replay/prices.ts";
import { providerNamed, type ProviderSpec } from "../../replay/providers/table.ts";
import type { Call } from "../endpoint.ts";
import { invalid, type FieldProblem, Problem } from "../problem.ts";

type CreateCall = Pick<Call<unknown, unknown, ExperimentCreate>, "body" | "services" | "ledger">;

/** A model that will be asked, as far as the request names it. */
interface Named {
  readonly path: string;
  readonly provider: ProviderSpec | undefined;
  readonly model: JsonObject;
}

/** @throws Problem 422 that names every field, 413 */
export async function requireRunnable(call: CreateCall): Promise<void> {
  const { body, services } = call;
  const overrides = body.overrides ?? {};
  const bytes = utf8(canonicalize(overrides)).length;
  if (bytes > OVERRIDES_BYTES_MAX)
    throw new Problem(
      413,
      `overrides: ${bytes} octets; an experiment's hold at most ${OVERRIDES_BYTES_MAX}`,
    );
  const problems: FieldProblem[] = [];
  const baseUrl = textAt(objectAt(overrides, "model"), "base_url");
  const refusal = baseUrl && refusedBaseUrl(baseUrl, services.providers.requestBaseUrls);
  if (refusal) problems.push({ path: "overrides.model.base_url", message: refusal });
  if (body.mode === "live") problems.push(...unanswerable(overriddenModel(body), call, "mode"));
  if (body.mode !== "simulated")
    for (const judge of judges(body)) problems.push(...unanswerable([judge], call, judge.path));
  if (body.max_cost !== undefined) problems.push(...(await unpriced(call)));
  if (problems.length > 0) throw invalid(problems);
}

/** Only what the overrides name: otherwise every decision has its own. */
function overriddenModel({ overrides }: ExperimentCreate): Named[] {
  const model = objectAt(overrides ?? {}, "model");
  const name = textAt(model, "provider");
  if (model === undefined || name === undefined) return [];
  return [{ path: "overrides.model.provider", provider: providerNamed(name), model }];
}

function judges({ scorers }: ExperimentCreate): Named[] {
  return scorers.flatMap((scorer, i) =>
    scorer.type === "judge"
      ? [{ path: `scorers[${i}].model`, provider: judgeProvider(scorer), model: scorer.model }]
      : [],
  );
}

function unanswerable(
  named: readonly Named[],
  { services }: CreateCall,
  unconfigured: string,
): FieldProblem[] {
  return named.flatMap(({ path, provider, model }): FieldProblem[] => {
    if (provider === undefined)
      return [{ path, message: "names no provider that is known; GET /v1/providers lists them" }];
    if (services.providers.connection(provider) === undefined) {
      const message = `live: provider ${provider.name} is not configured; GET /v1/providers says what it needs`;
      return [{ path: unconfigured, message }];
    }
    const isJudge = path.startsWith("scorers");
    const isNamed = (textAt(model, "name") ?? "") !== "";
    return isJudge && !isNamed ? [{ path: `${path}.name`, message: "required" }] : [];
  });
}

/** A budget of money takes a price of everything that will be asked. */
async function unpriced({ body, ledger }: CreateCall): Promise<FieldProblem[]> {
  const prices = (await ledger.replays.prices()) ?? NO_PRICES;
  return [...overriddenModel(body), ...judges(body)].flatMap(({ provider, model }) => {
    const name = textAt(model, "name");
    if (provider === undefined || name === undefined) return [];
    if (priceOf(prices, provider.name, name) !== undefined) return [];
    const message = `cannot be kept: ${provider.name} ${name} has no price; set one with PUT /v1/prices`;
    return [{ path: "max_cost", message }];
  });
}
