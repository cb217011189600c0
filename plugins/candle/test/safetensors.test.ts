import { describe, expect, it } from 'vitest';
import { BkgError } from '@bkg/sdk';
import { datatypeNames, datatypes, type Datatype, type Tensor } from '../src/datatypes.ts';
import { SafetensorsReader } from '../src/safetensors/reader.ts';
import { encodeSafetensors } from '../src/safetensors/writer.ts';

/** A file as others write it. */
function fileOf(header: unknown, data: Uint8Array = new Uint8Array()): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, data]);
}

async function* pieces(file: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
}

async function read(file: Uint8Array, { size = 1_000, sizeBytes = undefined as number | undefined } = {}) {
  const reader = new SafetensorsReader(pieces(file, size), sizeBytes);
  const header = await reader.header();
  return { ...header, tensors: await reader.tensors(header) };
}

async function refusal(file: Uint8Array, options?: Parameters<typeof read>[1]): Promise<string> {
  const error = await read(file, options).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BkgError);
  const { problem } = error as BkgError;
  expect(problem.code).toBe('INVALID_PAYLOAD');
  return problem.errors!.map(({ path, message }) => `${path} ${message}`).join('\n');
}

const f32 = (shape: number[], begin: number, end: number) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('a safetensors file', () => {
  it('is read as the documentation of the format has it', async () => {
    const data = Buffer.concat([
      Buffer.from(Int32Array.of(1, -2).buffer),
      Buffer.from(Float64Array.of(0.5).buffer),
    ]);
    const file = fileOf(
      `{"__metadata__":{"model_id":"a/b"},"s":{"dtype":"F64","shape":[],"data_offsets":[8,16]},"n":{"dtype":"I32","shape":[2,1],"data_offsets":[0,8]}}   `,
      data,
    );
    for (const size of [1, 7, 8, 1_000]) {
      expect(await read(file, { size, sizeBytes: file.length })).toEqual({
        metadata: { model_id: 'a/b' },
        dataBytes: 16,
        tensors: [
          { name: 'n', datatype: 'INT32', shape: [2, 1], data: Int32Array.of(1, -2) },
          { name: 's', datatype: 'FP64', shape: [], data: Float64Array.of(0.5) },
        ],
      });
    }
  });

  const numbers = datatypeNames.filter((name) => name !== 'BYTES');

  it.each(numbers)('keeps %s bit by bit', async (datatype: Datatype) => {
    const ArrayOfType = datatypes[datatype].array!;
    const bytes = Uint8Array.from({ length: 48 }, (_, i) => (datatype === 'BOOL' ? i % 2 : i * 37));
    const data = new ArrayOfType(bytes.buffer);
    const tensor: Tensor = { name: 'x', datatype, shape: [2, data.length / 2], data };
    const empty: Tensor = { name: 'none', datatype, shape: [0, 3], data: new ArrayOfType(0) };
    const file = Buffer.concat([...encodeSafetensors([empty, tensor], { a: 'b' })]);
    const { tensors, metadata } = await read(file, { sizeBytes: file.length });
    expect(tensors).toEqual([empty, tensor]);
    expect(metadata).toEqual({ a: 'b' });
  });

  it('is written so that every element lie where its size says', () => {
    const tensors: Tensor[] = [
      { name: 'flag', datatype: 'BOOL', shape: [3], data: Uint8Array.of(1, 0, 1) },
      { name: 'half', datatype: 'FP16', shape: [1], data: Uint16Array.of(0x3c00) },
      { name: 'big', datatype: 'INT64', shape: [1], data: BigInt64Array.of(-1n) },
    ];
    const [header = new Uint8Array(), ...parts] = [...encodeSafetensors(tensors, {})];
    expect(header.length % 8).toBe(0);
    expect(Buffer.from(header).subarray(8).toString().trimEnd()).toBe(
      '{"__metadata__":{},"big":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},' +
        '"half":{"dtype":"F16","shape":[1],"data_offsets":[8,10]},"flag":{"dtype":"BOOL","shape":[3],"data_offsets":[10,13]}}',
    );
    expect(parts.map(({ length }) => length)).toEqual([8, 2, 3]);
  });

  it('has texts nowhere', () => {
    const text: Tensor = { name: 'x', datatype: 'BYTES', shape: [1], data: ['a'] };
    expect(() => [...encodeSafetensors([text], {})]).toThrow('x has texts');
  });

  it('may have a tensor with any name', async () => {
    const file = fileOf('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', Uint8Array.of(7));
    expect((await read(file)).tensors).toEqual([
      { name: '__proto__', datatype: 'UINT8', shape: [1], data: Uint8Array.of(7) },
    ]);
  });
});

const x = f32([2], 0, 8);
const eight = new Uint8Array(8);
const claim = (length: bigint): Buffer => {
  const file = Buffer.alloc(16);
  file.writeBigUInt64LE(length);
  return file;
};

describe('what is no safetensors file is refused:', () => {
  it.each<[string, Uint8Array, string | RegExp]>([
    ['nothing', new Uint8Array(), /^ 0 bytes given, a safetensors file begins with 8/],
    [
      'a picture',
      Buffer.from('\x89PNG\r\n\x1a\n and more'),
      /its first 8 bytes say that the header has \d+ bytes, and allowed/,
    ],
    ['a header of no length', claim(0n), /has 0 bytes, and allowed are 2 to 1048576/],
    ['a header without an end', claim(2n ** 64n - 1n), /has 18446744073709551615 bytes, and allowed/],
    ['a header above the limit', claim(1_048_577n), /has 1048577 bytes/],
    ['a header that does not come', claim(100n), /has 100 bytes, and only 8 of them came/],
    ['no JSON', fileOf('{"x":'), /^ The header is not JSON: /],
    ['no UTF-8', fileOf('{"\xff":1}').fill(0xff, 10, 11), /it is not UTF-8/],
    ['a list', fileOf('[]'), /not an object/],
    ['deep JSON', fileOf(`{"x":${'['.repeat(100_000)}${']'.repeat(100_000)}}`), /^\/x\/dtype nothing given/],
    [
      'metadata that is no text',
      fileOf({ __metadata__: { a: 1 } }),
      '/__metadata__/a is no text: only texts may stand here',
    ],
    ['metadata that is a list', fileOf({ __metadata__: [] }), '/__metadata__ is no object of texts'],
    ['a tensor that is none', fileOf({ x: null }), /^\/x is no object with/],
    [
      'no dtype',
      fileOf({ x: { shape: [], data_offsets: [0, 0] } }),
      /^\/x\/dtype nothing given; allowed are BOOL, U8, /,
    ],
    [
      'a dtype that candle does not take',
      fileOf({ x: { ...x, dtype: 'BF16' } }, eight),
      /^\/x\/dtype "BF16" given; allowed/,
    ],
    ['a name with a slash', fileOf({ 'a/b~c': { ...x, dtype: 5 } }), /^\/a~1b~0c\/dtype something else/],
    ['a negative length', fileOf({ x: { ...x, shape: [-2] } }, eight), /^\/x\/shape is no list/],
    ['a length that is no number', fileOf({ x: { ...x, shape: ['2'] } }, eight), /^\/x\/shape is no list/],
    [
      'a rank beyond reason',
      fileOf({ x: { ...x, shape: Array(65).fill(1) } }),
      /^\/x\/shape is no list of at most 64/,
    ],
    ['a length beyond reason', fileOf({ x: { ...x, shape: [2 ** 31, 0] } }), /^\/x\/shape /],
    [
      'lengths whose product is infinite',
      fileOf({ x: { ...x, shape: [...Array<number>(63).fill(2 ** 31 - 1), 0] } }),
      /and NaN are needed/,
    ],
    ['no offsets', fileOf({ x: { dtype: 'F32', shape: [] } }), /^\/x\/data_offsets is no list of two/],
    [
      'three offsets',
      fileOf({ x: { ...x, data_offsets: [0, 8, 8] } }, eight),
      /^\/x\/data_offsets is no list of two/,
    ],
    [
      'offsets that do not fit the shape',
      fileOf({ x: f32([2], 0, 7) }, eight),
      '/x/data_offsets [0, 7] are 7 bytes, and 8 are needed for F32 [2]',
    ],
    ['offsets in reverse', fileOf({ x: f32([2], 8, 0) }, eight), /are -8 bytes/],
    [
      'overlapping tensors',
      fileOf({ x, y: f32([1], 4, 8) }, eight),
      '/y/data_offsets begins at 4; it has to begin at 8, where the one before ends',
    ],
    ['the same bytes twice', fileOf({ x, y: x }, eight), /^\/y\/data_offsets begins at 0/],
    [
      'bytes of nobody between tensors',
      fileOf({ x, y: f32([1], 12, 16) }, new Uint8Array(16)),
      /begins at 12; it has to begin at 8/,
    ],
    [
      'bytes of nobody at the beginning',
      fileOf({ x: f32([1], 4, 8) }, eight),
      /begins at 4; it has to begin at 0/,
    ],
    [
      'too few bytes',
      fileOf({ x }, new Uint8Array(5)),
      / it has 8 bytes of tensors, and only 5 of them came/,
    ],
    ['too many bytes', fileOf({ x }, new Uint8Array(9)), / More bytes came than the 8 of tensors/],
    [
      'a BOOL that is neither',
      fileOf({ x: { dtype: 'BOOL', shape: [2], data_offsets: [0, 2] } }, Uint8Array.of(1, 2)),
      '/x an element is the byte 2; of BOOL allowed are 0 and 1',
    ],
    [
      'tensors without number',
      fileOf(Object.fromEntries(Array.from({ length: 1_026 }, (_, i) => [i, 0]))),
      /1026 members; allowed are 1024/,
    ],
  ])('%s', async (_, file, message) => {
    if (typeof message === 'string') expect(await refusal(file)).toBe(message);
    else expect(await refusal(file)).toMatch(message);
  });

  it('another size than was announced, before its tensors are read', async () => {
    const file = fileOf({ x }, eight);
    const reader = new SafetensorsReader(pieces(file, 50), file.length + 1);
    await expect(reader.header()).rejects.toThrow(
      `By its header the file has ${file.length} bytes, and ${file.length + 1} are sent`,
    );
  });

  it('all places at once, at most 20', async () => {
    const many = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`t${i}`, { ...x, dtype: 'F8_E4M3' }]),
    );
    expect((await refusal(fileOf(many))).split('\n')).toHaveLength(20);
  });
});

it('takes no more of a file that was refused', async () => {
  let isClosed = false;
  async function* endless(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield await Promise.resolve(fileOf({ x: { ...x, dtype: 'F4' } }));
    } finally {
      isClosed = true;
    }
  }
  const reader = new SafetensorsReader(endless(), undefined);
  await expect(reader.header()).rejects.toThrow('allowed are');
  await reader.close();
  expect(isClosed).toBe(true);
});
