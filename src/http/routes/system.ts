/** What answers without a credential: name, health, the API document and its reference page. */
import { z } from "zod";
import { FAULTS } from "../../ledger/fault.ts";
import { html } from "../../lib/html.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { VERSION } from "../version.ts";

const DESCRIPTION = "A system of record for AI decisions: record, replay, correct, prove, report.";

/** The reference page runs its own three files and nothing else. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const DOCS_SETUP = `SwaggerUIBundle({ url: "openapi.json", dom_id: "#reference", deepLinking: true, validatorUrl: null });`;

const text = (mediaType: string, description: string) => ({
  description,
  content: { [mediaType]: { schema: z.string() } },
});

export function systemEndpoints(document: () => object): Endpoint[] {
  return [
    endpoint(
      {
        method: "get",
        path: "/",
        scope: "public",
        operationId: "getService",
        tag: "Service",
        summary: "What this is",
        answer: {
          description: "Name and version",
          content: {
            "application/json": {
              schema: z.object({
                name: z.literal("LoopGrid"),
                version: z.string(),
                description: z.string(),
                docs: z.literal("/docs"),
              }),
            },
          },
        },
      },
      () => json({ name: "LoopGrid", version: VERSION, description: DESCRIPTION, docs: "/docs" }),
    ),
    endpoint(
      {
        method: "get",
        path: "/health",
        scope: "public",
        operationId: "getHealth",
        tag: "Service",
        summary: "Whether storage answers",
        answer: {
          description: "Healthy",
          content: {
            "application/json": {
              schema: z.object({
                status: z.enum(["healthy", "degraded"]),
                version: z.string(),
                service: z.literal("loopgrid"),
                finding: z
                  .object({
                    ledger: z.string(),
                    fault: z.enum(FAULTS),
                    index: z.int().nullable(),
                    message: z.string(),
                  })
                  .optional()
                  .meta({ description: "What verification found, when degraded." }),
              }),
            },
          },
        },
      },
      async ({ services }) => {
        const degraded = await services.health();
        const service = { version: VERSION, service: "loopgrid" };
        if (degraded === undefined) return json({ status: "healthy", ...service });
        const { ledger, finding } = degraded;
        const { fault, index, message } = finding;
        return json({ status: "degraded", ...service, finding: { ledger, fault, index, message } });
      },
    ),
    endpoint(
      {
        method: "get",
        path: "/openapi.json",
        scope: "public",
        operationId: "getOpenApi",
        tag: "Service",
        summary: "This API as OpenAPI 3.1",
        answer: {
          description: "OpenAPI 3.1",
          content: { "application/json": { schema: z.object({}) } },
        },
      },
      () => json(document()),
    ),
    endpoint(
      {
        method: "get",
        path: "/docs",
        scope: "public",
        operationId: "getDocs",
        tag: "Service",
        summary: "The API reference",
        answer: text("text/html", "A page that loads nothing from third parties"),
      },
      () =>
        new Response(docsPage().toString(), {
          headers: {
            "Content-Type": "text/html; charset=utf-8",
            "Content-Security-Policy": DOCS_POLICY,
          },
        }),
    ),
    docsFile("/docs/reference.js", "getDocsScript", "text/javascript", (docs) => docs.script),
    docsFile("/docs/reference.css", "getDocsStyle", "text/css", (docs) => docs.style),
    docsFile("/docs/setup.js", "getDocsSetup", "text/javascript", () => DOCS_SETUP),
  ];
}

function docsFile(
  path: `/${string}`,
  operationId: string,
  mediaType: string,
  read: (docs: { script: string; style: string }) => string,
): Endpoint {
  return endpoint(
    {
      method: "get",
      path,
      scope: "public",
      operationId,
      tag: "Service",
      summary: "A file of the API reference",
      answer: text(mediaType, "The file"),
    },
    ({ services, request }) => {
      const etag = `"${VERSION}"`;
      const headers = {
        "Content-Type": `${mediaType}; charset=utf-8`,
        ETag: etag,
        "Cache-Control": "public, max-age=3600",
      };
      if (request.headers.get("If-None-Match") === etag)
        return new Response(null, { status: 304, headers });
      return new Response(read(services.docs), { headers });
    },
  );
}

/** Relative URLs, so that the page also works under a path prefix. */
function docsPage() {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>LoopGrid API reference</title>
        <link rel="icon" href="data:," />
        <link rel="stylesheet" href="docs/reference.css" />
      </head>
      <body>
        <main id="reference">
          <noscript>The machine-readable document is at openapi.json.</noscript>
        </main>
        <script src="docs/reference.js"></script>
        <script src="docs/setup.js"></script>
      </body>
    </html>`;
}
