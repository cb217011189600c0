/** Of objects in objects. */
const depthMost = 3;
/** Of anything: a schema comes from a plugin, and may be as deep as it likes. */
const nestingMost = 12;

/**
 * A schema as a short type, such as `{name: string 1–100, loud?: boolean}`. It leaves things out: the whole schema is in
 * `bkg plugins <id> --json`.
 */
export function schemaText(schema: unknown, depth = 0, nesting = 0): string {
  if (nesting > nestingMost) return '…';
  if (schema === false) return 'nothing';
  if (typeof schema !== 'object' || schema === null) return 'anything';
  const { type, enum: choices, const: constant, anyOf, oneOf, ...rest } = schema as Record<string, unknown>;
  if (constant !== undefined) return JSON.stringify(constant);
  if (Array.isArray(choices)) return choices.map((choice) => JSON.stringify(choice)).join(' | ');
  const alternatives = anyOf ?? oneOf;
  if (Array.isArray(alternatives))
    return alternatives.map((one) => schemaText(one, depth, nesting + 1)).join(' | ');
  if (type === 'object' || rest['properties']) return objectText(rest, depth, nesting);
  if (type === 'array') return `${schemaText(rest['items'], depth, nesting + 1)}[]`;
  if (typeof type !== 'string') return Array.isArray(type) ? type.join(' | ') : 'anything';
  return [type, range(rest)].filter(Boolean).join(' ');
}

function objectText(
  { properties, required }: Record<string, unknown>,
  depth: number,
  nesting: number,
): string {
  const members = typeof properties === 'object' ? Object.entries(properties ?? {}) : [];
  if (members.length === 0) return '{}';
  if (depth >= depthMost) return '{…}';
  const needed = new Set(Array.isArray(required) ? (required as unknown[]) : []);
  const texts = members.map(
    ([name, member]) =>
      `${name}${needed.has(name) ? '' : '?'}: ${schemaText(member, depth + 1, nesting + 1)}`,
  );
  return `{${texts.join(', ')}}`;
}

/** The bounds of a number, or of the length of a text: `1–100`, `≥ 0`. */
function range({ minimum, maximum, minLength, maxLength }: Record<string, unknown>): string {
  const [least, most] = [minimum ?? minLength, maximum ?? maxLength];
  if (typeof least === 'number' && typeof most === 'number') return `${least}–${most}`;
  if (typeof least === 'number') return `≥ ${least}`;
  return typeof most === 'number' ? `≤ ${most}` : '';
}
