/**
 * The text of a member's value in a JSON object that is known to be valid, exactly as it stands there; of several members
 * with the same name the last one's, as JSON.parse has it.
 */
export function memberText(json: string, name: string): string | undefined {
  let found: string | undefined;
  let at = afterSpace(json, afterSpace(json, 0) + 1);
  while (json[at] === '"') {
    const keyEnd = afterString(json, at);
    const isMeant = JSON.parse(json.slice(at, keyEnd)) === name;
    const start = afterSpace(json, afterSpace(json, keyEnd) + 1);
    const end = afterValue(json, start);
    if (isMeant) found = json.slice(start, end);
    at = afterSpace(json, end);
    if (json[at] === ',') at = afterSpace(json, at + 1);
  }
  return found;
}

function afterSpace(json: string, from: number): number {
  let at = from;
  while (' \n\r\t'.includes(json[at] ?? '.')) at += 1;
  return at;
}

function afterString(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at + 1;
}

function afterValue(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    const char = json[at] ?? '';
    if (char === '"') {
      at = afterString(json, at) - 1;
      if (depth === 0) return at + 1;
    } else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      // At depth 0 it closes the object around a number or a word.
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && ', \n\r\t'.includes(char)) return at;
  }
  return json.length;
}
