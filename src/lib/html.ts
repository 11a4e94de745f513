/**
 * HTML by construction: every value put into the tag is escaped, only what came out of the tag
 * itself is trusted. 0.1 reflected a service name into its report (CONTRACT, defect 12).
 */

/** Markup made by `html`, safe to embed. */
export class SafeHtml {
  readonly #markup: string;
  constructor(markup: string) {
    this.#markup = markup;
  }
  toString(): string {
    return this.#markup;
  }
}

type Embeddable = string | number | boolean | null | undefined | SafeHtml | readonly Embeddable[];

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text as it may stand in an element or in a quoted attribute. */
function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

function embed(value: Embeddable): string {
  if (value === null || value === undefined || value === false) return "";
  if (value instanceof SafeHtml) return value.toString();
  if (typeof value === "object") return value.map(embed).join("");
  return escapeHtml(String(value));
}

/** Template tag: `` html`<td title="${name}">${count}</td>` ``. Attributes must be quoted. */
export function html(strings: TemplateStringsArray, ...values: readonly Embeddable[]): SafeHtml {
  let markup = strings[0] ?? "";
  values.forEach((value, i) => {
    markup += embed(value) + (strings[i + 1] ?? "");
  });
  return new SafeHtml(markup);
}
