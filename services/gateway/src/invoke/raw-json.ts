const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const openBrace = 0x7b;
const closeBrace = 0x7d;
const openBracket = 0x5b;
const closeBracket = 0x5d;

/**
 * The bytes of a member's value in a JSON object that is known to be valid: parsed and written again, numbers beyond 2^53
 * would be others. Of several members with the same name the last one's, as JSON.parse has it. All that matters here is
 * ASCII, which never occurs inside a character of UTF-8.
 */
export function memberOf(json: Buffer, name: string): Buffer | undefined {
  let found: Buffer | undefined;
  let at = afterSpace(json, afterSpace(json, 0) + 1);
  while (json[at] === quote) {
    const keyEnd = afterString(json, at);
    const isMeant = JSON.parse(json.toString('utf8', at, keyEnd)) === name;
    const start = afterSpace(json, afterSpace(json, keyEnd) + 1);
    const end = afterValue(json, start);
    if (isMeant) found = json.subarray(start, end);
    at = afterSpace(json, end);
    if (json[at] === comma) at = afterSpace(json, at + 1);
  }
  return found;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

function afterSpace(json: Buffer, from: number): number {
  let at = from;
  while (isSpace(json[at])) at += 1;
  return at;
}

function afterString(json: Buffer, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== quote) at += json[at] === backslash ? 2 : 1;
  return at + 1;
}

function afterValue(json: Buffer, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length;) {
    const byte = json[at];
    if (byte === quote) {
      at = afterString(json, at);
      if (depth === 0) return at;
      continue;
    }
    if (byte === openBrace || byte === openBracket) depth += 1;
    else if (byte === closeBrace || byte === closeBracket) {
      // At depth 0 it closes the object around a number or a word.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (byte === comma || isSpace(byte))) return at;
    at += 1;
  }
  return json.length;
}
