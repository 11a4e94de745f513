/**
 * The package as people install it, from `npm pack`, in a folder with nothing else: it is imported and
 * required, its types need no other package, and its files are few. Built by `npm run build`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { buildSync } from "esbuild";
import { afterAll, beforeAll, test } from "vitest";

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
/** A page loads it: what a photograph takes is too much. It was 16 kB when this was written. */
const GZIP_BYTES_MAX = 20_000;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "loopgrid-package-"));
  execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", folder], {
    cwd: REPOSITORY,
  });
  const [file = ""] = readdirSync(folder);
  mkdirSync(join(folder, "node_modules"));
  execFileSync("tar", ["xzf", file], { cwd: folder });
  symlinkSync(join(folder, "package"), join(folder, "node_modules", "loopgrid-edge"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PROBE = `
  const grid = new LoopGrid({ baseUrl: "http://127.0.0.1:9", maxRetries: 0 });
  grid.health().catch((error) => console.log(VERSION, error instanceof LoopGridError, error.name));
`;

function run(file: string, text: string): string {
  writeFileSync(join(folder, file), text);
  return execFileSync(process.execPath, [file], { cwd: folder, encoding: "utf8" }).trim();
}

test("it is imported and required", ({ expect }) => {
  const said = expect.stringMatching(/^\d+\.\d+\.\d+ true LoopGridConnectionError$/);
  const names = "{ LoopGrid, LoopGridError, VERSION }";
  expect(run("a.mjs", `import ${names} from "loopgrid-edge"; ${PROBE}`)).toEqual(said);
  expect(run("b.cjs", `const ${names} = require("loopgrid-edge"); ${PROBE}`)).toEqual(said);
  const verify = `import { verifyEvidence } from "loopgrid-edge/verify";
    import { recordCalls } from "loopgrid-edge/ai-sdk";
    const { status } = await verifyEvidence("{}", { keys: [] });
    console.log(status, typeof recordCalls);`;
  expect(run("c.mjs", verify)).toBe("tampered function");
});

test("its types stand by themselves, strictly, and say what an answer holds", ({ expect }) => {
  writeFileSync(
    join(folder, "consumer.mts"),
    `import { LoopGrid, type Decision, type Replay } from "loopgrid-edge";
     import { verifyReceipt } from "loopgrid-edge/verify";
     import { recordCalls } from "loopgrid-edge/ai-sdk";
     interface Ticket { subject: string }
     const ticket: Ticket = { subject: "VAT" };
     const grid = new LoopGrid({ serviceName: "s" });
     export async function use(): Promise<Decision["status"]> {
       const recorded = await grid.recordDecision({
         decisionType: "reply", input: ticket, model: {}, output: {}, automationLevel: "advisory",
       });
       const replay: Replay = await grid.createReplay({ decisionId: recorded.decision_id });
       const level: "exact" | "equivalent" | "adapted" | "reconstructed" | "not_replayable" | undefined =
         replay.fidelity?.level;
       await verifyReceipt(recorded, { keys: [String(level)] });
       const route = grid.decision("routing", async (t: Ticket) => ({ queue: t.subject }));
       const { queue } = await route(ticket);
       // @ts-expect-error no such level
       await grid.record({ decisionType: queue, input: {}, model: {}, output: {}, automationLevel: "x" });
       // @ts-expect-error a type that every member has would hide this
       recorded.nothing;
       recordCalls(grid);
       return recorded.status;
     }`,
  );
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        skipLibCheck: false,
        module: "nodenext",
        target: "es2022",
        lib: ["es2022", "dom", "dom.iterable"],
        types: [],
      },
      files: ["consumer.mts"],
    }),
  );
  const tsc = join(REPOSITORY, "node_modules/typescript/bin/tsc");
  expect(spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" }).stdout).toBe("");
});

test("a page that imports the client loads little, and nothing of Node", ({ expect }) => {
  const { outputFiles } = buildSync({
    stdin: { contents: 'export { LoopGrid } from "loopgrid-edge"', resolveDir: folder },
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    platform: "browser",
    splitting: true,
    outdir: folder,
  });
  const entry = outputFiles.find(({ path }) => path.endsWith("stdin.js"));
  const imported = [...(entry?.text ?? "").matchAll(/from"\.\/(chunk-[^"]+)"/g)].map(
    ([, name]) => name,
  );
  const chunks = outputFiles.filter(({ path }) =>
    imported.some((name) => path.endsWith(String(name))),
  );
  const text = [entry, ...chunks].map((file) => file?.text ?? "").join("\n");
  expect(text).toContain("/v1/decisions/batch");
  expect(text).not.toMatch(/from"node:|import\("node:|require\(/);
  expect(gzipSync(text).length).toBeLessThan(GZIP_BYTES_MAX);
});
