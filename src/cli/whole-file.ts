/** Files that are there whole or not at all: a copy that was cut short must not pass for one. */
import { realpath, rename, rm, stat } from "node:fs/promises";
import { InputError } from "./json-lines.ts";

/**
 * Written beside its place, then renamed to it.
 *
 * @throws InputError when the file cannot be written
 */
export async function writeWhole(
  file: string,
  write: (path: string) => Promise<void>,
): Promise<void> {
  const place = await realpath(file).catch(() => file); // a link stays one
  const part = (await isSpecial(place)) ? undefined : `${place}.part`;
  try {
    await write(part ?? place);
    if (part !== undefined) await rename(part, place);
  } catch (error) {
    if (part !== undefined) await rm(part, { force: true }).catch(() => undefined);
    if (error instanceof Error && "syscall" in error)
      throw new InputError(`${file}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A device or a pipe, which nothing can take the place of. */
async function isSpecial(file: string): Promise<boolean> {
  const found = await stat(file).catch(() => undefined);
  return found !== undefined && !found.isFile();
}
