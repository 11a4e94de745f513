/** Bounds of version 1 entries, DESIGN §3. Each is a constant with its reason. */

/** C2SP tlog-tiles frames entries with a 16-bit length. */
export const HEADER_BYTES_MAX = 65_535;

/**
 * Canonical content of one entry. A D1 row holds 2,000,000 octets in production, and 4 MiB locally:
 * only this check protects people from writing locally what production refuses.
 */
export const CONTENT_BYTES_MAX = 1024 * 1024;

/** One HTTP request, batches included. Far below the platform's 100 MB and an isolate's 128 MB. */
export const REQUEST_BYTES_MAX = 16 * 1024 * 1024;

/** Entries of one batch request: the whole group still fits one commit. */
export const BATCH_DECISIONS_MAX = 1000;

/** Deeper JSON is refused before anything recurses; SQLite and other readers stop at similar depths. */
export const JSON_DEPTH_MAX = 64;

/** Names that become facts (service, type, provider, model): four of them, escaped, fit a header. */
export const NAME_LENGTH_MAX = 1024;

/** `Idempotency-Key`: 1 to 255 visible ASCII characters. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** Ledger names, DESIGN §2. */
export const LEDGER_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
