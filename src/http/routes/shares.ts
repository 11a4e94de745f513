/**
 * Shares: signed, expiring links to one evidence bundle or report, for auditors without a key. The
 * link is the credential, so it is never stored and never logged; it ends with its time, or with the
 * key that made it.
 */
import { z } from "zod";
import { KEY_ID } from "../../auth/api-key.ts";
import { openShare, signShare, type Share, type ShareTarget } from "../../auth/share-token.ts";
import { ID_RANDOM_BYTES, mintId } from "../../lib/ids.ts";
import { logAccess } from "../access.ts";
import { json } from "../answers.ts";
import { endpoint, type Endpoint } from "../endpoint.ts";
import { Problem } from "../problem.ts";
import type { Services } from "../services.ts";
import { reportResponse } from "./compliance.ts";
import { requireDecision } from "./decision-answer.ts";
import { evidenceResponse } from "./evidence.ts";

/** A week to look at it; a quarter at most, for a link cannot be taken back without its key. */
const EXPIRES_S_DEFAULT = 7 * 86_400;
const EXPIRES_S_MAX = 90 * 86_400;

const ExpiresIn = z
  .int()
  .min(1)
  .max(EXPIRES_S_MAX, { error: `must be at most ${EXPIRES_S_MAX}` })
  .nullish();

export const ShareCreate = z
  .discriminatedUnion(
    "kind",
    [
      z.object({
        kind: z.literal("evidence"),
        decision_id: z.string(),
        expires_in_seconds: ExpiresIn,
      }),
      z.object({
        kind: z.literal("report"),
        service_name: z.string().max(1024).nullish(),
        expires_in_seconds: ExpiresIn,
      }),
    ],
    { error: "must be evidence or report" },
  )
  .meta({
    id: "ShareCreate",
    example: { kind: "evidence", decision_id: "dec_019abf2e6f0e70008000000000a1b2c3" },
  });

export const ShareAnswer = z
  .object({
    share_id: z.string(),
    token: z.string(),
    url: z.string(),
    kind: z.enum(["evidence", "report"]),
    decision_id: z.string().optional(),
    service_name: z.string().nullable().optional(),
    ledger: z.string(),
    expires_at: z.string(),
  })
  .meta({ id: "Share", description: "Whoever has the link can open it: hand it over in private." });

const createShare = endpoint(
  {
    method: "post",
    path: "/v1/shares",
    scope: "export",
    operationId: "createShare",
    tag: "Shares",
    summary: "A signed, expiring link to one evidence bundle or report",
    description:
      "Nothing is stored: the link carries what it opens and until when. It also ends when the key that made it is revoked.",
    body: { schema: ShareCreate, required: true },
    answer: {
      description: "The link",
      content: { "application/json": { schema: ShareAnswer } },
    },
    problems: [404, 413, 415, 422],
  },
  async ({ body, request, principal, ledger, services }) => {
    const target: ShareTarget =
      body.kind === "evidence"
        ? { kind: "evidence", decision_id: body.decision_id }
        : { kind: "report", service_name: body.service_name ?? null };
    const decisionId = target.kind === "evidence" ? target.decision_id : undefined;
    if (decisionId !== undefined) await requireDecision(ledger, decisionId);
    const nowMs = services.now().getTime();
    const expiresMs = nowMs + 1000 * (body.expires_in_seconds ?? EXPIRES_S_DEFAULT);
    const counter = new DataView(services.random(4).buffer).getUint32(0);
    const share: Share = {
      share_id: mintId("shr_", nowMs, counter, services.random(ID_RANDOM_BYTES)),
      ledger: ledger.name,
      by: principal.actor,
      target,
      expires_at: new Date(expiresMs).toISOString(),
    };
    const token = signShare(share, await services.shareSecret());
    logAccess(services, { path: "/v1/shares" }, request, {
      ...principal,
      action: "share_created",
      target: decisionId ?? share.share_id,
      status: 200,
    });
    const { share_id, expires_at } = share;
    const url = `${new URL(request.url).origin}/v1/shares/${token}`;
    const { kind, ...what } = target;
    return json(
      { share_id, token, url, kind, ...what, ledger: ledger.name, expires_at },
      { "Cache-Control": "no-store" },
    );
  },
);

/** A link is a credential, and what it opens is content. */
const PRIVATE = {
  "Cache-Control": "private, no-store",
  "Referrer-Policy": "no-referrer",
  "X-Robots-Tag": "noindex, nofollow",
};

const openSharedLink = endpoint(
  {
    method: "get",
    path: "/v1/shares/{token}",
    scope: "public",
    operationId: "openShare",
    tag: "Shares",
    summary: "What a link opens",
    description: "An evidence bundle, or a report: a page unless `format=json`.",
    params: z.object({ token: z.string() }),
    query: z.object({
      format: z.enum(["html", "json"], { error: "must be html or json" }).optional(),
    }),
    answer: {
      description: "The bundle or the report",
      content: { "application/json": { schema: z.unknown() }, "text/html": { schema: z.string() } },
    },
    problems: [401, 404, 422],
  },
  async ({ params: { token }, query, request, services }) => {
    const share = await validShare(token, services);
    const ledger = await services.ledger(share.ledger);
    const { target } = share;
    const response =
      target.kind === "evidence"
        ? await evidenceResponse(ledger, target.decision_id)
        : await reportResponse(
            { query: { service_name: target.service_name ?? undefined }, ledger, services },
            query.format ?? "html",
          );
    logAccess(services, { path: "/v1/shares/{token}" }, request, {
      ledger: share.ledger,
      actor: share.share_id,
      action: "share_used",
      target: target.kind === "evidence" ? target.decision_id : undefined,
      status: response.status,
    });
    for (const [name, value] of Object.entries(PRIVATE)) response.headers.set(name, value);
    return response;
  },
);

/** @throws Problem 401, the same for a bad token and for one that has ended */
async function validShare(token: string, services: Services): Promise<Share> {
  const share = openShare(token, await services.shareSecret());
  const isOver = share !== undefined && Date.parse(share.expires_at) <= services.now().getTime();
  const maker =
    share !== undefined && KEY_ID.test(share.by) ? await services.keys.find(share.by) : null;
  const isRevoked = maker === undefined || (maker !== null && maker.revokedAt !== null);
  if (share === undefined || isOver || isRevoked) {
    throw new Problem(
      401,
      "The link is not valid: it is not one of ours, has expired or was ended",
      {
        headers: { "WWW-Authenticate": 'Bearer realm="loopgrid"' },
      },
    );
  }
  return share;
}

export const shareEndpoints: readonly Endpoint[] = [createShare, openSharedLink];
