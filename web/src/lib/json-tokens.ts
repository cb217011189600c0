export type TokenKind = 'punctuation' | 'key' | 'string' | 'number' | 'literal' | 'space' | 'invalid';

/** A stretch of the text: `text.slice(start, end)`. Together the tokens are the whole text. */
export interface Token {
  kind: TokenKind;
  start: number;
  end: number;
}

const space = /[ \t\n\r]+/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const word = /[^\s{}[\]:,"]+/y;

/** Takes JSON apart without reading any value, so that nothing of it can change. Never throws. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const token = nextToken(text, at);
    tokens.push(token);
    at = token.end;
  }
  return tokens;
}

function nextToken(text: string, start: number): Token {
  const char = text.charAt(start);
  if ('{}[]:,'.includes(char)) return { kind: 'punctuation', start, end: start + 1 };
  if (char === '"') return stringToken(text, start);
  const spaceEnd = match(space, text, start);
  if (spaceEnd) return { kind: 'space', start, end: spaceEnd };
  // A number or literal must be the whole word: 01 and nullx are neither.
  const wordEnd = match(word, text, start) ?? start + 1;
  if (match(number, text, start) === wordEnd) return { kind: 'number', start, end: wordEnd };
  if (match(literal, text, start) === wordEnd) return { kind: 'literal', start, end: wordEnd };
  return { kind: 'invalid', start, end: wordEnd };
}

/** By hand, because a regular expression runs out of stack on a string of megabytes. */
function stringToken(text: string, start: number): Token {
  let at = start + 1;
  let kind: TokenKind = 'string';
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 0x22)
      return { kind: kind === 'string' && isKey(text, at + 1) ? 'key' : kind, start, end: at + 1 };
    if (code === 0x0a) break;
    if (code < 0x20) kind = 'invalid';
    if (code === 0x5c) {
      const escapeEnd = match(escape, text, at);
      if (escapeEnd) {
        at = escapeEnd;
        continue;
      }
      kind = 'invalid';
      at += 2;
      continue;
    }
    at += 1;
  }
  return { kind: 'invalid', start, end: Math.min(at, text.length) };
}

function isKey(text: string, at: number): boolean {
  return text.charAt(match(space, text, at) ?? at) === ':';
}

function match(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
