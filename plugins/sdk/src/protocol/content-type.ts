export const jsonContentType = 'application/json';
export const problemContentType = 'application/problem+json';

/** True for `application/json` with or without parameters; an absent type means JSON. */
export function isJsonContentType(contentType: string | undefined): boolean {
  return !contentType || essenceOf(contentType) === jsonContentType;
}

export const bytesContentType = 'application/octet-stream';

const token = String.raw`[!#$%&'*+.^_\`|~0-9A-Za-z-]+`;
/** A type or a range, with parameters or without. */
const pattern = new RegExp(String.raw`^${token}/${token}(?:[ \t]*;[\x20-\x7e\t]*)?$`);

/** Whether a text is a content type, as a header may carry it. At most 255 characters of ASCII. */
export function isContentType(text: string): boolean {
  return text.length <= 255 && pattern.test(text) && !essenceOf(text).includes('*');
}

/** Whether a text is a content type, or stands for several, as `image/*` does. */
export function isContentTypeRange(text: string): boolean {
  return text.length <= 255 && /^(?:\*\/\*|[^*]+\/(?:\*|[^*]+))$/.test(essenceOf(text)) && pattern.test(text);
}

/** Whether a content type is one of those that a range stands for. Parameters do not count. */
export function isInRange(contentType: string, range: string): boolean {
  const [type, subtype] = essenceOf(contentType).split('/');
  const [rangeType, rangeSubtype] = essenceOf(range).split('/');
  return (rangeType === '*' || rangeType === type) && (rangeSubtype === '*' || rangeSubtype === subtype);
}

/** Type and subtype in lower case, without parameters. */
export function essenceOf(contentType: string): string {
  return (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();
}
