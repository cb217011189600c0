import { expect, it } from 'vitest';
import { shortened } from '../ways/shortened.ts';

it('shows an input that written out would be longer than a text can be', () => {
  const large = 'x'.repeat(1_000_000);
  const input = { kind: 'call', replies: Array.from({ length: 2_000 }, () => ({ data: large })) };
  expect(() => JSON.stringify(input)).toThrow(RangeError);
  const shown = shortened(input);
  expect(shown).toMatch(/^\{ kind: 'call', replies: \[ \{ data: 'xxx/);
  expect(shown.length).toBeLessThanOrEqual(2_000);
});
