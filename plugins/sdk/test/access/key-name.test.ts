import { describe, expect, it } from 'vitest';
import { createKey, keyName, prefixOfName } from '../../src/access/index.ts';

const { prefix } = createKey();
const key = { prefix, revision: 3, scopes: ['read', 'invoke:a'] };

describe('the name of a connection of a key', () => {
  it('is another one for each thing by which it is let in, and has the prefix', () => {
    const end = '2027-01-01T00:00:00.000Z';
    const names = [
      key,
      { ...key, revision: 4 },
      { ...key, scopes: ['read'] },
      { ...key, scopes: ['read', 'invoke:b'] },
      { ...key, expires_at: end },
      { ...key, prefix: createKey().prefix },
    ].map(keyName);
    expect(new Set(names).size).toBe(names.length);
    expect(names.slice(0, 5).map(prefixOfName)).toEqual(Array(5).fill(prefix));
    expect(names[0]).toMatch(/^K[a-z2-7]{9}:[0-9a-f]{12}$/);
  });

  it('is the same in whichever order its scopes come', () => {
    expect(keyName({ ...key, scopes: ['invoke:a', 'read'] })).toBe(keyName(key));
  });

  it('is told from all other names', () => {
    for (const name of ['', prefix, 'echo.one', 'gateway', `${prefix}:a:b`, `x${prefix}:a`, 'echo:one'])
      expect([name, prefixOfName(name)]).toEqual([name, undefined]);
  });
});
