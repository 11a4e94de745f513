/**
 * Reading one line of a file strictly: its own RFC 8785 form, known members only. Pure.
 * A line that is not JSON at all is unreadable; one that is, but not exactly as written, was changed.
 */
import type { z } from "zod";
import { isCanonical } from "./canonical-json.ts";

export type StrictLine<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly readable: boolean; readonly message: string };

export function readLine<T>(schema: z.ZodType<T>, text: string): StrictLine<T> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, readable: false, message: "not JSON" };
  }
  if (!isCanonical(text)) return { ok: false, readable: true, message: "not in canonical form" };
  const parsed = schema.safeParse(value);
  if (parsed.success) return { ok: true, value: parsed.data };
  const [issue] = parsed.error.issues;
  return {
    ok: false,
    readable: true,
    message: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`,
  };
}
