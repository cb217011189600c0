import { pointerNames } from '@bkg/sdk/protocol';
import { tokenize, type Token } from './json-tokens.ts';

/** A value as a place in the text. Scalars keep their spelling: `text.slice(start, end)`. */
export interface JsonNode {
  kind: 'object' | 'array' | 'scalar';
  start: number;
  end: number;
  /** Of an object or array, in order; `key` is the member's decoded name or the index. */
  children: { key: string; keyStart: number; keyEnd: number; value: JsonNode }[];
}

export interface JsonMistake {
  offset: number;
  /** 1-based. */
  line: number;
  column: number;
  message: string;
}

export type JsonTree = { root: JsonNode; mistake?: undefined } | { root?: undefined; mistake: JsonMistake };

/** Deeper than any payload; without a bound a line of a million brackets would end the page. */
const deepest = 200;

class Mistake extends Error {
  readonly offset: number;
  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Reads strict JSON (RFC 8259) into places, or says what is wrong and where. */
export function parseTree(text: string): JsonTree {
  const tokens = tokenize(text).filter((token) => token.kind !== 'space');
  let next = 0;

  const show = (token: Token) => text.slice(token.start, Math.min(token.end, token.start + 20));
  const fail = (wanted: string): never => {
    const token = tokens[next];
    if (!token) throw new Mistake(`Expected ${wanted}, but the text ends here.`, text.length);
    throw new Mistake(`Expected ${wanted}, found ${describe(token, show(token))}.`, token.start);
  };
  const take = (wanted: string, test: (token: Token) => boolean): Token => {
    const token = tokens[next];
    if (!token || !test(token)) return fail(wanted);
    next += 1;
    return token;
  };
  const sign = (char: string) => (token: Token) =>
    token.kind === 'punctuation' && text.charAt(token.start) === char;
  const peek = (char: string) => {
    const token = tokens[next];
    return token !== undefined && sign(char)(token);
  };

  const readValue = (depth: number): JsonNode => {
    if (depth > deepest)
      throw new Mistake(`Nested more than ${deepest} levels deep.`, tokens[next]?.start ?? 0);
    if (peek('{')) return readMembers('object', '{', '}', depth);
    if (peek('[')) return readMembers('array', '[', ']', depth);
    const { start, end } = take('a value', ({ kind }) => ['string', 'number', 'literal'].includes(kind));
    return { kind: 'scalar', start, end, children: [] };
  };

  const readMembers = (kind: 'object' | 'array', first: string, last: string, depth: number): JsonNode => {
    const { start } = take(first, sign(first));
    const children: JsonNode['children'] = [];
    while (!peek(last)) {
      if (children.length > 0) take(`"," or "${last}"`, sign(','));
      let key = String(children.length);
      let [keyStart, keyEnd] = [start, start];
      if (kind === 'object') {
        const name = take('a name in double quotes', (token) => token.kind === 'key');
        [keyStart, keyEnd] = [name.start, name.end];
        key = JSON.parse(text.slice(keyStart, keyEnd)) as string;
        take('":"', sign(':'));
      }
      children.push({ key, keyStart, keyEnd, value: readValue(depth + 1) });
    }
    return { kind, start, end: take(last, sign(last)).end, children };
  };

  try {
    const root = readValue(0);
    if (next < tokens.length) fail('the end of the text');
    return { root };
  } catch (error) {
    if (!(error instanceof Mistake)) throw error;
    return {
      mistake: { offset: error.offset, ...lineAndColumn(text, error.offset), message: error.message },
    };
  }
}

function describe(token: Token, shown: string): string {
  if (token.kind === 'invalid' && shown.startsWith('"'))
    return 'a string that is not closed or has a bad escape';
  if (shown.startsWith("'")) return `${shown}: strings take double quotes`;
  return token.kind === 'key' || token.kind === 'string' ? shown : `"${shown}"`;
}

function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
}

/** Where the value of a JSON pointer (RFC 6901) stands; of a missing member, where its nearest parent stands. */
export function locatePointer(text: string, pointer: string): { start: number; end: number } | undefined {
  const { root } = parseTree(text);
  let node = root;
  for (const name of pointerNames(pointer)) {
    const child = node?.children.find(({ key }) => key === name);
    if (!child) break;
    node = child.value;
  }
  return node && { start: node.start, end: node.end };
}
