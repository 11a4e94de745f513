/**
 * A Worker that asks a model for its visitor. The answer streams through untouched; the decision is
 * recorded behind it, while `waitUntil` keeps the request alive.
 *
 * The client lives as long as the request: what one request began, no other may wait for.
 */
import { LoopGrid } from "loopgrid-edge";

export default {
  async fetch(request, env, ctx) {
    const { message } = await request.json();
    const grid = new LoopGrid({
      baseUrl: env.LOOPGRID_URL,
      apiKey: env.LOOPGRID_API_KEY,
      serviceName: "support-worker",
      waitUntil: (promise) => ctx.waitUntil(promise),
    });
    const fetchAndRecord = grid.fetch({ decisionType: "customer_support_reply" });
    const answer = await fetchAndRecord(`${env.OPENAI_BASE_URL}/chat/completions`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${env.OPENAI_API_KEY}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({
        model: "gpt-4o",
        messages: [{ role: "user", content: message }],
        stream: true,
      }),
    });
    return new Response(answer.body, answer);
  },
};
