/**
 * `npm run demo`: LoopGrid in one minute, against a running server. Records decisions, corrects the
 * wrong ones, replays one, verifies the ledger, and says what the report concludes.
 */
import { Command, Option } from "commander";
import type { z } from "zod";
import { LoopGridClient, ServerProblem, Unreachable } from "./client.ts";
import * as answers from "./demo/answers.ts";
import { builtInSource, fileSource, type Source } from "./demo/source.ts";
import {
  recordDecisions,
  replayDecision,
  reviewDecisions,
  verifyLedger,
  type Recorded,
  type Replayed,
  type Reviewed,
  type Run,
  type Verified,
} from "./demo/steps.ts";
import { InputError } from "./json-lines.ts";
import { counted, oneLine, plural, rated, seconds, Terminal } from "./terminal.ts";

interface Options {
  readonly url: string;
  readonly apiKey?: string;
  readonly decisions?: string;
  readonly corrections?: string;
  readonly run: string;
  readonly json: boolean;
}

const command = new Command("demo")
  .usage("[-- <options>]")
  .description(
    "Records decisions on a running LoopGrid server, corrects the wrong ones, replays one,\nverifies the ledger and shows what the report concludes.",
  )
  .addOption(
    new Option("--url <url>", "the server").env("LOOPGRID_URL").default("http://localhost:8000"),
  )
  .option("--api-key <key>", "where the server asks for one; LOOPGRID_API_KEY by itself")
  .option("--decisions <file>", "decisions of your own, one JSON object a line")
  .option("--corrections <file>", "what was wrong: {index, incorrect, reason, correction, …} lines")
  .option("--run <name>", "another name records the same decisions again", "demo")
  .option("--json", "a summary for programs on stdout, progress on stderr", false)
  .addHelpText(
    "after",
    `
Decision lines:   service_name, decision_type, input, model, output; optional prompt, tool_calls, metadata
Correction lines: index (the decision's line, from 0), incorrect: true, reason, correction, corrected_by

After an abort, run the same command again: what was recorded is found, not duplicated.
Examples: npm run demo
          npm run demo -- --decisions decisions.jsonl --corrections corrections.jsonl`,
  );

try {
  await demo(command.parse().opts<Options>());
} catch (error) {
  const known =
    error instanceof InputError || error instanceof ServerProblem || error instanceof Unreachable;
  if (!known && !(error instanceof TypeError)) throw error;
  new Terminal(process.stderr).line(`\nThe demo stopped. ${error.message}`);
  process.exitCode = 1;
}

async function demo(options: Options): Promise<void> {
  const screen = new Terminal(options.json ? process.stderr : process.stdout);
  const client = new LoopGridClient(options);
  if (options.corrections !== undefined && options.decisions === undefined)
    throw new InputError("--corrections goes with --decisions: it names that file's lines");
  const { version } = await findServer(client);
  const source =
    options.decisions === undefined
      ? builtInSource()
      : await fileSource(options.decisions, options.corrections);
  const title = `${screen.paint("bold", "LoopGrid demo")}  ${client.shownUrl}`;
  screen.line(`\n${title}  ${screen.paint("dim", `server ${version}`)}`);
  const shared = { client, source, name: options.run };

  heading(screen, 1, "Record", `${plural(source.decisionCount, "decision")} from ${source.name}`);
  const recording = await timed(screen, source.decisionCount, (progress) =>
    recordDecisions({ ...shared, progress }),
  );
  showRecorded(screen, recording);

  heading(screen, 2, "Review", reviewSummary(source));
  const reviewing = await timed(screen, source.reviewCount, (progress) =>
    reviewDecisions({ ...shared, progress }, recording.result.ids),
  );
  showReviewed(screen, reviewing);

  const replayedId = firstReviewed(source, recording.result);
  heading(screen, 3, "Replay", "what would another prompt template have changed?");
  const replaying =
    replayedId === undefined
      ? undefined
      : await timed(screen, 1, (progress) => replayDecision({ ...shared, progress }, replayedId));
  if (replaying === undefined) done(screen, "nothing was recorded, nothing to replay");
  else showReplayed(screen, replaying.result);

  heading(screen, 4, "Verify", "recompute the ledger from its stored bytes");
  const verifying = await timed(screen, 1, () => verifyLedger(shared));
  const ledger = await client.get("/v1/ledger", answers.LedgerState);
  showVerified(screen, verifying, ledger);

  heading(screen, 5, "Report", "LoopGrid 0.1's rule over counts; not a legal assessment");
  const report = await client.get("/v1/compliance/report", answers.Report);
  const links = {
    report: `${client.shownUrl}/v1/compliance/report/html`,
    api: `${client.shownUrl}/docs`,
    checkpoint: `${client.shownUrl}/v1/ledger/checkpoint`,
  };
  showReport(screen, report, links);

  if (options.json) {
    const summary = {
      url: client.shownUrl,
      server_version: version,
      decisions: {
        recorded: recording.result.recorded,
        already_recorded: recording.result.alreadyThere,
        seconds: roundedSeconds(recording.ms),
      },
      reviews: {
        flagged: reviewing.result.flagged,
        corrected: reviewing.result.corrected,
        already_recorded: reviewing.result.alreadyThere,
        seconds: roundedSeconds(reviewing.ms),
      },
      replay: replaying && {
        decision_id: replaying.result.decision.decision_id,
        ...replaying.result.replay,
        ...replaying.result.comparison,
      },
      integrity: {
        valid: verifying.result.valid,
        message: verifying.result.message,
        entries: verifying.result.entries,
        size: verifying.result.size,
        root_hash: verifying.result.rootHash,
        seconds: roundedSeconds(verifying.ms),
      },
      report: report.eu_ai_act_mapping,
      retries: client.retries,
      links,
    };
    console.log(JSON.stringify(summary, null, 2));
  }
  if (verifying.result.valid !== true) process.exitCode = 1;
}

/** @throws Unreachable that says how to start a server */
async function findServer(client: LoopGridClient): Promise<z.infer<typeof answers.Service>> {
  try {
    return await client.probe("/", answers.Service);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    throw new Unreachable(
      `No LoopGrid server at ${client.shownUrl} (${error.message}).
Start one in another terminal with

    npm run dev

or name a running one: npm run demo -- --url <url>`,
      { cause: error },
    );
  }
}

interface Timed<T> {
  readonly result: T;
  readonly ms: number;
}

async function timed<T>(
  screen: Terminal,
  total: number,
  work: (progress: Run["progress"]) => Promise<T>,
): Promise<Timed<T>> {
  const progress = screen.progress(total);
  const startedMs = performance.now();
  try {
    const result = await work(progress);
    return { result, ms: performance.now() - startedMs };
  } finally {
    progress.finish();
  }
}

function heading(screen: Terminal, step: number, name: string, what: string): void {
  screen.line(
    `\n${screen.paint(["bold", "cyan"], `${step}  ${name}`)}  ${screen.paint("dim", what)}`,
  );
}

function done(screen: Terminal, text: string): void {
  screen.line(`   ${screen.paint("green", "✓")} ${text}`);
}

function failed(screen: Terminal, text: string): void {
  screen.line(`   ${screen.paint(["bold", "red"], `✗ ${text}`)}`);
}

function labelled(screen: Terminal, label: string, text: string): void {
  screen.line(`   ${screen.paint("dim", label.padEnd(10))} ${text}`);
}

function showRecorded(screen: Terminal, { result, ms }: Timed<Recorded>): void {
  const { recorded, alreadyThere } = result;
  if (recorded > 0)
    done(
      screen,
      `${counted(recorded)} recorded in ${seconds(ms)}${rated(recorded, ms)}, each under a signed checkpoint`,
    );
  if (alreadyThere > 0)
    done(screen, `${counted(alreadyThere)} already recorded by an earlier run, none duplicated`);
}

function reviewSummary({ reviewCount }: Source): string {
  return reviewCount === 0
    ? "no corrections were given"
    : `${plural(reviewCount, "decision")} turned out wrong`;
}

function showReviewed(screen: Terminal, { result, ms }: Timed<Reviewed>): void {
  const { flagged, corrected, alreadyThere } = result;
  const written = flagged + corrected;
  if (written > 0)
    done(
      screen,
      `${counted(flagged)} flagged, ${counted(corrected)} corrected in ${seconds(ms)}${rated(written, ms)}; the originals stay as they were`,
    );
  if (alreadyThere > 0)
    done(screen, `${plural(alreadyThere, "review")} already recorded by an earlier run`);
}

/** The decision to replay: one that was wrong, else the first. */
function firstReviewed({ reviewed }: Source, { ids }: Recorded): string | undefined {
  for (const index of reviewed) return ids.get(index);
  return [...ids.values()][0];
}

function showReplayed(screen: Terminal, { decision, replay, template, comparison }: Replayed) {
  labelled(screen, "decision", decision.decision_id);
  labelled(screen, "asked", excerpt(decision.input));
  labelled(screen, "answered", excerpt(decision.output));
  const { correction } = decision;
  if (correction !== null) {
    labelled(screen, "corrected", excerpt(correction.output));
    labelled(screen, "by", oneLine(correction.corrected_by ?? "not named"));
  }
  labelled(screen, "replayed", `with prompt.template = ${oneLine(template)}`);
  const mode = screen.paint("yellow", replay.execution_mode);
  const changed = comparison.output_changed ? "" : ", the output did not change";
  const show = replay.execution_status === "completed" ? done : failed;
  show(screen, `${mode}, ${replay.execution_status}${changed}`);
  if (comparison.diff_summary !== null)
    screen.line(`     ${screen.paint("dim", oneLine(comparison.diff_summary, 300))}`);
}

/** The one text of an object, where it is one; else its JSON. */
function excerpt(value: Readonly<Record<string, unknown>> | null): string {
  if (value === null) return "erased";
  const members = Object.values(value);
  const [only] = members;
  return oneLine(members.length === 1 && typeof only === "string" ? only : JSON.stringify(value));
}

function showVerified(
  screen: Terminal,
  { result, ms }: Timed<Verified>,
  ledger: z.infer<typeof answers.LedgerState>,
): void {
  const { valid, entries, size, rootHash, message } = result;
  if (valid === true)
    done(
      screen,
      `all ${counted(size)} entries hold: content, chain, tree, signature${rated(entries, ms)}`,
    );
  else failed(screen, oneLine(message, 300));
  labelled(screen, "ledger", `${ledger.origin}, ${counted(size)} entries`);
  labelled(screen, "root hash", rootHash);
  labelled(screen, "signed by", ledger.verifier_keys[0] ?? "nobody yet");
}

function showReport(
  screen: Terminal,
  { summary, eu_ai_act_mapping: articles }: z.infer<typeof answers.Report>,
  links: { readonly report: string; readonly api: string },
): void {
  for (const [article, { status, status_basis: basis }] of [
    ["Article 12  record-keeping", articles.article_12_record_keeping],
    ["Article 14  human oversight", articles.article_14_human_oversight],
    ["Article 9   risk management", articles.article_9_risk_management],
  ] as const) {
    screen.line(
      `   ${article.padEnd(28)} ${status.padEnd(14)} ${screen.paint("dim", `(${basis})`)}`,
    );
  }
  screen.line(`   over ${plural(summary.total, "decision")} in this ledger\n`);
  labelled(screen, "report", links.report);
  labelled(screen, "API", `${links.api}\n`);
}

function roundedSeconds(ms: number): number {
  return Math.round(ms) / 1000;
}
