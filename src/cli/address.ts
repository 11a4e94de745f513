/** A server's address as the SDK resolves it: what every command asks goes to the same place, as the same caller. */
import { InputError } from "./json-lines.ts";

/** @throws InputError, which never shows the address: it may hold a credential */
export function atServer<T>(url: string, make: () => T): T {
  if (!URL.canParse(url)) throw new InputError("The server's address is not a URL");
  try {
    return make();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`The server's address: ${reason}`, { cause: error });
  }
}
