/**
 * Keys an isolate has looked up. Bounded in number and age: the age is how long a revoked key may
 * still work elsewhere (here it stops at once). Misses are kept apart, so that guesses neither reach
 * the database twice nor push real keys out.
 */
import type { ApiKeyRecord, ApiKeyStore } from "./key-record.ts";

/** A revocation is effective everywhere after this long; said in README and SECURITY.md. */
export const REVOCATION_MS_MAX = 30_000;
/** About a megabyte. */
const KEYS_MAX = 2000;
const MISSES_MAX = 2000;

interface Cached {
  readonly record: ApiKeyRecord | undefined;
  readonly untilMs: number;
}

export class KeyCache {
  readonly #find: (keyId: string) => Promise<ApiKeyRecord | undefined>;
  readonly #nowMs: () => number;
  readonly #found = new Map<string, Cached>();
  readonly #missed = new Map<string, Cached>();
  /** Grows with every change, so that a look-up begun before it is not kept after it. */
  #changes = 0;

  constructor(find: (keyId: string) => Promise<ApiKeyRecord | undefined>, nowMs: () => number) {
    this.#find = find;
    this.#nowMs = nowMs;
  }

  async get(keyId: string): Promise<ApiKeyRecord | undefined> {
    const cached = this.#found.get(keyId) ?? this.#missed.get(keyId);
    const nowMs = this.#nowMs();
    if (cached !== undefined && nowMs < cached.untilMs) return cached.record;
    const changes = this.#changes;
    const record = await this.#find(keyId);
    if (changes === this.#changes)
      this.#keep(keyId, { record, untilMs: nowMs + REVOCATION_MS_MAX });
    return record;
  }

  /** The key changed: the next use reads it again. */
  forget(keyId: string): void {
    this.#changes++;
    this.#found.delete(keyId);
    this.#missed.delete(keyId);
  }

  /** The key was used: remembered at once, so that a crowd of requests writes it down once. */
  used(keyId: string, lastUsedAt: string): void {
    const cached = this.#found.get(keyId);
    if (cached?.record === undefined) return;
    this.#found.set(keyId, { ...cached, record: { ...cached.record, lastUsedAt } });
  }

  #keep(keyId: string, cached: Cached): void {
    this.#found.delete(keyId);
    this.#missed.delete(keyId);
    const [map, most] =
      cached.record === undefined ? [this.#missed, MISSES_MAX] : [this.#found, KEYS_MAX];
    map.set(keyId, cached);
    // A Map keeps insertion order: the first one is the oldest.
    for (const oldest of map.keys()) {
      if (map.size <= most) break;
      map.delete(oldest);
    }
  }
}

/** The store, with every change seen at once by this isolate's look-ups, also one of unknown outcome. */
export function throughCache(store: ApiKeyStore, cache: KeyCache): ApiKeyStore {
  return {
    ...store,
    async add(record, replaces) {
      try {
        await store.add(record, replaces);
      } finally {
        cache.forget(record.keyId);
        if (replaces !== undefined) cache.forget(replaces.keyId);
      }
    },
    async revoke(keyId, at) {
      try {
        await store.revoke(keyId, at);
      } finally {
        cache.forget(keyId);
      }
    },
    used(keyId, at) {
      cache.used(keyId, at);
      return store.used(keyId, at);
    },
  };
}
