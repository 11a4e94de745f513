// OPENAI_API_KEY=… node examples/node/wrapped-openai.mjs
import { LoopGrid } from "loopgrid-edge";
import OpenAI from "openai";

const grid = new LoopGrid({ serviceName: "support-agent" });
const openai = grid.wrap(new OpenAI(), { decisionType: "customer_support_reply" });

// From here on it is the client you know.
const stream = await openai.chat.completions.create({
  model: "gpt-4o",
  messages: [{ role: "user", content: "I was charged twice for order 5512." }],
  stream: true,
});
for await (const { choices } of stream) process.stdout.write(choices[0]?.delta.content ?? "");
console.log();

// What was recorded is the request and the answer, as bodies: it can be replayed as it was.
await grid.flush();
const { decisions } = await grid.decisions.page({ serviceName: "support-agent", limit: 1 });
const { decision_id, metadata } = decisions[0] ?? {};
console.log(`recorded ${decision_id}, stream ${metadata?.provider_call.streamed.ended}`);
await grid.close();
