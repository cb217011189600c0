import { errorTable } from '@bkg/sdk/protocol';
import type { RegistryEntry } from '@bkg/sdk/protocol';
import { fixedComponents, fixedPaths, info } from '../fixed-document.ts';
import { fixedTags } from '../fixed-operation.ts';
import type { Method, PathItem } from '../openapi.ts';
import { pluginPart, titleOf } from '../plugin-part.ts';
import { Html, html, prose } from './html.ts';
import type { Content } from './html.ts';
import { whyNoCapabilities } from './no-capabilities.ts';
import { Once } from './once.ts';
import { idOf, operationView } from './operation-view.ts';
import type { OperationPlace } from './operation-view.ts';
import { schemaView } from './schema-view.ts';
import { style } from './style.ts';

export interface PageOptions {
  /** For the lines to try: `http://localhost:43119`. */
  origin: string;
  /** It is the address that people use, and not that of the gateway itself. @default false */
  isPublic?: boolean;
}

/** An entry never changes: what is new of a plugin is another one. */
const cards = new Once<RegistryEntry, Html>(new WeakMap());
const pluginPages = new Once<RegistryEntry, Once<string, string>>(new WeakMap());
/** By origin, of which the guard lets pass a handful. */
const fixedSections = new Once<string, Html>(new Map());

/** What there is, the gateway's own operations, the error codes and the types. */
export function indexPage(plugins: readonly RegistryEntry[], options: PageOptions): string {
  const { origin } = options;
  const sections = [...fixedTags.map(({ name }) => name), 'Errors', 'Types'];
  const nav = html`<ul>
    <li><a class="title" href="#top">bkg API</a></li>
    <li><a href="#plugins">Capabilities</a></li>
    ${sections.map((name) => html`<li><a href="#${anchorOf(name)}">${name}</a></li>`)}
    <li><a href="/">Dashboard</a></li>
  </ul>`;
  const main = html`<header>
      <h1>bkg API</h1>
      <div class="lead">${prose(info.description)}</div>
      <p class="lead">For programs: <a href="/api/openapi.json">openapi.json</a> (OpenAPI 3.1).</p>
      ${addressNote(options)}
    </header>
    <section id="plugins" aria-labelledby="plugins-title">
      <h2 id="plugins-title">Capabilities</h2>
      ${
        plugins.length > 0
          ? html`<ul class="cards">
              ${plugins.map((entry) => cards.of(entry, () => card(entry)))}
            </ul>`
          : html`<p class="lead">No plugin is known yet.</p>`
      }
    </section>
    ${fixedSections.of(origin, () => fixedPart(origin))}`;
  return layout('bkg API', nav, main);
}

/** Of the page of all plugins what no plugin changes. */
function fixedPart(origin: string): Html {
  const operations = placesIn(fixedPaths);
  const wireNames = Object.keys(fixedComponents.schemas) as (keyof typeof fixedComponents.schemas)[];
  return html`${fixedTags.map(
      ({ name, description }) =>
        html`<section id="${anchorOf(name)}" aria-labelledby="${anchorOf(name)}-title">
          <h2 id="${anchorOf(name)}-title">${name}</h2>
          <p class="lead">${description}</p>
          ${operations
            .filter(({ operation }) => operation.tags.includes(name))
            .map((place) => operationView(place, fixedComponents.schemas, origin))}
        </section>`,
    )}
    <section id="errors" aria-labelledby="errors-title">
      <h2 id="errors-title">Errors</h2>
      ${errorList()}
    </section>
    <section id="types" aria-labelledby="types-title">
      <h2 id="types-title">Types</h2>
      ${wireNames.map(
        (name) =>
          html`<article class="schema" id="schema-${name}">
            <h3>${name}</h3>
            ${schemaView(fixedComponents.schemas[name], fixedComponents.schemas)}
          </article>`,
      )}
    </section>`;
}

/** The capabilities of one plugin. */
export function pluginPage(entry: RegistryEntry, options: PageOptions): string {
  return pluginPages
    .of(entry, () => new Once<string, string>(new Map()))
    .of(options.origin, () => renderPlugin(entry, options));
}

function renderPlugin(entry: RegistryEntry, options: PageOptions): string {
  const { origin } = options;
  const { title, tag, paths, schemas } = pluginPart(entry);
  const components = { ...fixedComponents.schemas, ...schemas };
  const places = placesIn(paths);
  const nav = html`<ul>
      <li><a class="title" href="/api/docs">bkg API</a></li>
    </ul>
    <p>${entry.id}</p>
    <ul>
      ${places.map(({ operation }) => {
        const label = operation.operationId.slice(entry.id.length + 1);
        return html`<li><a href="#${idOf(operation.operationId)}">${label}</a></li>`;
      })}
      <li><a href="/plugins/${entry.id}">Dashboard</a></li>
    </ul>`;
  const main = html`<header>
      <h1>${title.name} <span class="mark">${title.version}</span></h1>
      <div class="lead">${prose(tag.description.split('\n\n').slice(1).join('\n\n'))}</div>
      ${places.length > 0 ? addressNote(options) : undefined}
    </header>
    <section aria-labelledby="capabilities">
      <h2 id="capabilities">Capabilities</h2>
      ${
        places.length > 0
          ? places.map((place) => operationView(place, components, origin))
          : html`<p class="lead">${whyNoCapabilities(entry)}</p>`
      }
    </section>`;
  return layout(`${title.name} – bkg API`, nav, main);
}

/** Not the reader's own address: whatever stands in between, such as one for TLS, does not tell it. */
function addressNote({ origin, isPublic = false }: PageOptions): Html {
  if (isPublic) return html`<p class="lead">The lines to try go to <code>${origin}</code>.</p>`;
  return html`<p class="lead">
    The lines to try go to the gateway itself, at <code>${origin}</code>; behind a proxy put the address of
    that in its place.
  </p>`;
}

function card(entry: RegistryEntry): Html {
  const { name, version, description } = titleOf(entry);
  return html`<li class="card">
    <h3><a href="/api/docs/${entry.id}">${name}</a> <span class="mark">${version}</span></h3>
    <p>${description.length > 200 ? `${description.slice(0, 199)}…` : description}</p>
    <p><code>${entry.id}</code>, ${countOf(entry)}</p>
  </li>`;
}

/** The reason stands on the page of the plugin. */
function countOf({ capabilities, status }: RegistryEntry): string {
  if (capabilities.length === 0) return status === 'error' ? 'does not run' : 'capabilities not known yet';
  return capabilities.length === 1 ? '1 capability' : `${capabilities.length} capabilities`;
}

function errorList(): Content {
  const rows = Object.entries(errorTable).map(
    ([code, { number, retryable, executed }]) =>
      html`<tr>
        <td><code>${code}</code></td>
        <td>${number}</td>
        <td>${retryable ? 'yes' : 'no'}</td>
        <td>${executed}</td>
      </tr>`,
  );
  return html`<p class="lead">
      A failure is a <a href="#schema-Problem">Problem</a> as <code>application/problem+json</code>. Executed
      says whether the handler may have run.
    </p>
    <div class="wide" tabindex="0" role="region" aria-label="Error codes">
      <table>
        <thead>
          <tr>
            <th scope="col">Code</th>
            <th scope="col">Status</th>
            <th scope="col">Retryable</th>
            <th scope="col">Executed</th>
          </tr>
        </thead>
        <tbody>
          ${rows}
        </tbody>
      </table>
    </div>`;
}

function placesIn(paths: Record<string, PathItem>): OperationPlace[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method as Method, operation })),
  );
}

function anchorOf(name: string): string {
  return `group-${name.toLowerCase()}`.replace(/^group-(errors|types)$/, '$1');
}

/** In one piece: the policy of the page names what is in it by its hash. */
const styleElement = new Html(`<style>${style}</style>`);

function layout(title: string, nav: Html, main: Html): string {
  return html`<!doctype html>
    <html lang="en" id="top">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="/favicon.svg" />
        ${styleElement}
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <div class="page">
          <nav aria-label="Contents">${nav}</nav>
          <main id="main" tabindex="-1">${main}</main>
        </div>
      </body>
    </html>`.text;
}
