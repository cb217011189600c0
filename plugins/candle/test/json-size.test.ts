import { describe, expect, it } from 'vitest';
import type { Datatype, Tensor } from '../src/datatypes.ts';
import { fitsJson } from '../src/json-size.ts';
import { decodeTensor } from '../src/tensor-json.ts';

const { signal } = new AbortController();

async function tensorOf(datatype: Datatype, data: unknown[]): Promise<Tensor> {
  return decodeTensor({ name: 'x', datatype, shape: [data.length], data }, '', signal);
}

describe('the size of tensors as JSON', () => {
  it.each([
    ['BOOL', [true, false, false]],
    ['UINT8', [0, 10, 255]],
    ['INT64', [-1, '9223372036854775807']],
    ['FP16', [0.0999755859375, 'NaN', '-Infinity']],
    ['FP32', [0.10000000149011612, 1]],
    ['FP64', [-0.0000012345678901234567, -1.7976931348623157e308]],
    ['BYTES', ['Grüße', '"\n', '']],
  ] as [Datatype, unknown[]][])('is exact for %s', async (datatype, data) => {
    // So many that it is counted, not guessed from above.
    const many = Array.from({ length: 100 }, () => data).flat();
    const tensor = await tensorOf(datatype, many);
    // Without the brackets, but with a comma behind the last element.
    const bytes = Buffer.byteLength(JSON.stringify(many)) - 1;
    expect(fitsJson([tensor], bytes)).toBe(true);
    expect(fitsJson([tensor], bytes - 1)).toBe(false);
    expect(fitsJson([tensor, tensor], 2 * bytes)).toBe(true);
    expect(fitsJson([tensor, tensor], 2 * bytes - 1)).toBe(false);
  });

  it('is found too large without looking at every element', () => {
    const data = new Uint8Array(200_000_000);
    const startedAt = performance.now();
    expect(fitsJson([{ name: 'x', datatype: 'UINT8', shape: [data.length], data }], 1_000_000)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });
});
