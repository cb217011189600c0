import { createHash } from 'node:crypto';

/** In the colours of the dashboard, with the fonts that are there. */
export const style = `
:root {
  color-scheme: light dark;
  --paper: light-dark(oklch(0.958 0.006 225), oklch(0.168 0.014 235));
  --sheet: light-dark(oklch(0.995 0.002 225), oklch(0.212 0.016 235));
  --well: light-dark(oklch(0.972 0.004 225), oklch(0.188 0.015 235));
  --line: light-dark(oklch(0.885 0.009 225), oklch(0.3 0.018 235));
  --ink: light-dark(oklch(0.21 0.028 240), oklch(0.945 0.008 225));
  --soft: light-dark(oklch(0.41 0.024 240), oklch(0.77 0.014 230));
  --get: light-dark(oklch(0.46 0.085 225), oklch(0.8 0.07 215));
  --post: light-dark(oklch(0.46 0.12 300), oklch(0.8 0.09 300));
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', 'DejaVu Sans Mono', monospace;
}
*, *::before, *::after { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 400 0.9375rem/1.55 system-ui, 'Segoe UI', 'Helvetica Neue', sans-serif;
  overflow-wrap: anywhere; text-size-adjust: 100%;
}
h1, h2, h3, h4, p, ul, dl, dd, pre, table { margin: 0; padding: 0; }
ul { list-style: none; }
h1, h2, h3, h4 { line-height: 1.2; text-wrap: balance; }
h1 { font-size: 1.625rem; }
h2 { font-size: 1.25rem; margin-bottom: 0.75rem; }
h3 { font-size: 1rem; }
h4 { font-size: 0.8125rem; color: var(--soft); margin: 1.25rem 0 0.375rem; }
p, code, td, li, dd, h1, h2, h3 { unicode-bidi: isolate; }
p + p { margin-top: 0.5rem; }
a { color: inherit; text-underline-offset: 0.2em; text-decoration-thickness: 1px; }
a:hover { text-decoration-thickness: 2px; }
code, pre { font-family: var(--mono); font-size: 0.875em; }
:focus-visible { outline: 2px solid var(--ink); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -100vw; }
.skip:focus { left: 1rem; top: 0.5rem; background: var(--sheet); padding: 0.25rem 0.5rem; }
.page { max-width: 72rem; margin: 0 auto; padding: clamp(1rem, 4vw, 2.5rem); display: grid; gap: 1.5rem 3rem; }
.page > nav ul { display: flex; flex-wrap: wrap; gap: 0.125rem 1rem; }
.page > nav a { display: inline-block; padding: 0.1875rem 0; color: var(--soft); }
.page > nav .title { font-weight: 650; color: var(--ink); }
.page > nav p { margin: 0.75rem 0 0.125rem; font-size: 0.75rem; font-weight: 600; color: var(--soft); }
main { min-width: 0; display: grid; gap: 2.5rem; align-content: start; }
main > * { min-width: 0; }
.lead { color: var(--soft); max-width: 44rem; margin-top: 0.5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); gap: 0.75rem; }
.card { background: var(--sheet); border: 1px solid var(--line); border-radius: 6px; padding: 0.75rem 0.875rem; }
.card p { color: var(--soft); font-size: 0.875rem; margin-top: 0.25rem; }
.operation, .schema {
  background: var(--sheet); border: 1px solid var(--line); border-radius: 6px;
  padding: clamp(0.875rem, 2.5vw, 1.25rem); margin-top: 0.75rem;
}
.operation > h3 + *, .schema > h3 + * { margin-top: 0.5rem; }
.address { display: flex; gap: 0.625rem; align-items: baseline; background: var(--well); border: 1px solid var(--line); border-radius: 4px; padding: 0.375rem 0.625rem; }
.address b { font: 650 0.75rem var(--mono); white-space: nowrap; }
.get b { color: var(--get); }
.post b { color: var(--post); }
.mark { font-size: 0.75rem; font-weight: 500; color: var(--soft); border: 1px solid var(--line); border-radius: 0.625rem; padding: 0.0625rem 0.5rem; display: inline-block; max-width: 100%; line-height: 1.4; }
h1 .mark { vertical-align: 0.25rem; }
h3 .mark { margin-left: 0.25rem; vertical-align: 0.0625rem; }
pre { background: var(--well); border: 1px solid var(--line); border-radius: 4px; padding: 0.625rem 0.75rem; overflow: auto; max-height: 30rem; line-height: 1.5; overflow-wrap: normal; }
details { margin-top: 0.625rem; }
summary { cursor: pointer; color: var(--soft); font-size: 0.8125rem; padding: 0.125rem 0; width: fit-content; }
details pre { margin-top: 0.375rem; }
.kind, .about { color: var(--soft); }
.about p { display: inline; }
.members { border-left: 2px solid var(--line); padding-left: 0.875rem; display: grid; gap: 0.375rem; }
p + .members { margin-top: 0.25rem; }
.members .members { margin-top: 0.375rem; }
.members > li > code:first-child { font-weight: 600; }
.must { font-size: 0.75rem; font-weight: 600; }
.wide { overflow-x: auto; }
.lead + .wide { margin-top: 0.75rem; }
table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
th { text-align: left; font-size: 0.75rem; color: var(--soft); font-weight: 600; }
th, td { padding: 0.3125rem 1rem 0.3125rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: normal; }
tr > :last-child { padding-right: 0; }
.codes td:last-child { overflow-wrap: anywhere; }
@media (min-width: 60rem) {
  .page { grid-template-columns: 13rem minmax(0, 1fr); }
  .page > nav { position: sticky; top: 1.5rem; align-self: start; max-height: calc(100vh - 3rem); overflow-y: auto; }
  .page > nav ul { display: grid; }
}
@media print { .page > nav { display: none; } .page { display: block; } }
`;

/** Nothing but this style, the icon and links: no script at all. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "img-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
