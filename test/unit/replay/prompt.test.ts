/** A recorded prompt is made into words, or the replay is refused: a name is never sent as text. */
import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../src/lib/json.ts";
import { promptWords } from "../../../src/replay/prompt.ts";

describe("a prompt", () => {
  test.for(["support_v1", "support/v2.1", "a", "résumé"])(
    "that is only the name %s is unresolved",
    (template) => {
      const words = promptWords({ template, version: 3, variables: { a: "b" } });
      expect(words).toMatchObject({ ok: false });
      expect(words.ok ? "" : words.message).toMatch(/^prompt_unresolved: prompt\.template/);
    },
  );

  test.for<readonly [JsonObject | null, object]>([
    [{ template: "support_v1", text: "Be kind." }, { text: "Be kind." }],
    [{ template: "support_v1", system: "Be kind." }, { system: "Be kind." }],
    [{ template: "Be {{tone}}.", variables: { tone: "kind" } }, { text: "Be kind." }],
    [{ template: "Be {tone}.", variables: { tone: "kind" } }, { text: "Be kind." }],
    [
      { text: "n={{ n }} o={{o}}", variables: { n: 3, o: { a: [1] } } },
      { text: 'n=3 o={"a":[1]}' },
    ],
    [{ template: "" }, { text: undefined }],
    [null, { text: undefined, system: undefined, messages: [] }],
  ])("%j is %j", ([prompt, expected]) => {
    expect(promptWords(prompt)).toMatchObject({ ok: true, ...expected });
  });

  test("lacking variables are named, all of them", () => {
    const words = promptWords({ system: "{{a}} {{b.c}}", messages: [{ content: "{{d}}" }] });
    expect(words.ok ? "" : words.message).toMatch(/^prompt_unresolved: .*a, b\.c, d$/);
  });

  test("braces that name no variable are text: examples of JSON stay as they are", () => {
    const text = 'Answer {"label": "x"} or {none} and {constructor}.';
    expect(promptWords({ text })).toMatchObject({ ok: true, text });
  });

  test("what every object inherits is no variable", () => {
    const words = promptWords({ text: "{{constructor}} {{__proto__}}" });
    expect(words.ok ? "" : words.message).toContain("constructor, __proto__");
    const given = promptWords({
      text: "{{__proto__}}",
      variables: JSON.parse('{"__proto__":"mine"}'),
    });
    expect(given).toMatchObject({ ok: true, text: "mine" });
  });

  test("what a variable holds is never read as a template", () => {
    const variables = { question: "{secret} {{secret}} $& $1", secret: "42" };
    expect(promptWords({ text: "{{question}}", variables })).toMatchObject({
      text: "{secret} {{secret}} $& $1",
    });
  });

  test("messages are filled too, in their text parts as well", () => {
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
    const messages = [
      { role: "system", content: "Be {{tone}}." },
      { role: "user", content: [{ type: "text", text: "{{tone}}?" }, image] },
      { role: "assistant", content: null },
    ];
    expect(promptWords({ messages, variables: { tone: "kind" } })).toMatchObject({
      messages: [
        { content: "Be kind." },
        { content: [{ type: "text", text: "kind?" }, image] },
        { content: null },
      ],
    });
  });
});
