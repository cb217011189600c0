import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClient, type NatsClient } from '@bkg/sdk/client';
import { eventually } from '@bkg/sdk/testing';
import type { Tensor } from '../src/datatypes.ts';
import { SafetensorsReader } from '../src/safetensors/reader.ts';
import { encodeSafetensors } from '../src/safetensors/writer.ts';
import { CandleMesh, cpuMsOf } from './candle-mesh.ts';
import { arithmetic, identity, workload, zeros } from './sample-models.ts';

let mesh: CandleMesh;
let client: NatsClient;

beforeAll(async () => {
  mesh = await CandleMesh.create();
  for (const [name, content] of Object.entries({
    float: identity('float'),
    text: identity('string'),
    arithmetic: arithmetic(),
    workload: workload(),
    zeros: zeros(),
  }))
    await mesh.folder.write(`models/tests/${name}.onnx`, content);
  await mesh.start({ settings: { max_tensor_mb: 16 } });
  client = createClient(mesh.caller);
});
afterAll(async () => {
  await client.close();
  await mesh[Symbol.asyncDispose]();
});

const megabyte = 1024 ** 2;
const timeoutMs = 30_000;

const floats = (name: string, shape: number[], data: Float32Array): Tensor => ({
  name,
  datatype: 'FP32',
  shape,
  data,
});
const fileOf = (tensors: Tensor[], metadata: Record<string, string>): Buffer =>
  Buffer.concat([...encodeSafetensors(tensors, metadata)]);

/** The tensors and metadata of the answer. */
async function infer(tensors: Tensor[], metadata: Record<string, string>, signal?: AbortSignal) {
  const body = fileOf(tensors, metadata);
  const answer = await client.fetch('candle', 'tensor.infer', { body, timeoutMs, ...(signal && { signal }) });
  expect(answer.contentType).toBe('application/octet-stream');
  const reader = new SafetensorsReader(answer, undefined);
  const header = await reader.header();
  return { metadata: header.metadata, tensors: await reader.tensors(header) };
}

const failure = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error: unknown) => error,
  );

const size = (n: number): Tensor => ({
  name: 'size',
  datatype: 'INT64',
  shape: [2],
  data: BigInt64Array.of(BigInt(n), BigInt(n)),
});

describe('tensor.infer', () => {
  it('takes and gives safetensors, with the model and the wanted outputs in their metadata', async () => {
    const at: Tensor = { name: 'at', datatype: 'INT64', shape: [1], data: BigInt64Array.of(2n) };
    const pair = (name: string) => floats(name, [1, 2], Float32Array.of(1, 2));
    const model_id = 'tests/arithmetic';
    const all = await infer([at, pair('a'), pair('b')], { model_id });
    expect(all.metadata).toEqual({ model_id });
    expect(all.tensors.map(({ name, data }) => [name, data]).sort()).toEqual([
      ['picked', Float64Array.of(30)],
      ['sum', Float32Array.of(2, 4)],
    ]);
    const some = await infer([at, pair('a'), pair('b')], { model_id, outputs: '["sum"]' });
    expect(some.tensors).toEqual([floats('sum', [1, 2], Float32Array.of(2, 4))]);
  });

  it('takes and gives tensors that no message holds, bit by bit', async () => {
    const data = Float32Array.from({ length: 2 * megabyte }, (_, i) => i / 3);
    const { tensors } = await infer([floats('x', [2, megabyte], data)], { model_id: 'tests/float' });
    expect(tensors[0]?.shape).toEqual([2, megabyte]);
    expect(Buffer.from((tensors[0]!.data as Float32Array).buffer).equals(Buffer.from(data.buffer))).toBe(
      true,
    );
  });

  const x = floats('x', [1], Float32Array.of(1));

  it.each<[string, Tensor[], Record<string, string>, string, RegExp]>([
    ['no model', [x], {}, 'INVALID_PAYLOAD', /\/__metadata__\/model_id: is needed/],
    [
      'a path as a model',
      [x],
      { model_id: '../x' },
      'INVALID_PAYLOAD',
      /\/__metadata__\/model_id: .* is no model id/,
    ],
    [
      'a revision that is none',
      [x],
      { model_id: 'a', revision: '..' },
      'INVALID_PAYLOAD',
      /\/__metadata__\/revision: /,
    ],
    ['an unknown model', [x], { model_id: 'tests/none' }, 'CANDLE_MODEL_NOT_FOUND', /looked in/],
    [
      'outputs that are no list',
      [x],
      { model_id: 'tests/float', outputs: 'y' },
      'INVALID_PAYLOAD',
      /\/__metadata__\/outputs: is no JSON list/,
    ],
    [
      'an unknown output',
      [x],
      { model_id: 'tests/float', outputs: '["z"]' },
      'INVALID_PAYLOAD',
      /\/__metadata__\/outputs: no output "z"; the model has y FP32/,
    ],
    [
      'an unknown input',
      [{ ...x, name: 'a/b' }],
      { model_id: 'tests/float' },
      'INVALID_PAYLOAD',
      /\/a~1b: no input "a\/b"; .*; input x FP32 of any shape is missing/,
    ],
    [
      'another datatype',
      [{ ...x, datatype: 'FP64', data: Float64Array.of(1) }],
      { model_id: 'tests/float' },
      'INVALID_PAYLOAD',
      /\/x\/dtype: FP64 given, the model takes x FP32/,
    ],
    [
      'a model of texts',
      [x],
      { model_id: 'tests/text' },
      'INVALID_PAYLOAD',
      /FP32 given, the model takes x BYTES/,
    ],
    [
      'more than candle holds',
      [floats('x', [5 * megabyte], new Float32Array(5 * megabyte))],
      { model_id: 'tests/float' },
      'PAYLOAD_TOO_LARGE',
      /the tensors take 20\.0 MiB; allowed are 16\.0 MiB \(the setting max_tensor_mb\)/,
    ],
    [
      'an answer of more than candle holds',
      [size(3_000)],
      { model_id: 'tests/zeros' },
      'PAYLOAD_TOO_LARGE',
      /zeros \[3000, 3000\] take more than 16777216 bytes:/,
    ],
  ])(
    'refuses %s',
    async (_, tensors, metadata, code, detail) => {
      const error = await failure(infer(tensors, metadata));
      expect(error).toMatchObject({ code, message: expect.stringMatching(detail) as string });
    },
    60_000,
  );

  it('refuses what is no safetensors file, and another content type', async () => {
    const send = (body: Uint8Array, contentType?: string) =>
      failure(
        client.fetch('candle', 'tensor.infer', { body, timeoutMs, ...(contentType && { contentType }) }),
      );
    expect(await send(Buffer.from('\x89PNG\r\n\x1a\n and more'))).toMatchObject({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('no safetensors file that candle takes') as string,
    });
    expect(await send(fileOf([x], { model_id: 'tests/float' }), 'image/png')).toMatchObject({
      code: 'INVALID_PAYLOAD',
    });
  });

  it('says what is wrong before the tensors are sent', async () => {
    const file = fileOf([floats('z', [megabyte], new Float32Array(megabyte))], { model_id: 'tests/float' });
    let sentBytes = 0;
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < file.length; at += 65_536) {
        yield file.subarray(at, at + 65_536);
        sentBytes = at;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
    const options = {
      body: slowly(),
      contentType: 'application/octet-stream',
      sizeBytes: file.length,
      timeoutMs,
    };
    expect(await failure(client.fetch('candle', 'tensor.infer', options))).toMatchObject({
      code: 'INVALID_PAYLOAD',
      message: expect.stringContaining('no input "z"') as string,
    });
    expect(sentBytes).toBeLessThan(file.length / 2);
  });

  it('gives back the room of invocations that fail and that are cancelled, and ends a run that nobody waits for', async () => {
    const data = new Float32Array(3 * megabyte);
    for (let i = 0; i < 4; i++) {
      expect(
        await failure(
          infer([floats('x', [data.length], data)], { model_id: 'tests/float', outputs: '["y"]' }),
        ),
      ).toBe('success');
    }
    await infer([size(64)], { model_id: 'tests/workload' });
    const pid = await mesh.pidOf('tests/workload');
    const controller = new AbortController();
    const running = failure(
      infer([size(5_000)], { model_id: 'tests/workload', outputs: '["sum"]' }, controller.signal),
    );
    const before = cpuMsOf(pid);
    await eventually(() => cpuMsOf(pid) > before + 300);
    controller.abort();
    expect(await running).toMatchObject({ code: 'CANCELLED' });
    await eventually(() => cpuMsOf(pid) === 0);
    expect(
      (await infer([size(64)], { model_id: 'tests/workload', outputs: '["sum"]' })).tensors,
    ).toHaveLength(1);
  });
});
