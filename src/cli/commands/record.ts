/** `loopgrid record`: one decision, from options or as JSON from a file or standard input. */
import { readFileSync } from "node:fs";
import type { Command } from "commander";
import type { RecordedDecision } from "../../sdk/javascript/index.ts";
import { InputError } from "../json-lines.ts";
import {
  asking,
  EXIT_CODES,
  info,
  out,
  parseModel,
  parseObject,
  printJson,
  serverCommand,
  transportOf,
  type ServerOptions,
} from "../server-command.ts";

interface Options extends ServerOptions {
  readonly service?: string;
  readonly type?: string;
  readonly input?: object;
  readonly model?: object;
  readonly output?: object;
  readonly metadata?: object;
  readonly key?: string;
  readonly proof?: true;
}

export function recordCommand(): Command {
  return serverCommand("record", "Record one decision; prints its id once it is committed")
    .argument("[file]", "JSON as POST /v1/decisions takes it; - is standard input")
    .option("--service <name>", "the service that decided")
    .option("-t, --type <type>", "what kind of decision")
    .option("-i, --input <json>", "what was asked", parseObject)
    .option("-m, --model <provider/name>", "which model decided", parseModel)
    .option("-o, --output <json>", "what was decided", parseObject)
    .option("--metadata <json>", "anything else", parseObject)
    .option("-k, --key <key>", "Idempotency-Key: run again with it, nothing is written twice")
    .option("--proof", "ask for an inclusion proof in the receipt")
    .addHelpText(
      "after",
      `
  $ loopgrid record -t reply -m openai/gpt-4o -i '{"message":"Hi"}' -o '{"response":"Hello"}'
  $ loopgrid record decision.json --key order-5512 --json > receipt.json
${EXIT_CODES}`,
    )
    .action((file: string | undefined, options: Options) => asking(() => record(file, options)));
}

async function record(file: string | undefined, options: Options): Promise<void> {
  const { service, type, input, model, output, metadata, key, proof } = options;
  const given = { service_name: service, decision_type: type, input, model, output, metadata };
  const transport = transportOf(options);
  const { serviceName } = transport.config;
  const whole = { service_name: serviceName, ...(file === undefined ? {} : decisionIn(file)) };
  // What is missing, the server says.
  const recorded = await transport.append<RecordedDecision>(
    "/v1/decisions",
    { ...whole, ...defined(given) },
    { idempotencyKey: key, receipt: proof === true ? "proof" : undefined },
  );
  if (options.json) return printJson(recorded);
  info.line(`index ${recorded.index} of ${recorded.ledger}, ${recorded.created_at}`);
  out.line(recorded.decision_id);
}

function decisionIn(file: string): object {
  try {
    return parseObject(readFileSync(file === "-" ? 0 : file, "utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InputError(`${file}: ${reason}`, { cause: error });
  }
}

function defined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
