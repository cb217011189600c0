import { describe, expect, it } from 'vitest';
import { BkgError } from '@bkg/sdk';
import { decodeFeeds } from '../src/feeds.ts';
import type { Signature } from '../src/signature.ts';
import type { JsonTensor } from '../src/tensor-json.ts';

const signature: Signature = {
  inputs: [
    { name: 'tokens', datatype: 'INT64', dims: ['batch', 2] },
    { name: 'scale', datatype: 'FP32', dims: [] },
    { name: 'anything', datatype: 'BOOL' },
  ],
  outputs: [{ name: 'logits', datatype: 'FP32', dims: ['', 12] }],
  metadata: {},
};

const good: JsonTensor[] = [
  { name: 'scale', datatype: 'FP32', shape: [], data: [2] },
  { name: 'anything', datatype: 'BOOL', shape: [1, 1, 1, 1], data: [true] },
  { name: 'tokens', datatype: 'INT64', shape: [3, 2], data: [1, 2, 3, 4, 5, 6] },
];

const decode = (inputs: JsonTensor[], outputs?: string[]) =>
  decodeFeeds(signature, inputs, outputs, new AbortController().signal);

async function complaints(inputs: JsonTensor[], outputs?: string[]) {
  try {
    await decode(inputs, outputs);
  } catch (error) {
    if (error instanceof BkgError)
      return error.problem.errors!.map(({ path, message }) => `${path} ${message}`);
    throw error;
  }
  return [];
}

const changed = (name: string, change: Partial<JsonTensor>): JsonTensor[] =>
  good.map((tensor) => (tensor.name === name ? { ...tensor, ...change } : tensor));

describe('the inputs of an invocation', () => {
  it('fit in any order, with any length on dynamic axes and any rank where none is declared', async () => {
    const feeds = await decode(good, ['logits']);
    expect(feeds.map(({ name, shape }) => [name, shape])).toEqual([
      ['scale', []],
      ['anything', [1, 1, 1, 1]],
      ['tokens', [3, 2]],
    ]);
  });

  it('are refused for an unknown, a missing or a doubled name, with what the model takes', async () => {
    expect(await complaints(changed('tokens', { name: 'ids' }))).toEqual([
      '/inputs/2/name no input "ids"; the model takes tokens INT64 [batch, 2], scale FP32 [], anything BOOL of any shape',
      '/inputs input tokens INT64 [batch, 2] is missing',
    ]);
    expect(await complaints([...good, good[0]!])).toEqual(['/inputs/3/name input "scale" is given twice']);
  });

  it('are refused for another datatype, rank or fixed length', async () => {
    expect(await complaints(changed('tokens', { datatype: 'INT32' }))).toEqual([
      '/inputs/2/datatype INT32 given, the model takes tokens INT64 [batch, 2]',
    ]);
    expect(await complaints(changed('tokens', { shape: [6], data: [] }))).toEqual([
      '/inputs/2/shape [6] given, the model takes tokens INT64 [batch, 2]',
    ]);
    expect(await complaints(changed('tokens', { shape: [2, 3] }))).toHaveLength(1);
    expect(await complaints(changed('scale', { shape: [1] }))).toHaveLength(1);
  });

  it('are complained about all at once, but no more than twenty times', async () => {
    expect(await complaints(changed('tokens', { datatype: 'FP32', shape: [1] }), ['nope'])).toEqual([
      expect.stringContaining('/inputs/2/datatype'),
      expect.stringContaining('/inputs/2/shape'),
      '/outputs/0 no output "nope"; the model has logits FP32 [?, 12]',
    ]);
    const many = Array.from({ length: 100 }, (_, i) => ({ ...good[0]!, name: `x${i}` }));
    expect(await complaints(many)).toHaveLength(20);
  });

  it('are looked at element by element only when all else fits', async () => {
    expect(await complaints(changed('scale', { data: ['two'] }))).toEqual([
      expect.stringMatching(/^\/inputs\/0\/data\/0 "two" is no FP32/),
    ]);
  });
});
