import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { html, SafeHtml } from "../../../src/lib/html.ts";

describe("a value in the html tag", () => {
  test("cannot leave its element or its attribute, whatever it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const markup = html`<td title="${text}">${text}</td>`.toString();
        expect(markup.match(/["<>']/g)?.join("")).toBe('<""><>');
        expect(decoded(markup)).toBe(`<td title="${text}">${text}</td>`);
      }),
    );
  });

  test.each([
    ["&", "&amp;"],
    ["<", "&lt;"],
    [">", "&gt;"],
    ['"', "&quot;"],
    ["'", "&#39;"],
    ["&lt;", "&amp;lt;"],
  ])("%s is written %s", (character, written) => {
    expect(html`${character}`.toString()).toBe(written);
  });

  test("is nothing when there is nothing to say, and a number or true as it is", () => {
    expect(html`[${null}${undefined}${false}]`.toString()).toBe("[]");
    expect(html`[${0} ${-1.5} ${true}]`.toString()).toBe("[0 -1.5 true]");
  });

  test("is embedded as it is only when the tag made it", () => {
    const row = html`<b>${"<i>"}</b>`;
    expect(html`<p>${row}</p>`.toString()).toBe("<p><b>&lt;i&gt;</b></p>");
    const imitation = { toString: () => "<script>" };
    expect(html`<p>${String(imitation)}</p>`.toString()).toBe("<p>&lt;script&gt;</p>");
  });

  test("is a list of such values, however deep", () => {
    const rows = [html`<i></i>`, ["<", [html`<b></b>`, 1]], null];
    expect(html`${rows}`.toString()).toBe("<i></i>&lt;<b></b>1");
  });
});

test("markup vouched for by hand is embedded as it is", () => {
  expect(html`<b>${new SafeHtml("<i>&</i>")}</b>`.toString()).toBe("<b><i>&</i></b>");
});

function decoded(markup: string): string {
  const characters: Record<string, string> = { lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };
  return markup.replace(/&(#?\w+);/g, (entity, name: string) => characters[name] ?? entity);
}
