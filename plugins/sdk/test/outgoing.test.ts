import { headers as natsHeaders } from '@nats-io/nats-core';
import { expect, it } from 'vitest';
import { startNatsServer } from '../src/testing.ts';
import { encodeHeaders } from '../src/outgoing.ts';

const given = {
  'Bkg-Invocation-Id': 'a1',
  'Bkg-Timeout-Ms': '30000',
  traceparent: undefined,
  'X-Text': '  Grüße, 世界 🙂 ',
  'X-Empty': '',
};

it('headers go out as nats.js writes them', () => {
  const theirs = natsHeaders();
  for (const [name, value] of Object.entries(given)) if (value !== undefined) theirs.set(name, value);
  const encoded = (headers: unknown): string =>
    Buffer.from((headers as { encode: () => Uint8Array }).encode()).toString();
  expect(encoded(encodeHeaders(given))).toBe(encoded(theirs));
});

it('headers arrive as they were given', async () => {
  await using server = await startNatsServer({ jetstream: false });
  const connection = await server.connect('headers');
  const { promise, resolve } = Promise.withResolvers<[string, string[]][]>();
  connection.subscribe('of.headers', { callback: (_, { headers }) => resolve([...(headers ?? [])]) });
  connection.publish('of.headers', 'x', given);
  expect(await promise).toEqual([
    ['Bkg-Invocation-Id', ['a1']],
    ['Bkg-Timeout-Ms', ['30000']],
    ['X-Text', ['Grüße, 世界 🙂']],
    ['X-Empty', ['']],
  ]);
});

it.each([
  ['a line break in a value', { 'X-A': 'one\r\nX-B: two' }, 'The header X-A has more than one line.'],
  ['a line feed alone', { 'X-A': 'one\ntwo' }, 'The header X-A has more than one line.'],
  ['a colon in a name', { 'X:A': 'one' }, '"X:A" is no name of a header.'],
  ['a line break in a name', { 'X\r\nA': 'one' }, '"X\r\nA" is no name of a header.'],
  ['no name', { '': 'one' }, '"" is no name of a header.'],
])('%s is refused', (_what, values, message) => {
  expect(() => encodeHeaders(values)).toThrow(message);
});
