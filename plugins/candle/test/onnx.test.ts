import { open } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readModelHeader } from '../src/onnx/reader.ts';
import { encodeModel, type Model, type ValueType } from '../src/onnx/writer.ts';
import { signatureOf, UnsupportedModel } from '../src/signature.ts';
import { heavy, identity, temporaryFolder, type Folder } from './sample-models.ts';

let folder: Folder;

beforeAll(async () => (folder = await temporaryFolder()));
afterAll(() => folder[Symbol.asyncDispose]());

const model = (type: ValueType | undefined, more: Partial<Model> = {}): Model => ({
  name: 'm',
  inputs: [{ name: 'x', type: { tensor: 'float', dims: [1] } }],
  outputs: [{ name: 'y', ...(type && { type }) }],
  nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  ...more,
});

const headerOf = async (content: Uint8Array) => readModelHeader(await folder.write('model.onnx', content));

describe('reading the head of an ONNX file', () => {
  it('tells names, element types, fixed, named and unnamed axes, scalars and unknown ranks', async () => {
    const types: ValueType[] = [
      { tensor: 'int64', dims: [2, 'batch', null, 0] },
      { tensor: 'string', dims: [] },
      { tensor: 'bool' },
    ];
    const inputs = types.map((type, i) => ({ name: `x${i}`, type }));
    const header = await headerOf(encodeModel({ ...model(undefined), inputs }));
    expect(header.inputs).toEqual([
      { name: 'x0', type: 'tensor(int64)', element: 'int64', dims: [2, 'batch', '', 0] },
      { name: 'x1', type: 'tensor(string)', element: 'string', dims: [] },
      { name: 'x2', type: 'tensor(bool)', element: 'bool', dims: undefined },
    ]);
    expect(header.outputs).toEqual([{ name: 'y', type: 'undeclared' }]);
  });

  it('takes a negative length as the dynamic axis that some exporters mean by it', async () => {
    const header = await headerOf(identity('float', [-1, 3]));
    expect(header.inputs[0]!.dims).toEqual(['', 3]);
  });

  it('leaves out inputs that are weights, as files of the first versions repeat them', async () => {
    const type: ValueType = { tensor: 'float', dims: [1] };
    const inputs = ['x', 'w'].map((name) => ({ name, type }));
    const initializers: Model['initializers'] = [
      { name: 'w', element: 'float', dims: [1], data: new Float32Array([1]) },
    ];
    const header = await headerOf(encodeModel(model(undefined, { inputs, initializers })));
    expect(header.inputs.map(({ name }) => name)).toEqual(['x']);
  });

  it('keeps the metadata that is meant for candle, and steps over other, however large', async () => {
    const metadata = {
      'bkg.task': 'text-classification',
      vocabulary: 'x'.repeat(2_000_000),
      'bkg.labels': '["ä"]',
    };
    const header = await headerOf(encodeModel(model(undefined, { metadata })));
    expect(header.metadata).toEqual({ 'bkg.task': 'text-classification', 'bkg.labels': '["ä"]' });
  });

  it('does not read the weights', async () => {
    const path = await folder.write('heavy.onnx', heavy(64));
    const startedAt = performance.now();
    expect(readModelHeader(path).inputs).toHaveLength(1);
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  it('says why a file is no model', async () => {
    const whole = identity('float', [1]);
    await expect(headerOf(new Uint8Array())).rejects.toThrow('has no graph');
    await expect(headerOf(Buffer.from('version https://git-lfs.github.com/spec/v1\n'))).rejects.toThrow(
      /not an ONNX model|cut off/,
    );
    await expect(headerOf(Buffer.alloc(64, 0xff))).rejects.toThrow('does not end');
    await expect(headerOf(whole.subarray(0, whole.length - 9))).rejects.toThrow('cut off or damaged');
  });

  it('ends for every file, whichever of its bytes is damaged', async () => {
    const whole = identity('float', [1, 'n', null]);
    const path = await folder.write('damaged.onnx', whole);
    const file = await open(path, 'r+');
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0x00, 0x7f, 0xff, whole[at]! ^ 0x01]) {
        await file.write(Uint8Array.of(byte), 0, 1, at);
        try {
          readModelHeader(path);
        } catch (error) {
          expect((error as Error).constructor).toBe(Error);
        }
      }
      await file.write(whole, at, 1, at);
    }
    await file.close();
  });
});

describe('the signature of a model', () => {
  it.each([
    [{ sequence: { tensor: 'float' } }, 'seq(tensor(float))'],
    [{ map: 'int64', to: { tensor: 'float' } }, 'map(int64, tensor(float))'],
    [{ sequence: { map: 'string', to: { tensor: 'float' } } }, 'seq(map(string, tensor(float)))'],
    [{ optional: { tensor: 'float' } }, 'optional(tensor(float))'],
    [{ sparse: 'float', dims: [3] }, 'sparse_tensor(float)'],
    [{ tensor: 'bfloat16' }, 'tensor(bfloat16)'],
    [{ tensor: 'complex64' }, 'tensor(complex64)'],
    [{ tensor: 'complex128' }, 'tensor(complex128)'],
    [{ tensor: 'float8e4m3fn' }, 'tensor(float8e4m3fn)'],
    [{ tensor: 'uint4' }, 'tensor(uint4)'],
    [{ tensor: 'undefined' }, 'tensor(undefined)'],
  ] as [ValueType, string][])('refuses %j by its name and type', async (type, text) => {
    const asOutput = await headerOf(encodeModel(model(type)));
    expect(() => signatureOf(asOutput)).toThrow(UnsupportedModel);
    expect(() => signatureOf(asOutput)).toThrow(`output "y" is ${text}. Only dense tensors are taken: BOOL`);
    const inputs = [{ name: 'odd', type }, ...model(undefined).inputs];
    const asInput = await headerOf(encodeModel(model({ tensor: 'float' }, { inputs })));
    expect(() => signatureOf(asInput)).toThrow(`input "odd" is ${text}.`);
  });

  it('names everything that is refused at once', async () => {
    const inputs = [{ name: 'a', type: { tensor: 'bfloat16' } as ValueType }, { name: 'b' }];
    const header = await headerOf(encodeModel(model({ sequence: { tensor: 'float' } }, { inputs })));
    expect(() => signatureOf(header)).toThrow(
      'input "a" is tensor(bfloat16); input "b" is undeclared; output "y" is seq(tensor(float)).',
    );
  });

  it('takes from the runtime what the file does not say of an output', async () => {
    const header = await headerOf(encodeModel(model(undefined)));
    const inferred = { name: 'y', isTensor: true, type: 'float32', shape: [1] };
    expect(signatureOf(header, [inferred]).outputs).toEqual([{ name: 'y', datatype: 'FP32' }]);
    expect(() => signatureOf(header, [{ name: 'y', isTensor: false }])).toThrow('output "y" is undeclared');
  });
});
