/** Which models and versions recorded decisions, from when to when: M-CHG-01's rows. Pure. */
import type { Header } from "../ledger/schema.ts";
import type { MetricInput } from "./metric-input.ts";

export interface Configuration {
  readonly service: string;
  readonly provider: string | null;
  readonly model: string | null;
  readonly model_version: string | null;
  readonly system_version: string | null;
  readonly decisions: number;
  readonly first_index: number;
  readonly last_index: number;
  readonly first_day: string;
  readonly last_day: string;
  /** A change was recorded before its first decision. */
  readonly announced: boolean;
}

export function configurationsOf({ sums, data }: MetricInput): Configuration[] {
  const found = new Map<string, Omit<Configuration, "announced">>();
  for (const row of sums.decisions) {
    const names = {
      service: row.service ?? "",
      provider: row.provider ?? null,
      model: row.model ?? null,
      model_version: row.model_version ?? null,
      system_version: row.system_version ?? null,
    };
    const key = JSON.stringify(names);
    const known = found.get(key);
    const day = row.day ?? "";
    found.set(key, {
      ...names,
      decisions: (known?.decisions ?? 0) + row.entries,
      first_index: Math.min(known?.first_index ?? Infinity, row.firstIndex),
      last_index: Math.max(known?.last_index ?? -1, row.lastIndex),
      first_day: known === undefined || day < known.first_day ? day : known.first_day,
      last_day: known === undefined || day > known.last_day ? day : known.last_day,
    });
  }
  return [...found.values()]
    .toSorted((a, b) => a.first_index - b.first_index)
    .map((configuration) => ({
      ...configuration,
      announced: data.records.change_recorded.some((change) => announces(change, configuration)),
    }));
}

const NAMED = ["model_provider", "model_name", "model_version", "system_version"];

function announces(change: Header, configuration: Omit<Configuration, "announced">): boolean {
  const { facts, index } = change;
  const same = (fact: string, value: string | null): boolean =>
    facts[fact] === undefined || facts[fact] === value;
  return (
    index < configuration.first_index &&
    // A change that names neither a model nor a system version announces none.
    NAMED.some((fact) => facts[fact] !== undefined) &&
    facts["service_name"] === configuration.service &&
    same("model_provider", configuration.provider) &&
    same("model_name", configuration.model) &&
    same("model_version", configuration.model_version) &&
    same("system_version", configuration.system_version)
  );
}
