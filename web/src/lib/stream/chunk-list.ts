import { isRecord } from '@bkg/sdk/protocol';
import { utf8Length } from '../utf8-length.ts';

export interface ChunkListOptions {
  /** The oldest of more are not kept. @default 5000 */
  chunksMost?: number;
  /** Of all kept chunks together, in characters; the latest stays however long it is. @default 8000000 */
  charactersMost?: number;
}

export interface Chunk {
  /** From 0. */
  seq: number;
  /** JSON, as the plugin wrote it. */
  json: string;
  /** When it is a text, or an object with one member that is. */
  text?: string;
}

/** The chunks of one stream: all are counted, the latest are kept. */
export class ChunkList {
  /** How many came. */
  count = 0;
  /** How many bytes came, as UTF-8. */
  bytes = 0;
  #kept: Chunk[] = [];
  /** Where in `#kept` the kept ones begin: taking off the front one by one would move all others each time. */
  #first = 0;
  #keptCharacters = 0;
  /** The member that is the text of every chunk so far; '' when chunks are texts themselves; undefined: there is none. */
  #textMember: string | undefined;
  #chunksMost: number;
  #charactersMost: number;

  constructor({ chunksMost = 5_000, charactersMost = 8_000_000 }: ChunkListOptions = {}) {
    this.#chunksMost = chunksMost;
    this.#charactersMost = charactersMost;
  }

  add(json: string): void {
    const { member, text } = textOf(json);
    this.#textMember = this.count === 0 || member === this.#textMember ? member : undefined;
    this.#kept.push({ seq: this.count, json, ...(text !== undefined && { text }) });
    this.count += 1;
    this.bytes += utf8Length(json);
    this.#keptCharacters += json.length;
    this.#dropOldest();
  }

  /** How many are not kept any more. */
  get dropped(): number {
    return this.count - (this.#kept.length - this.#first);
  }

  /** Whether all chunks are pieces of one text. */
  get isText(): boolean {
    return this.#textMember !== undefined;
  }

  /** The latest, the oldest of them first. */
  latest(most: number): readonly Chunk[] {
    return this.#kept.slice(Math.max(this.#first, this.#kept.length - most));
  }

  /** The end of the running text. @param most characters @returns whether something before it is left out, too */
  text(most: number): { text: string; isWhole: boolean } {
    const parts: string[] = [];
    let length = 0;
    let at = this.#kept.length - 1;
    for (; at >= this.#first && length < most; at--) {
      const part = this.#kept[at]?.text ?? '';
      parts.push(part);
      length += part.length;
    }
    const text = parts.reverse().join('');
    const isWhole = this.dropped === 0 && at < this.#first && length <= most;
    return { text: length > most ? endOf(text, most) : text, isWhole };
  }

  /** All that are kept, one a line. */
  lines(): string {
    return this.latest(Infinity)
      .map(({ json }) => `${oneLine(json)}\n`)
      .join('');
  }

  #dropOldest(): void {
    while (
      this.#kept.length - this.#first > this.#chunksMost ||
      (this.#keptCharacters > this.#charactersMost && this.#kept.length - this.#first > 1)
    ) {
      this.#keptCharacters -= this.#kept[this.#first]?.json.length ?? 0;
      this.#first += 1;
    }
    // Not seldom: what is not kept any more may be long.
    if (this.#first > this.#kept.length / 2) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
  }
}

/** What is to be read of a chunk, and the member that it stands in: '' of a chunk that is a text itself. */
function textOf(json: string): { member?: string; text?: string } {
  const value = JSON.parse(json) as unknown;
  if (typeof value === 'string') return { member: '', text: value };
  if (!isRecord(value)) return {};
  const [first, second] = Object.entries(value).filter(([, member]) => typeof member === 'string');
  return first && !second ? { member: first[0], text: first[1] as string } : {};
}

/** Not in the middle of a character that takes two units. */
function endOf(text: string, most: number): string {
  const end = text.slice(-most);
  return /^[\udc00-\udfff]/.test(end) ? end.slice(1) : end;
}

/** Outside of texts JSON has line breaks between its parts only, and within them none. */
function oneLine(json: string): string {
  return json.replaceAll(/[\r\n]+/g, ' ');
}
