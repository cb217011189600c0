import { isDeepStrictEqual } from 'node:util';
import { expect, it } from 'vitest';
import { decodeDescriptor, decodeJson, isCapabilityId, isVersion, pluginIdProblem } from '@bkg/sdk';
import type { Descriptor } from '@bkg/sdk';
import { fitDescriptor } from '../src/fit-descriptor.ts';
import { hostileInfo } from './hostile-info.ts';

const mostBytes = 100_000;

function read(bytes: Uint8Array): unknown {
  try {
    return decodeJson(bytes);
  } catch {
    return undefined;
  }
}

/** What everybody relies on who handles one. */
function assertFits(descriptor: Descriptor): void {
  const text = JSON.stringify(descriptor);
  expect(Buffer.byteLength(text)).toBeLessThanOrEqual(mostBytes);
  expect(text).not.toContain('polluted\\');
  expect(pluginIdProblem(descriptor.id)).toBeUndefined();
  expect(isVersion(descriptor.version)).toBe(true);
  for (const words of [descriptor.name, descriptor.description, descriptor.author])
    expect(words.isWellFormed() && words.length <= 4_096).toBe(true);
  const ids = descriptor.capabilities.map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isCapabilityId)).toBe(true);
  for (const one of descriptor.capabilities) {
    expect(one.name.isWellFormed() && one.description.isWellFormed()).toBe(true);
    for (const error of Object.values(one.errors ?? {}))
      expect(Object.keys(error)).toEqual(['number', 'retryable', 'description']);
  }
  expect(isDeepStrictEqual(JSON.parse(text), descriptor)).toBe(true);
}

it('of a thousand descriptors each is read as one that can be kept, or as none', () => {
  let [read_, cut, longestMs] = [0, 0, 0];
  for (let seed = 0; seed < 1_000; seed += 1) {
    const bytes = hostileInfo(seed, 'svc', 'i');
    const startedAt = performance.now();
    const said = decodeDescriptor(read(bytes));
    if (said) {
      const { descriptor, leftOut } = fitDescriptor(said, mostBytes);
      assertFits(descriptor);
      read_ += 1;
      if (leftOut) cut += 1;
      else expect(descriptor).toBe(said);
    }
    longestMs = Math.max(longestMs, performance.now() - startedAt);
  }
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  // Not all of them are so broken that there would be nothing to look at.
  expect(read_).toBeGreaterThan(400);
  expect(cut).toBeGreaterThan(50);
  // Whoever reads one keeps all others waiting.
  expect(longestMs).toBeLessThan(3_000);
}, 60_000);

it('what is left out of a descriptor that is too large are its largest schemas, and is named', () => {
  const capability = (id: string, bytes: number) => ({
    id,
    name: id,
    description: '',
    input_schema: { description: 'x'.repeat(bytes) },
    output_schema: { type: 'object' },
    stream: false,
    upload: false,
    idempotent: false,
  });
  const said: Descriptor = {
    id: 'svc',
    version: '1.0.0',
    name: 'svc',
    description: '',
    author: '',
    capabilities: [capability('small', 10), capability('large', 90_000), capability('middle', 20_000)],
  };
  const { descriptor, leftOut } = fitDescriptor(said, mostBytes);
  expect(leftOut).toBe('the input schema of large (90018 bytes)');
  expect(descriptor.capabilities).toEqual([
    said.capabilities[0],
    { ...said.capabilities[1], input_schema: {} },
    said.capabilities[2],
  ]);
  expect(said.capabilities[1]?.input_schema).not.toEqual({});
  const many = { ...said, capabilities: Array.from({ length: 3_000 }, (_, i) => capability(`c${i}`, 1)) };
  const cut = fitDescriptor(many, 50_000);
  expect(cut.descriptor.capabilities.length).toBeGreaterThan(100);
  expect(cut.leftOut).toMatch(/^the .*more schemas, \d+ of 3000 capabilities$/);
});
