import { rmSync, utimesSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { fingerprint, stampFile } from '../stamp.mjs';
import { temporaryCheckout } from './checkout.mjs';

const typescript = (file) => file.endsWith('.ts');

it('sees changed contents, new, renamed and missing files, and nothing else', () => {
  using checkout = temporaryCheckout();
  const { root, write } = checkout;
  const look = () =>
    fingerprint(root, ['a', 'tsconfig.json'], (file) => typescript(file) || file.endsWith('.json'));
  const file = write('a/src/x.ts', 'one');
  const seen = new Set([look()]);
  const differs = () => {
    const size = seen.size;
    return seen.add(look()).size > size;
  };

  utimesSync(file, new Date(0), new Date(0));
  expect(differs(), 'another time').toBe(false);
  write('a/notes.md', 'text');
  expect(differs(), 'a file that is no source').toBe(false);
  write('a/node_modules/y.ts', 'text');
  write('a/dist/y.ts', 'text');
  expect(differs(), 'what tools made').toBe(false);

  write('a/src/x.ts', 'two');
  expect(differs(), 'same size, other contents').toBe(true);
  write('a/src/y.ts', '');
  expect(differs(), 'a new file').toBe(true);
  rmSync(path.join(root, 'a/src/y.ts'));
  write('a/src/z.ts', '');
  expect(differs(), 'a renamed file').toBe(true);
  write('tsconfig.json', '');
  expect(differs(), 'a file that was missing').toBe(true);
});

it('remembers the last success across processes', () => {
  using checkout = temporaryCheckout();
  const stamp = () => stampFile(path.join(checkout.root, 'state/built'));
  expect(stamp().matches('a')).toBe(false);
  stamp().set('a');
  expect(stamp().matches('a')).toBe(true);
  expect(stamp().matches('b')).toBe(false);
});
