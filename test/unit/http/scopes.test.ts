/** The table of scopes: default deny, and a change of what a route takes is a change of this file. */
import { test } from "vitest";
import { SCOPES } from "../../../src/auth/scope.ts";
import { ENDPOINTS } from "../../../src/http/app.ts";

const TABLE: Readonly<Record<string, string>> = {
  "get /": "public",
  "get /health": "public",
  "get /openapi.json": "public",
  "get /docs": "public",
  "get /docs/reference.js": "public",
  "get /docs/reference.css": "public",
  "get /docs/setup.js": "public",
  "get /v1/shares/{token}": "public",
  "post /v1/decisions": "record",
  "post /v1/decisions/batch": "record",
  "get /v1/decisions": "read",
  "get /v1/decisions/{decision_id}": "read",
  "get /v1/decisions/{decision_id}/history": "read",
  "get /v1/replays/{replay_id}": "read",
  "get /v1/replays": "read",
  "post /v1/experiments": "replay",
  "get /v1/experiments": "read",
  "get /v1/experiments/{experiment_id}": "read",
  "get /v1/experiments/{experiment_id}/items": "read",
  "post /v1/experiments/{experiment_id}/cancel": "replay",
  "post /v1/experiments/{experiment_id}/resume": "replay",
  "get /v1/providers": "read",
  "get /v1/prices": "read",
  "put /v1/prices": "admin",
  "get /v1/decisions/{decision_id}/compare/{replay_id}": "read",
  "get /v1/ledger": "read",
  "get /v1/ledger/checkpoint": "read",
  "get /v1/ledger/entries": "read",
  "get /v1/ledger/proof/inclusion": "read",
  "get /v1/ledger/proof/consistency": "read",
  "get /v1/ledger/tile/{level}/{tile}": "read",
  "get /v1/integrity/verify": "read",
  "get /v1/integrity/gaps": "read",
  "get /v1/compliance/report": "read",
  "get /v1/compliance/report/html": "read",
  "post /v1/compliance/reports": "export",
  "get /v1/metrics": "read",
  "get /v1/compliance/reports/{report_id}": "read",
  "post /v1/decisions/{decision_id}/incorrect": "review",
  "post /v1/decisions/{decision_id}/correction": "review",
  "post /v1/records": "review",
  "get /v1/records": "read",
  "get /v1/records/{record_id}": "read",
  "post /v1/records/{record_id}/erasure": "erase",
  "post /v1/retention/prune": "erase",
  "post /v1/replays": "replay",
  "get /v1/export/decisions": "export",
  "get /v1/export/ledger": "export",
  "get /v1/decisions/{decision_id}/evidence": "export",
  "post /v1/shares": "export",
  "post /v1/decisions/{decision_id}/erasure": "erase",
  "post /v1/decisions/{decision_id}/hold": "erase",
  "post /v1/ledgers": "admin",
  "post /v1/keys": "admin",
  "get /v1/keys": "admin",
  "delete /v1/keys/{key_id}": "admin",
  "post /v1/keys/{key_id}/rotate": "admin",
  "get /v1/access-log": "admin",
};

const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;

test("every route has a scope, and it is the one written down here", ({ expect }) => {
  const scopes = Object.fromEntries(ENDPOINTS.map((one) => [nameOf(one), one.scope]));
  for (const [route, scope] of Object.entries(scopes))
    expect(["public", ...SCOPES], route).toContain(scope);
  expect(scopes).toEqual(TABLE);
});

test("verification, proofs and exports are never rate-limited, and nothing that writes is exempt", ({
  expect,
}) => {
  const unlimited = ENDPOINTS.filter(({ access }) => access.unlimited);
  expect(unlimited.map(nameOf).toSorted()).toEqual(
    [
      "get /v1/decisions/{decision_id}/evidence",
      "get /v1/export/decisions",
      "get /v1/export/ledger",
      "get /v1/integrity/verify",
      "get /v1/ledger",
      "get /v1/ledger/checkpoint",
      "get /v1/ledger/entries",
      "get /v1/ledger/proof/consistency",
      "get /v1/ledger/proof/inclusion",
      "get /v1/ledger/tile/{level}/{tile}",
    ].toSorted(),
  );
});

const asked = (query: string) =>
  ENDPOINTS.filter(({ access }) => access.publicProof?.(new URLSearchParams(query))).map(nameOf);

test("what can be public where the operator says so shows no content", ({ expect }) => {
  const proofs = [
    "get /v1/ledger/checkpoint",
    "get /v1/ledger/proof/inclusion",
    "get /v1/ledger/proof/consistency",
    "get /v1/ledger/tile/{level}/{tile}",
  ];
  for (const query of ["", "content=true", "content="])
    expect(asked(query).toSorted()).toEqual(proofs.toSorted());
  expect(asked("content=false").toSorted()).toEqual(
    [...proofs, "get /v1/ledger/entries"].toSorted(),
  );
});
