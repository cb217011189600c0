import { expect, it } from 'vitest';
import { configDefaults, mergeTelemetry } from '@bkg/sdk';
import type { PluginInfo } from '@bkg/sdk';
import { fitList } from '../src/fit-list.ts';

function plugin(id: string, schemaBytes: number, more: Partial<PluginInfo> = {}): PluginInfo {
  const capability = {
    id: 'do',
    name: 'do',
    description: '',
    input_schema: { description: 'x'.repeat(schemaBytes) },
    output_schema: { type: 'object' },
    stream: false,
    upload: false,
    idempotent: false,
  };
  return {
    id,
    name: id,
    version: '1.0.0',
    description: 'what it does',
    author: '',
    status: 'running',
    capabilities: [capability],
    config: { id, ...configDefaults, revision: 1 },
    instances: [],
    versions: ['1.0.0'],
    telemetry: mergeTelemetry(id, []),
    observed_at: '2026-11-24T08:00:00.000Z',
    ...more,
  };
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

it('a list that fits into a message is as it is', () => {
  const list = [plugin('a', 10), plugin('b', 1_000)];
  expect(fitList(list, bytesOf(list))).toEqual(list);
});

it('of one that does not, the largest lose their schemas, and the others nothing', () => {
  const list = [plugin('a', 10), plugin('b', 400_000), plugin('c', 300_000), plugin('d', 1_000)];
  const fitted = fitList(list, 350_000);
  expect(bytesOf(fitted)).toBeLessThanOrEqual(350_000);
  expect(fitted.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'd']);
  expect([fitted[0], fitted[2], fitted[3]]).toEqual([list[0], list[2], list[3]]);
  expect(fitted[1]?.capabilities).toMatchObject([{ id: 'do', input_schema: {}, output_schema: {} }]);
});

it('of a thousand with long words each is there, with less and less of it', () => {
  const list = Array.from({ length: 1_000 }, (_, i) =>
    plugin(`p${i}`, 2_000, { description: 'd'.repeat(4_000) }),
  );
  const fitted = fitList(list, 980_000);
  expect(bytesOf(fitted)).toBeLessThanOrEqual(980_000);
  expect(fitted).toHaveLength(1_000);
});

it('who is managed stays in the list when there is no room for all', () => {
  const strangers = Array.from({ length: 50 }, (_, i) =>
    plugin(`a${i}`, 10, { config: { id: `a${i}`, ...configDefaults } }),
  );
  const fitted = fitList([...strangers, plugin('own', 10)], 10_000);
  expect(fitted.map(({ id }) => id)).toContain('own');
  expect(fitted.length).toBeLessThan(20);
});
