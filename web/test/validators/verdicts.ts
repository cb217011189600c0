import { createValidator, type JsonSchema } from '@bkg/sdk';
import { checkPayload } from '../../src/lib/form/schema-check.ts';

/** What cannot be checked a plugin fails with, and the dashboard sends. */
export type Verdict = 'takes' | 'refuses' | 'cannot check';

/** What a plugin on the SDK says to payloads. */
export function plugin(schema: unknown): (text: string, bytes?: number) => Verdict {
  const validate = createValidator(schema as JsonSchema);
  return (text, bytes) => verdictOf(() => validate(JSON.parse(text), bytes));
}

/** What the dashboard says. */
export function page(schema: unknown): (text: string) => Verdict {
  // The validator marks it.
  const own = JSON.parse(asText(schema)) as unknown;
  return (text) => verdictOf(() => checkPayload(own, text));
}

function verdictOf(check: () => unknown[]): Verdict {
  try {
    return check().length === 0 ? 'takes' : 'refuses';
  } catch {
    return 'cannot check';
  }
}

/** A value as JSON; 1e400 is read as infinite, and nothing else is. */
export function asText(value: unknown): string {
  const marked = JSON.stringify(value, (_, one: unknown) => (one === Infinity ? '\u0001' : one));
  return marked.replaceAll('"\\u0001"', '1e400');
}
