/**
 * Text of processes can hold terminal codes, and codes that reorder or hide what stands beside them. They are
 * shown as what they are, so that no line can look like another.
 */
// eslint-disable-next-line no-control-regex -- finding control characters is what this is for
const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

const names: Record<string, string> = { '\r': '\\r', '\u001b': '\\e', '\u0000': '\\0' };

/** Keeps tabs and line breaks, writes every other control character as an escape. */
export function escapeControl(text: string): string {
  return text.replace(hidden, (char) => {
    return names[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The same for a place that has one line only. */
export function escapeLine(text: string): string {
  return escapeControl(text).replaceAll('\n', '\\n').replaceAll('\t', '  ');
}
