/**
 * The demo's own decisions, all of them made up: a customer-support agent that answers too quickly,
 * and a few colleagues of other trades. Same shapes as the files `--decisions` and `--corrections`
 * take, one object a line.
 */
import type { JsonObject } from "../../lib/json.ts";

const support = { provider: "openai", name: "gpt-4" };
const supportPrompt = {
  template: "support_reply_v1",
  system: "You are a support agent of an online bookshop. Answer in one or two sentences.",
};

export const SAMPLE_DECISIONS: readonly JsonObject[] = [
  {
    service_name: "support-agent",
    decision_type: "customer_support_reply",
    input: { message: "I was charged twice for order 5512." },
    model: support,
    prompt: supportPrompt,
    output: { response: "Your account looks fine." },
    metadata: { conversation: "c-1041" },
  },
  {
    service_name: "support-agent",
    decision_type: "customer_support_reply",
    input: { message: "Can I still return the book I bought ten days ago?" },
    model: support,
    prompt: supportPrompt,
    output: { response: "Yes. Returns are free for 30 days; the label is on its way to you." },
    metadata: { conversation: "c-1042" },
  },
  {
    service_name: "support-agent",
    decision_type: "customer_support_reply",
    input: { message: "Where is my parcel? Order 5519." },
    model: support,
    prompt: supportPrompt,
    tool_calls: [
      {
        id: "call_1",
        name: "order_status",
        arguments: { order: "5519" },
        result: { state: "in_transit", expected: "2026-11-24" },
      },
    ],
    output: { response: "It is on its way and should arrive on 24 November." },
    metadata: { conversation: "c-1043" },
  },
  {
    service_name: "support-agent",
    decision_type: "ticket_routing",
    input: { subject: "Invoice shows the wrong VAT number" },
    model: { provider: "openai", name: "gpt-4o-mini" },
    output: { queue: "billing", confidence: 0.93 },
  },
  {
    service_name: "comment-moderation",
    decision_type: "moderation_verdict",
    input: { comment: "This recipe is killer, my guests died for it." },
    model: { provider: "anthropic", name: "claude-3-5-haiku" },
    output: { verdict: "remove", category: "violence", score: 0.71 },
  },
  {
    service_name: "comment-moderation",
    decision_type: "moderation_verdict",
    input: { comment: "Buy followers cheap, link in my profile!!!" },
    model: { provider: "anthropic", name: "claude-3-5-haiku" },
    output: { verdict: "remove", category: "spam", score: 0.98 },
  },
  {
    service_name: "invoice-reader",
    decision_type: "field_extraction",
    input: { document: "INV-2207", text: "Total due: EUR 1.249,00 by 1 December" },
    model: { provider: "mistral", name: "mistral-small" },
    output: { currency: "EUR", total: 1.249 },
  },
  {
    service_name: "loan-desk",
    decision_type: "credit_triage",
    input: { application: "A-88", income_band: "C", requested: 12_000 },
    model: { provider: "in-house", name: "triage-tree", version: "7" },
    output: { decision: "refer_to_human", reasons: ["short employment history"] },
  },
];

/** `index` is the decision's, from 0. What is not named here was right. */
export const SAMPLE_CORRECTIONS: readonly JsonObject[] = [
  {
    index: 0,
    incorrect: true,
    reason: "Order 5512 was charged twice on 3 November; the agent never looked it up.",
    correction: {
      response: "You are right, order 5512 was charged twice. The second charge is refunded today.",
    },
    corrected_by: "dana (support lead)",
  },
  {
    index: 4,
    incorrect: true,
    reason: "An idiom, not a threat.",
    correction: { verdict: "allow" },
    corrected_by: "mo (moderation)",
  },
  {
    index: 6,
    incorrect: true,
    reason: "1.249,00 is one thousand two hundred forty-nine: the comma is the decimal sign.",
    correction: { currency: "EUR", total: 1249 },
    corrected_by: "accounts payable",
  },
];
