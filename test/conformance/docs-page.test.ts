/**
 * The API reference: a page under its own policy that loads its own files and nothing else. Where
 * there is a Chromium (LOOPGRID_CHROMIUM, default /usr/bin/chromium) the page is opened in it.
 */
import { existsSync, writeFileSync } from "node:fs";
import { describe, test } from "vitest";
import { openPage } from "../support/chromium.ts";
import { serveThisFile } from "../support/conformance.ts";

const CHROMIUM = process.env["LOOPGRID_CHROMIUM"] ?? "/usr/bin/chromium";

const served = serveThisFile();

/** src and href of a page. */
function referencesIn(page: string): string[] {
  return [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = ""]) => url);
}

describe("the page", () => {
  test.for(["", "/t/some-key"])(
    "at '%s/docs' references only files of its own server, that are there",
    async (prefix, { expect }) => {
      const { text, headers } = await served.api.get(`${prefix}/docs`);
      expect(headers.get("Content-Type")).toBe("text/html; charset=utf-8");
      const references = referencesIn(text).filter((url) => !url.startsWith("data:"));
      expect(references.length).toBeGreaterThanOrEqual(3);
      for (const reference of references) {
        const url = new URL(reference, `${served.server.url}${prefix}/docs`);
        expect(url.origin).toBe(served.server.url);
        expect(url.pathname.startsWith(`${prefix}/docs/`)).toBe(true);
        const file = await served.api.get(url.pathname);
        expect(file.status).toBe(200);
        expect(file.text.length).toBeGreaterThan(0);
      }
      expect(text).not.toMatch(/\son\w+=|<script>|javascript:/);
    },
  );

  test("has a policy that lets scripts come from its own server only", async ({ expect }) => {
    const { headers } = await served.api.get("/docs");
    const policy = new Map(
      (headers.get("Content-Security-Policy") ?? "").split(";").map((directive) => {
        const [name = "", ...sources] = directive.trim().split(/\s+/);
        return [name, sources.join(" ")];
      }),
    );
    expect(Object.fromEntries(policy)).toMatchObject({
      "default-src": "'none'",
      "script-src": "'self'",
      "connect-src": "'self'",
      "base-uri": "'none'",
      "frame-ancestors": "'none'",
    });
    for (const [name, sources] of policy) expect(sources, name).not.toMatch(/https?:|\*/);
  });

  test("has files that a browser may keep and ask about again", async ({ expect }) => {
    const first = await served.api.get("/docs/reference.js");
    expect(first.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
    const etag = first.headers.get("ETag") ?? "";
    expect(etag).toMatch(/^"/);
    const again = await served.api.get("/docs/reference.js", { "If-None-Match": etag });
    expect(again.status).toBe(304);
  });
});

const noBrowser = !existsSync(CHROMIUM);

describe.skipIf(noBrowser)(
  `in a browser${noBrowser ? ` (skipped: there is no ${CHROMIUM})` : ""}`,
  () => {
    test.for(["", "/t/some-key"])(
      "'%s/docs' shows every operation, without an error or a request elsewhere",
      async (prefix, { expect }) => {
        const { operations, document } = served.api;
        const shown = `document.querySelectorAll(".opblock").length === ${operations.length}`;
        const page = await openPage(CHROMIUM, `${served.server.url}${prefix}/docs`, shown);
        // To be looked at by a person.
        const file = process.env["LOOPGRID_SCREENSHOT"];
        if (file !== undefined) writeFileSync(file, page.screenshot);
        for (const { declared, path } of operations) {
          expect(page.dom).toContain(`data-path="${path}"`);
          expect(page.dom).toContain(declared["summary"]);
        }
        expect(document).toMatchObject({ info: { title: "LoopGrid" } });
        expect(page.dom).toContain("LoopGrid");
        const requested = page.requested.filter((url) => !url.startsWith("data:"));
        expect(requested).toContain(`${served.server.url}${prefix}/openapi.json`);
        for (const url of requested) expect(new URL(url).origin).toBe(served.server.url);
        expect(page.complaints).toEqual([]);
      },
    );
  },
);
