import { describe, expect, it } from 'vitest';
import type { BkgError } from '@bkg/sdk';
import type { Datatype } from '../src/datatypes.ts';
import { decodeTensor, encodeTensor } from '../src/tensor-json.ts';

const { signal } = new AbortController();

const decode = (datatype: Datatype, shape: number[], data: unknown[]) =>
  decodeTensor({ name: 'x', datatype, shape, data }, '/inputs/0', signal);

/** To memory and back, through JSON text as on the wire. */
async function roundTrip(datatype: Datatype, data: unknown[], shape = [data.length]): Promise<unknown[]> {
  const sent = JSON.parse(JSON.stringify(data)) as unknown[];
  const { data: back } = await encodeTensor(await decode(datatype, shape, sent), signal);
  return JSON.parse(JSON.stringify(back)) as unknown[];
}

const complaint = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason as BkgError,
  );
  expect(error?.code).toBe('INVALID_PAYLOAD');
  return error!.problem.errors![0]!;
};

describe('a tensor in JSON', () => {
  it.each([
    ['BOOL', [true, false]],
    ['UINT8', [0, 255]],
    ['UINT16', [0, 65_535]],
    ['UINT32', [0, 4_294_967_295]],
    ['INT8', [-128, 127]],
    ['INT16', [-32_768, 32_767]],
    ['INT32', [-2_147_483_648, 2_147_483_647]],
    ['INT64', ['-9223372036854775808', -9007199254740991, -1, 0, 9007199254740991, '9007199254740992']],
    ['INT64', ['9223372036854775807', '9007199254740993']],
    ['UINT64', [0, 9007199254740991, '18446744073709551615']],
    ['FP16', [0, 1, -2.5, 65_504, 0.000000059604644775390625, 'NaN', 'Infinity', '-Infinity']],
    ['FP32', [0, 0.10000000149011612, -3.4028234663852886e38, 1.401298464324817e-45, 'NaN', 'Infinity']],
    ['FP64', [0.1, -1.7976931348623157e308, 5e-324, 'NaN', 'Infinity', '-Infinity']],
    ['BYTES', ['', 'Grüße', '日本 🕯']],
  ] as [Datatype, unknown[]][])('keeps every element of %s exactly: %j', async (datatype, data) => {
    expect(await roundTrip(datatype, data)).toEqual(data);
  });

  it('rounds to what the datatype holds, as the runtime would', async () => {
    expect(await roundTrip('FP32', [0.1])).toEqual([Math.fround(0.1)]);
    expect(await roundTrip('FP16', [0.1])).toEqual([Math.f16round(0.1)]);
  });

  it('takes decimal strings also for small integers of 64 bits', async () => {
    expect(await roundTrip('INT64', ['7', '-7'])).toEqual([7, -7]);
  });

  it('takes data nested like the shape, and gives it flat', async () => {
    const nested = [
      [[1], [2], [3]],
      [[4], [5], [6]],
    ];
    expect(await roundTrip('INT32', nested, [2, 3, 1])).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('takes scalars and tensors without elements', async () => {
    expect(await roundTrip('FP64', [1.5], [])).toEqual([1.5]);
    expect(await roundTrip('FP64', [], [0])).toEqual([]);
    expect(await roundTrip('BYTES', [], [3, 0, 2])).toEqual([]);
    expect(await roundTrip('INT8', [[], []], [2, 0])).toEqual([]);
  });

  it.each([
    ['BOOL', 1],
    ['UINT8', 256],
    ['UINT8', -1],
    ['UINT8', 1.5],
    ['INT8', '5'],
    ['INT32', 2_147_483_648],
    ['INT64', 9007199254740992],
    ['INT64', '9223372036854775808'],
    ['INT64', '1e3'],
    ['INT64', ' 1'],
    ['INT64', ''],
    ['UINT64', '-1'],
    ['FP16', 65_520],
    ['FP32', 3.5e38],
    ['FP64', Infinity],
    ['FP64', 'nan'],
    ['FP64', 'toString'],
    ['FP64', null],
    ['BYTES', 7],
    ['BYTES', null],
    ['BYTES', 'a\u0000b'],
    ['BYTES', '\ud800'],
  ] as [Datatype, unknown][])('refuses for %s what it cannot hold: %j', async (datatype, element) => {
    const { path, message } = await complaint(
      decode(datatype, [2], [datatype === 'BYTES' ? 'x' : element, element]),
    );
    expect(path).toBe(`/inputs/0/data/${datatype === 'BYTES' ? 1 : 0}`);
    expect(message).toContain(`is no ${datatype}: allowed is`);
  });

  it('names the place of a wrong element also in nested data', async () => {
    const nested = [
      [1, 2, 3],
      [4, 'five', 6],
    ];
    expect((await complaint(decode('FP32', [2, 3], nested))).path).toBe('/inputs/0/data/1/1');
  });

  it('refuses another number of elements than the shape needs', async () => {
    const { path, message } = await complaint(decode('FP32', [2, 3], [1, 2, 3, 4, 5]));
    expect(path).toBe('/inputs/0/data');
    expect(message).toBe('5 elements in data of "x", its shape [2, 3] needs 6');
    // Nothing is allocated for a shape that only claims to be large.
    await complaint(decode('FP64', [2 ** 31 - 1, 2 ** 31 - 1], [1]));
  });

  it('refuses nesting that is not the shape', async () => {
    expect((await complaint(decode('FP32', [2, 2], [[1, 2], [3]]))).path).toBe('/inputs/0/data/1');
    expect((await complaint(decode('FP32', [2, 2], [[1, 2], 3]))).path).toBe('/inputs/0/data/1');
    expect((await complaint(decode('FP32', [2], [[1], [2]]))).path).toBe('/inputs/0/data/0');
    expect((await complaint(decode('FP32', [], [[1]]))).path).toBe('/inputs/0/data/0');
  });

  it('lets other work have its turn while it converts a large tensor, and stops when nobody wants it', async () => {
    const data = new Array<number>(500_000).fill(1);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 0);
    const tensor = await decode('FP32', [500_000], data);
    await encodeTensor(tensor, signal);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(5);

    const controller = new AbortController();
    const decoding = decodeTensor(
      { name: 'x', datatype: 'FP32', shape: [500_000], data },
      '',
      controller.signal,
    );
    controller.abort(new Error('not wanted'));
    await expect(decoding).rejects.toThrow('not wanted');
  });
});
