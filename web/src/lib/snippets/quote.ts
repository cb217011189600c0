/** One word of a shell, exactly `text`: in single quotes nothing means anything, not even a line break. */
export function shellQuote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A name of a file that no program takes for an option or for its standard input. */
export function fileArgument(name: string): string {
  return shellQuote(`./${name}`);
}

/** A text as a literal of JavaScript: JSON is one, but for what ends a line there. */
export function javascriptString(text: string): string {
  return escapeSeparators(JSON.stringify(text));
}

/** A text as a literal of Python, laid out as it is where that can be. */
export function pythonString(text: string): string {
  // Raw: a backslash is one, so that JSON stays as it is to be read. It cannot hold its own end, nor end with a backslash.
  const canBeRaw = !text.includes("'''") && !/['\\]$/.test(text) && !hasUnseen(text);
  return canBeRaw ? `r'''${text}'''` : pythonEscaped(text);
}

/** JSON escapes as Python does. */
function pythonEscaped(text: string): string {
  return escapeSeparators(JSON.stringify(text));
}

function escapeSeparators(literal: string): string {
  return literal.replaceAll('\u2028', String.raw`\u2028`).replaceAll('\u2029', String.raw`\u2029`);
}

/** Python reads a CR in its source as a line break, and a NUL ends it. */
function hasUnseen(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- finding control characters is what this is for
  return /[\u0000-\u0009\u000b-\u001f\u007f]/.test(text);
}

/** A word that ends a here-document: no line of JSON is one, because JSON has no such word. */
const hereEnd = 'END_OF_JSON';

/** JSON as the standard input of a command, however long it is. @param rest of the command, on the line where it begins */
export function hereDocument(json: string, rest = ''): string {
  return `<<'${hereEnd}'${rest}\n${json}\n${hereEnd}`;
}
