/** `grid.keys`, `grid.shares`, `grid.prices`, `grid.providers`, `grid.accessLog`: for operators. */
import { onTheWire } from "./naming.ts";
import { eachOf } from "./streams.ts";
import { newKey, type AppendOptions, type CallOptions, type Transport } from "./transport.ts";
import type {
  AccessLog,
  KeyParams,
  KeyRotateParams,
  ListedKey,
  NewKey,
  PriceList,
  PriceListParams,
  Provider,
  Share,
  ShareParams,
} from "./wire.ts";

export class Keys {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** The credential is in the answer once, and nowhere else. */
  async create(key: KeyParams, options?: AppendOptions): Promise<NewKey> {
    return this.#transport.append("/v1/keys", onTheWire(key), options);
  }

  /** Newest first. */
  all(options?: CallOptions): AsyncGenerator<ListedKey> {
    return eachOf(async (cursor) => {
      const page = await this.#transport.get<{ keys: ListedKey[]; next_cursor: string | null }>(
        "/v1/keys",
        { cursor },
        options,
      );
      return { items: page.keys, nextCursor: page.next_cursor };
    });
  }

  /** The old key works for `overlapSeconds` more. */
  async rotate(
    keyId: string,
    rotation: KeyRotateParams = {},
    options?: AppendOptions,
  ): Promise<NewKey & { replaces: string; replaced_expires_at: string }> {
    const path = `/v1/keys/${encodeURIComponent(keyId)}/rotate`;
    return this.#transport.append(path, onTheWire(rotation), options);
  }

  async revoke(
    keyId: string,
    { idempotencyKey = newKey(), signal }: Omit<AppendOptions, "receipt"> = {},
  ): Promise<{ key_id: string; revoked_at: string }> {
    const path = `/v1/keys/${encodeURIComponent(keyId)}`;
    const asked = { method: "DELETE", path, idempotencyKey, signal } as const;
    return (await this.#transport.json<{ key_id: string; revoked_at: string }>(asked)).value;
  }
}

export class Shares {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** A signed, expiring link to one evidence bundle or report. Nothing is stored. */
  async create(share: ShareParams, options: CallOptions = {}): Promise<Share> {
    const body = JSON.stringify(onTheWire(share));
    const asked = { ...options, method: "POST", path: "/v1/shares", body } as const;
    return (await this.#transport.json<Share>(asked)).value;
  }
}

export class Prices {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async get(version?: number, options?: CallOptions): Promise<PriceList> {
    return this.#transport.get("/v1/prices", { version }, options);
  }

  /** Replaces the list; older replays keep their cost. */
  async set(prices: PriceListParams, options: CallOptions = {}): Promise<PriceList> {
    const body = JSON.stringify(onTheWire(prices));
    const asked = { ...options, method: "PUT", path: "/v1/prices", body } as const;
    return (await this.#transport.json<PriceList>(asked)).value;
  }
}

export async function providers(
  transport: Transport,
  options?: CallOptions,
): Promise<readonly Provider[]> {
  const answer = await transport.get<{ providers: Provider[] }>("/v1/providers", {}, options);
  return answer.providers;
}

/** Who read content, exported, or was refused; newest first. */
export function accessLog(
  transport: Transport,
  options?: CallOptions,
): AsyncGenerator<AccessLog["entries"][number]> {
  return eachOf(async (cursor) => {
    const page = await transport.get<AccessLog>("/v1/access-log", { cursor }, options);
    return { items: page.entries, nextCursor: page.next_cursor };
  });
}
