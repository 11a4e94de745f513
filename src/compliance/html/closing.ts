/** Integrity, samples, management's response, attestation and annexes. */
import { html, type SafeHtml } from "../../lib/html.ts";
import { DEAD_INSTRUMENTS, REGIMES } from "../legal-baseline.ts";
import { OPERATOR_CONTROLS } from "../statements.ts";
import { THRESHOLDS } from "../thresholds.ts";
import {
  cell,
  facts,
  list,
  moment,
  number,
  table,
  text,
  textOf,
  unbroken,
  words,
} from "./parts.ts";
import type { View } from "./view.ts";

export function integrity({ report }: View): SafeHtml {
  const { ledger_integrity: seen } = report;
  const state =
    seen.valid === true
      ? "verifies"
      : seen.valid === false
        ? "does not verify"
        : "not fully checked";
  return html`${facts([
      ["Verdict", `${state}: ${seen.message}`],
      ["Entries", seen.ledger_total],
      ["Root hash", html`<span class="hash">${seen.root_hash ?? "none"}</span>`],
      ["Erased fields, each explained by an entry", seen.erased_fields],
      [
        "Last whole verification",
        seen.last_verified === null
          ? "none"
          : `${seen.last_verified.at}, ${seen.last_verified.size} entries`,
      ],
      ["Cosigned by witnesses up to", seen.cosigned_size ?? "no witness"],
      ["Public keys", seen.verifier_keys.join(", ")],
    ])}
    <h3>Verify it yourself</h3>
    <p>With a public key that you had from somewhere else than from this server:</p>
    <pre>
curl -s "$SERVER/v1/export/ledger" -o ledger.ndjson
npx loopgrid-edge verify ledger.ndjson --key "$KEY"
npx loopgrid-edge verify report.json --key "$KEY"</pre>
    <p>
      Exit code 0 is verified, 1 tampered, 2 unproven. Whoever kept an older signed checkpoint adds
      <code>--checkpoint kept.txt</code> and sees that the ledger only grew.
    </p>
    <h3>The signed checkpoint over the last entry that counts</h3>
    <pre>${seen.checkpoint ?? "none"}</pre>`;
}

export function samples({ report }: View): SafeHtml {
  const { method, size, items } = report.samples;
  return html`<p>
      ${size} decisions, drawn so that nobody picks them: ${method} What they say is withheld: an
      auditor reads it with a key of their own, which leaves a trace in the access log.
    </p>
    ${table(
      "Sampled decisions",
      [
        text("Entry"),
        text("Recorded"),
        text("Decision and chain hash"),
        text("What"),
        text("Content"),
      ],
      items.map((row) => [
        unbroken(cell(row, "index")),
        moment(cell(row, "recorded_at")),
        html`<span class="hash">${textOf(row, "decision_id")}</span><br /><span class="hash"
            >${textOf(row, "chain_hash")}</span
          >`,
        ["service_name", "decision_type", "model_name", "model_version"]
          .map((member) => textOf(row, member))
          .filter(Boolean)
          .join(" · "),
        `${textOf(row, "payload")}: ${textOf(row, "committed")}`,
      ]),
    )}`;
}

export function response({ report }: View): SafeHtml {
  const failures = report.exceptions.filter(({ severity }) => severity === "failure");
  return html`<p>To be filled in by the operator's management, for each failure.</p>
    ${
      failures.length === 0
        ? html`<p class="note">No failure to respond to.</p>`
        : html`${failures.map(
            ({ message }) =>
              html`<h4>${message}</h4>
                <div class="sign">
                  <div>Response</div>
                  <div>Name, date</div>
                </div>`,
          )}`
    }`;
}

function signature(meaning: string): SafeHtml {
  return html`<h4>${meaning}</h4>
    <div class="sign">
      <div>Printed name</div>
      <div>Role</div>
      <div>Date and time</div>
      <div>Signature, meaning: ${meaning.toLowerCase()}</div>
    </div>`;
}

export function attestation({ report }: View): SafeHtml {
  return html`<p>
      Over report <code>${report.report_id ?? "preview, not issued"}</code>, hash
      <span class="hash">${report.verification.report_hash ?? "none: issue the report first"}</span>
      (${report.verification.canonicalisation}, SHA-256).
    </p>
    ${signature("Prepared")} ${signature("Reviewed")} ${signature("Approved")}
    <h3>Auditor's opinion</h3>
    <p class="note">This page is for an independent auditor. LoopGrid gives no opinion.</p>
    <div class="sign">
      <div>Opinion</div>
      <div>Name, firm, date</div>
    </div>`;
}

export function annexes({ report }: View): SafeHtml {
  return html`<h3>Limitations</h3>
    ${list(report.limitations)}
    <h3>What the operator has to do</h3>
    ${list([...OPERATOR_CONTROLS])}
    <h3>House thresholds</h3>
    ${table(
      report.threshold_set.id,
      [text("Threshold"), number("Value"), number("Overridden"), text("Meaning")],
      Object.entries(THRESHOLDS).map(([name, { value, meaning }]) => [
        words(name),
        value,
        report.threshold_set.overrides[name] ?? null,
        meaning,
      ]),
    )}
    <h3>Legal baseline of ${report.legal_baseline["set"]}</h3>
    ${facts(Object.entries(report.legal_baseline).map(([name, value]) => [words(name), value]))}
    ${table(
      "From when provisions apply",
      [text("Provisions"), text("From"), text("Note")],
      Object.entries(REGIMES).map(([name, { from, note }]) => [words(name), from, note]),
    )}
    <p>No mapping is made to instruments that are no longer in force:</p>
    ${list([...DEAD_INSTRUMENTS])}
    <h3>Dictionary</h3>
    ${facts([
      ["Decision", "A decision_recorded entry: what an AI system put out, with its facts."],
      [
        "Review by a person",
        "A correction, or a review by a natural person; never a service account.",
      ],
      [
        "Authenticated",
        "The operator's own sign-in vouches for the reviewer, and the request had a credential.",
      ],
      ["Declared", "Somebody said so; nobody checked."],
      ["Found wrong", "A correction, or a review with outcome override, reverse or not used."],
      [
        "Live replay",
        "The provider was asked again. A simulated replay asks nobody and is no test.",
      ],
      ["Pruned", "Content erased because its retention class was over."],
      ["Held", "Kept from erasure by an entry."],
    ])}`;
}
