import { describe, expect, it } from 'vitest';
import { createAccountSeed, createInstanceToken, readInstanceToken } from '../../src/access/index.ts';

const seed = createAccountSeed();
const claims = {
  plugin: 'echo',
  instance: 'Inst1',
  needs: [
    { plugin: 'other', capability: 'model.*' },
    { plugin: 'third', capability: '*' },
  ],
};

describe('the token of an instance', () => {
  it('says who it is and what it needs, to who has the seed', () => {
    const token = createInstanceToken(seed, claims);
    expect(token).toMatch(/^bkgi_[\w-]+\.[\w-]{43}$/);
    expect(readInstanceToken(seed, token)).toEqual(claims);
    expect(readInstanceToken(seed, createInstanceToken(seed, { ...claims, needs: [] }))?.needs).toEqual([]);
    expect(readInstanceToken(createAccountSeed(), token)).toBeUndefined();
  });

  it('is worth nothing when anything of it was changed, left out or added', () => {
    const token = createInstanceToken(seed, claims);
    const payload = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url');
    const mac = token.split('.')[1] ?? '';
    const forged = [
      ...[...token]
        .slice(0, -1)
        .map((letter, i) => token.slice(0, i) + (letter === 'A' ? 'B' : 'A') + token.slice(i + 1)),
      `bkgi_${payload({ ...claims, plugin: 'apikeys' })}.${mac}`,
      `bkgi_${payload(claims)}`,
      `bkgi_${payload(claims)}.`,
      token.slice(0, -4),
      `${token}.${mac}`,
      `${token}AAAA`,
      token.slice(5),
      'bkgi_',
      'bkgi_.',
      '',
    ];
    for (const text of forged) expect([text, readInstanceToken(seed, text)]).toEqual([text, undefined]);
  });
});
