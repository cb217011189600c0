/**
 * JSON with a member or an element a line. Only white space is changed: numbers keep all their digits, members their
 * order and their repetitions.
 * @param json known to be valid
 */
export function layOut(json: string, indent = '  '): string {
  let depth = 0;
  const parts: string[] = [];
  const newline = (): void => void parts.push('\n', indent.repeat(depth));
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    const last = parts.at(-1);
    if (token === '{' || token === '[') {
      parts.push(token);
      depth += 1;
      newline();
    } else if (token === '}' || token === ']') {
      depth -= 1;
      // Nothing in it: on one line.
      if (parts.at(-3) === (token === '}' ? '{' : '[') && last?.trim() === '') parts.splice(-2);
      else newline();
      parts.push(token);
    } else if (token === ',') {
      parts.push(token);
      newline();
    } else parts.push(token === ':' ? ': ' : token);
  }
  return parts.join('');
}
