/** The page's style: legible in greyscale, on paper A4 or Letter, contrast 4.5:1 and more. No script. */
import { SafeHtml } from "../../lib/html.ts";

/** Characters of ids and hashes: nothing that could end a CSS string. */
const PLAIN = /[^A-Za-z0-9_:. -]/g;

/** @param running what stands at the head of every printed page */
export function styleOf(running: string): SafeHtml {
  const header = running.replaceAll(PLAIN, "");
  return new SafeHtml(`
:root { color-scheme: light; --ink: #1b1f24; --soft: #4a525c; --line: #8a929c; --fill: #f1f3f5; --dark: #24405e; --light: #c5d0dc; }
* { box-sizing: border-box; }
html { font: 15px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; color: var(--ink); background: #fff; }
body { margin: 0 auto; max-width: 64rem; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.15; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid var(--ink); break-after: avoid; }
h3 { font-size: 1.05rem; margin: 1.6rem 0 .4rem; break-after: avoid; }
h4 { font-size: .95rem; margin: 1rem 0 .2rem; break-after: avoid; }
p, ul, ol, dl { margin: .4rem 0 .8rem; max-width: 46rem; }
li { margin: .15rem 0; }
a { color: #123f73; }
code, .hash { font: .86em/1.4 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; overflow-wrap: anywhere; }
pre { font: .86em/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, monospace; background: var(--fill); border: 1px solid var(--line); padding: .7rem .9rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.lead { font-size: 1.15rem; color: var(--soft); margin: 0 0 1.5rem; }
.note { border-left: 4px solid var(--soft); padding: .2rem 0 .2rem .9rem; color: var(--soft); }
.banner { border: 2px solid #8f1414; border-left-width: 10px; background: #fdf3f3; padding: .6rem .9rem; margin: 1rem 0; break-inside: avoid; }
.calm { border: 1px solid var(--line); border-left: 6px solid var(--dark); background: var(--fill); padding: .5rem .9rem; margin: 1rem 0; }
dl.facts { display: grid; grid-template-columns: minmax(9rem, 14rem) 1fr; gap: .25rem 1rem; max-width: none; }
dl.facts dt { color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 1.2rem; font-size: .88rem; }
caption { text-align: left; color: var(--soft); padding: 0 0 .3rem; font-size: .9em; }
th, td { border-bottom: 1px solid #c3c8ce; padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid var(--ink); font-weight: 600; }
tbody th { font-weight: 500; }
.nw { white-space: nowrap; overflow-wrap: normal; }
td.n, th.n { text-align: right; padding-right: 1.1rem; font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
tr { break-inside: avoid; }
.status { white-space: nowrap; font-weight: 600; }
.status .mark { display: inline-block; width: 1.15em; font-weight: 400; }
.req { break-inside: avoid; border-top: 1px solid var(--line); padding-top: .5rem; margin-top: 1rem; }
.req h4 { margin: 0 0 .2rem; display: flex; gap: .75rem; justify-content: space-between; flex-wrap: wrap; }
.req p { margin: .2rem 0; max-width: none; }
figure { margin: .8rem 0 .4rem; break-inside: avoid; }
figcaption { color: var(--soft); font-size: .88rem; margin-bottom: .3rem; }
svg { display: block; max-width: 100%; height: auto; }
svg text { font: 11px system-ui, "DejaVu Sans", sans-serif; fill: var(--ink); }
.sign { display: grid; grid-template-columns: 1fr 1fr; gap: 2.2rem 2rem; margin: 2rem 0; max-width: none; }
.sign div { border-top: 1px solid var(--ink); padding-top: .2rem; color: var(--soft); font-size: .85rem; min-height: 3rem; }
.cover { min-height: 60vh; border-top: 10px solid var(--dark); padding-top: 2.5rem; }
nav ol { columns: 2; }
@media print {
  @page { margin: 20mm 16mm 18mm; @top-left { content: "${header}"; font: 8pt system-ui, sans-serif; color: #4a525c; } @bottom-right { content: counter(page) " / " counter(pages); font: 8pt system-ui, sans-serif; color: #4a525c; } }
  html { font-size: 9.5pt; }
  body { max-width: none; padding: 0; }
  section.page { break-before: page; }
  h2 { margin-top: 0; }
  .cover { min-height: 0; }
  a { color: inherit; text-decoration: none; }
  a[href^="http"]::after { content: " (" attr(href) ")"; }
  thead { display: table-header-group; }
}
`);
}
