import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { RegistryEntry } from '@bkg/sdk';
import type { Catalog } from '../mesh/catalog.ts';
import { fixedComponents, fixedPaths, info, securityFor } from './fixed-document.ts';
import { fixedTags } from './fixed-operation.ts';
import { pluginPart } from './plugin-part.ts';

export interface Rendered {
  /** JSON in UTF-8. */
  body: Buffer;
  etag: string;
}

interface Written {
  entry: RegistryEntry;
  /** Of what of it the document depends on. */
  sourceHash: string;
  /** What it adds, as JSON that begins with a comma: as bytes, so that a change of one costs no more than a copy of all. */
  tag: Buffer;
  paths: Buffer;
  schemas: Buffer;
}

/** Of everything that plugins add; those for which there is no place any more are left out, and it says so. */
const mostBytes = 32 * 1024 * 1024;
/** For so long nothing else is done by this process. */
const turnMs = 8;

const { schemas: fixedSchemas, ...components } = fixedComponents;
/** Another gateway may be of another version. */
const fixedHash = hashOf(JSON.stringify([info, fixedTags, fixedPaths, fixedComponents]));
/** As bytes, once: whoever has no key may ask for these as often as they like. */
const fixed = {
  tags: Buffer.from(`"servers":[{"url":"/"}],"tags":[${fixedTags.map((tag) => JSON.stringify(tag)).join()}`),
  paths: Buffer.from(`],"paths":{${membersOf(fixedPaths)}`),
  components: Buffer.from(`},"components":{${membersOf(components)},"schemas":{${membersOf(fixedSchemas)}`),
};

/** Whether a capability is shown. */
export type Visible = (pluginId: string, capability: string) => boolean;

/** Of plugins of which somebody sees a part only, so many parts are kept. */
const partsMost = 256;

/**
 * The document as text, made when somebody asks for it and kept until the catalog changes. Of a change only the plugins
 * are written anew of which something else is told; all others are kept as they are.
 */
export class LiveDocument {
  readonly #catalog: Catalog;
  readonly #written = new Map<string, Written>();
  /** By their plugin and what of it is shown. */
  readonly #parts = new Map<string, Written>();
  #isStale = true;
  #kept: Rendered | undefined;
  #making: Promise<Rendered> | undefined;

  constructor(catalog: Catalog) {
    this.#catalog = catalog;
    catalog.onChange(() => (this.#isStale = true));
  }

  async get(): Promise<Rendered> {
    if (this.#kept && !this.#isStale) return this.#kept;
    // Who asks while it is made gets that one: it is at most a moment old.
    this.#making ??= this.#make()
      .catch((error: unknown) => {
        this.#isStale = true;
        throw error;
      })
      .finally(() => (this.#making = undefined));
    return this.#making;
  }

  /** The same for who does not see all of it. */
  async part(isVisible: Visible): Promise<Rendered> {
    await this.get();
    const parts: Written[] = [];
    await this.#eachInTurns((entry) => {
      const part = this.#partOf(entry, isVisible);
      if (part) parts.push(part);
    });
    return this.#render(parts);
  }

  #partOf(entry: RegistryEntry, isVisible: Visible): Written | undefined {
    const capabilities = entry.capabilities.filter(({ id }) => isVisible(entry.id, id));
    if (capabilities.length === 0) return undefined;
    if (capabilities.length === entry.capabilities.length) return this.#written.get(entry.id);
    const key = [entry.id, ...capabilities.map(({ id }) => id)].join(' ');
    const part = written({ ...entry, capabilities }, this.#parts.get(key));
    this.#parts.delete(key);
    this.#parts.set(key, part);
    const [oldest] = this.#parts.keys();
    if (this.#parts.size > partsMost && oldest !== undefined) this.#parts.delete(oldest);
    return part;
  }

  async #make(): Promise<Rendered> {
    // What changes from here on may be in it or not.
    this.#isStale = false;
    for (const id of this.#written.keys()) if (!this.#catalog.get(id)) this.#written.delete(id);
    const parts: Written[] = [];
    await this.#eachInTurns((entry) => parts.push(this.#write(entry)));
    this.#kept = this.#render(parts);
    return this.#kept;
  }

  /** Every plugin in order, with a turn of the event loop now and then. */
  async #eachInTurns(act: (entry: RegistryEntry) => void): Promise<void> {
    let turnEndsAt = performance.now() + turnMs;
    for (const id of this.#catalog.ids()) {
      const entry = this.#catalog.get(id);
      if (entry) act(entry);
      if (performance.now() < turnEndsAt) continue;
      await nextTurn();
      turnEndsAt = performance.now() + turnMs;
    }
  }

  #write(entry: RegistryEntry): Written {
    const before = this.#written.get(entry.id);
    if (before?.entry === entry) return before;
    const now = written(entry, before);
    this.#written.set(entry.id, now);
    return now;
  }

  #render(all: readonly Written[]): Rendered {
    let bytes = 0;
    const parts = all.filter((part) => {
      const length = part.tag.length + part.paths.length + part.schemas.length;
      if (bytes + length > mostBytes) return false;
      bytes += length;
      return true;
    });
    const leftOut = all.length - parts.length;
    const note =
      leftOut > 0 ? `\n\n${leftOut} plugins are left out, because this document would be too large.` : '';
    // What a plugin adds is decided by its id and what the document depends on.
    const sources = parts.map(({ entry, sourceHash }) => `${entry.id} ${sourceHash}`);
    const body = Buffer.concat([
      Buffer.from(
        '{"openapi":"3.1.1","jsonSchemaDialect":"https://json-schema.org/draft/2020-12/schema","security":' +
          `${JSON.stringify(securityFor())},"info":${JSON.stringify({ ...info, description: info.description + note })},`,
      ),
      fixed.tags,
      ...parts.map(({ tag }) => tag),
      fixed.paths,
      ...parts.map(({ paths }) => paths),
      fixed.components,
      ...parts.map(({ schemas }) => schemas),
      Buffer.from('}}}'),
    ]);
    return { body, etag: `"${hashOf([fixedHash, note, ...sources].join('\n'))}"` };
  }
}

/** What a plugin adds; `before` when that is the same. */
function written(entry: RegistryEntry, before: Written | undefined): Written {
  const { name, version, description, capabilities } = entry;
  const sourceHash = hashOf(JSON.stringify([name, version, description, capabilities]));
  if (before?.sourceHash === sourceHash) return { ...before, entry };
  const part = pluginPart(entry);
  return {
    entry,
    sourceHash,
    tag: Buffer.from(`,${JSON.stringify(part.tag)}`),
    paths: moreMembers(part.paths),
    schemas: moreMembers(part.schemas),
  };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}

/** The members of an object as JSON, without its braces. */
function membersOf(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

/** The same to follow others. */
function moreMembers(value: object): Buffer {
  const members = membersOf(value);
  return Buffer.from(members === '' ? '' : `,${members}`);
}
