/** `loopgrid verify` as an auditor runs it: a file, some arguments, an exit code and a verdict. */
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

export interface Verified {
  readonly code: number;
  readonly verdict: {
    readonly status: string;
    readonly erased: number;
    readonly entries: number;
    readonly findings: readonly { readonly fault: string }[];
  };
}

/** Writes the text to the file, then asks what it proves. @throws when there is no verdict at all */
export function verifyFile(
  file: string,
  text: string,
  ...args: readonly string[]
): Promise<Verified> {
  writeFileSync(file, text);
  return new Promise((resolve, reject) => {
    const command = ["src/cli/main.ts", "verify", file, "--json", ...args];
    execFile(process.execPath, command, { cwd: REPOSITORY }, (error, stdout, stderr) => {
      const code = error === null ? 0 : Number(error.code);
      if (stdout === "") reject(new Error(stderr));
      else resolve({ code, verdict: JSON.parse(stdout) });
    });
  });
}
