import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

/** Nothing leaves the machine: a test that needs an answer from outside says so itself. */
const blockOutbound = (request: { url: string }) =>
  new Response(`blocked ${request.url}`, { status: 599 });

/** CI counts from the runner's own report. */
const report = process.env["LOOPGRID_REPORT"];

export default defineConfig({
  test: {
    ...(report === undefined
      ? {}
      : { reporters: ["default", "json"], outputFile: { json: report } }),
    // A file at a time is the default on two cores; black-box files mostly wait for their servers.
    maxWorkers: 2,
    projects: [
      // Pure code, in Node, in milliseconds.
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 60_000 } },
      // Inside workerd: D1, Durable Objects, the real Worker.
      {
        plugins: [
          cloudflareTest(async () => ({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: { LOOPGRID_AUTH: "open", MIGRATIONS: await readD1Migrations("migrations") },
              // A second database: ledgers other than `main` spread over both.
              d1Databases: { DB_1: "second" },
              outboundService: blockOutbound,
            },
          })),
        ],
        // Generous: two files share the machine, and a limit is for what hangs.
        test: { name: "worker", include: ["test/worker/**/*.test.ts"], testTimeout: 90_000 },
      },
      // Black box: a server started by `npm run dev`, spoken to over HTTP.
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      // Against the data sets and vectors in LOOPGRID_DATA; skipped where they are not.
      {
        test: {
          name: "data",
          include: ["test/data/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
