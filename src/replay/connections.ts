/** Which providers can be asked, as the operator configured them. Keys never leave this port's user. */
import type { Connection } from "./execute.ts";
import type { ProviderSpec } from "./providers/table.ts";

export interface ProviderConnections {
  /** Undefined: no key, or, for a keyless provider, no base URL. */
  readonly connection: (provider: ProviderSpec) => Connection | undefined;
  /** Base URLs that a request may name. */
  readonly requestBaseUrls: readonly string[];
}
