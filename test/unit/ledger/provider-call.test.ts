/** Credentials in a recorded provider's body: stripped before anything is hashed or stored. */
import { test } from "vitest";
import { DecisionCreate } from "../../../src/ledger/schema.ts";
import { formatOf, modelCall } from "../../../src/sdk/javascript/model-call.ts";

const REQUEST = {
  model: "any",
  mcp_servers: [
    { type: "url", url: "https://mcp.example", name: "a", authorization_token: "SECRET-1" },
    { type: "url", url: "https://mcp.example", name: "b" },
  ],
  tools: [
    { type: "function", name: "f", parameters: { headers: "stays" } },
    {
      type: "mcp",
      server_label: "c",
      authorization: "SECRET-2",
      headers: { "X-Any": "SECRET-3" },
    },
  ],
};
const WITHOUT = {
  model: "any",
  mcp_servers: [
    { type: "url", url: "https://mcp.example", name: "a" },
    { type: "url", url: "https://mcp.example", name: "b" },
  ],
  tools: [
    { type: "function", name: "f", parameters: { headers: "stays" } },
    { type: "mcp", server_label: "c" },
  ],
};
const WHERE = ["mcp_servers[0].authorization_token", "tools[1].authorization", "tools[1].headers"];

const create = (metadata: object | undefined, request: object = REQUEST) => ({
  service_name: "s",
  decision_type: "model_call",
  input: { request, more: 1 },
  model: {},
  output: {},
  ...(metadata === undefined ? {} : { metadata }),
});

test("credentials for MCP servers are stripped on arrival, and it is said where", ({ expect }) => {
  const call = { format: "anthropic.messages", omitted: { request_members: ["system"] } };
  const parsed = DecisionCreate.parse(create({ provider_call: call, session: "s-1" }));
  expect(parsed.input).toEqual({ request: WITHOUT, more: 1 });
  expect(parsed.metadata).toEqual({
    session: "s-1",
    provider_call: {
      ...call,
      omitted: { request_members: ["system"], request_credentials: WHERE },
    },
  });
});

test.for([
  ["no call to a provider is named", create(undefined)],
  ["metadata are null", { ...create(undefined), metadata: null }],
  ["it holds none", create({ provider_call: { format: "openai.responses" } }, WITHOUT)],
] as const)("a request stays as it is where %s", ([, body], { expect }) => {
  expect(DecisionCreate.parse(body)).toEqual(body);
});

test("the SDK does not let them leave the process", ({ expect }) => {
  const url = "https://api.anthropic.com/v1/messages";
  const text = JSON.stringify(REQUEST);
  const call = modelCall("anthropic.messages", url, new Headers(), text);
  expect(call).toMatchObject({ request: WITHOUT, credentials: WHERE });
  expect(JSON.stringify(call)).not.toContain("SECRET");
});

test.for([
  ["https://api.anthropic.com/v1/messages", "anthropic.messages"],
  ["https://api.openai.com/v1/threads/thread_1/messages", undefined],
] as const)("%s is a call to a model or none", ([url, format], { expect }) => {
  expect(formatOf("POST", url)).toBe(format);
});
