// node examples/node/record.mjs
import { LoopGrid } from "loopgrid-edge";

const grid = new LoopGrid({ serviceName: "support-agent" });

// What you keep of the server: its public key. Here it is asked for; keep yours from the first day.
const { verifier_keys: keys } = await grid.ledger.state();

// Resolves once the decision, and a signed checkpoint over it, are committed.
const decision = await grid.record(
  {
    decisionType: "customer_support_reply",
    input: { message: "I was charged twice for order 5512." },
    model: { provider: "openai", name: "gpt-4o" },
    output: { response: "Your account looks fine." },
    automationLevel: "human_on_the_loop",
  },
  { receipt: "proof" },
);
const receipt = await grid.verifyReceipt(decision, { keys });
console.log(`recorded  ${decision.decision_id}, receipt ${receipt.status}`);

// A person's word about it. The original stays as it is.
await grid.attachCorrection({
  decisionId: decision.decision_id,
  correction: { response: "You are right, the second charge is refunded today." },
  correctedBy: "dana",
});

// Live with a provider's key on the server, else simulated and marked so.
const replay = await grid.createReplay({
  decisionId: decision.decision_id,
  overrides: { prompt: { template: "support_v2" } },
});
console.log(`replayed  ${replay.execution_mode}: ${replay.diff_summary}`);

// Everything about the decision as a file that verifies itself, here and without the server.
const evidence = await grid.decisions.evidence(decision.decision_id);
const verdict = await grid.verifyEvidence(evidence, { keys });
console.log(`evidence  ${verdict.status}, ${verdict.entries} entries`);

// Where nobody should wait: in batches, and close() tells what was not acknowledged.
for (let n = 0; n < 250; n++)
  grid.enqueue({ decisionType: "routing", input: { n }, model: { name: "rules" }, output: {} });
await grid.close();
console.log(
  `enqueued  ${grid.counters.acknowledged} acknowledged, ${grid.counters.dropped} dropped`,
);
