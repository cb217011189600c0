import { spawnSync } from 'node:child_process';
import { rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { datatypeNames, datatypes, type Datatype, type Tensor } from '../src/datatypes.ts';
import type { OutputLimit } from '../src/messages.ts';
import { encodeModel, type Dim } from '../src/onnx/writer.ts';
import {
  ProcessHost,
  ProcessEnded,
  ProcessTimeout,
  Refusal,
  type ProcessOptions,
} from '../src/process-host.ts';
import { decodeTensor, encodeTensor } from '../src/tensor-json.ts';
import { arithmetic, identity, limit, temporaryFolder, workload, type Folder } from './sample-models.ts';

const { signal } = new AbortController();
const options: ProcessOptions = { threads: 1, loadTimeoutMs: 20_000 };

let folder: Folder;
const started: ProcessHost[] = [];

beforeAll(async () => (folder = await temporaryFolder()));
afterEach(() => Promise.all(started.splice(0).map((process) => process.end())));
afterAll(() => folder[Symbol.asyncDispose]());

async function load(content: Uint8Array | string, more: Partial<ProcessOptions> = {}): Promise<ProcessHost> {
  const path = typeof content === 'string' ? content : await folder.write('model.onnx', content);
  const process = await ProcessHost.start(path, { ...options, ...more }, signal);
  started.push(process);
  return process;
}

const refusal = async (work: Promise<unknown>): Promise<Refusal> => {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof Refusal) return error;
  throw new Error(`no refusal but ${String(error)}`);
};

const bytesOf = ({ data }: Tensor): Uint8Array => {
  if (Array.isArray(data)) throw new Error('texts have no bytes');
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
};

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

const samples: Record<Datatype, unknown[]> = {
  BOOL: [true, false, true],
  UINT8: [0, 1, 255],
  UINT16: [0, 1, 65_535],
  UINT32: [0, 1, 4_294_967_295],
  UINT64: [0, '9007199254740993', '18446744073709551615'],
  INT8: [-128, 0, 127],
  INT16: [-32_768, 0, 32_767],
  INT32: [-2_147_483_648, 0, 2_147_483_647],
  INT64: ['-9223372036854775808', -1, '9223372036854775807'],
  FP16: [1.5, 'NaN', '-Infinity'],
  FP32: [-3.4028234663852886e38, 'NaN', 'Infinity'],
  FP64: [5e-324, 'NaN', '-Infinity'],
  BYTES: ['', 'Grüße 🕯', 'a b\n"c"'],
};

describe('a model in a process of its own', () => {
  it.each(datatypeNames)(
    'takes and gives %s exactly: values, scalars, no elements, four axes',
    async (datatype) => {
      const model = await load(identity(datatypes[datatype].element));
      expect(model.signature.inputs).toEqual([{ name: 'x', datatype }]);
      const values = samples[datatype];
      for (const [shape, data] of [
        [[3], values],
        [[], values.slice(2)],
        [[2, 0, 3], []],
        [
          [1, 3, 1, 2],
          [...values, ...values],
        ],
      ] as [number[], unknown[]][]) {
        const feed = await decodeTensor({ name: 'x', datatype, shape, data }, '', signal);
        const [answer] = await model.run([feed], ['y'], limit);
        expect(await encodeTensor(answer!, signal)).toEqual({ name: 'y', datatype, shape, data });
      }
    },
  );

  it('has its own idea of the shape when the file fixes it, and the runtime fills dynamic axes', async () => {
    const dims: Dim[] = ['rows', 2];
    const model = await load(identity('float', dims));
    for (const rows of [1, 5]) {
      const data = new Float32Array(rows * 2);
      const [y] = await model.run([{ name: 'x', datatype: 'FP32', shape: [rows, 2], data }], ['y'], limit);
      expect(y!.shape).toEqual([rows, 2]);
    }
  });

  it('gives only the outputs that are asked for, in that order', async () => {
    const model = await load(arithmetic());
    const pair = (name: string): Tensor => ({
      name,
      datatype: 'FP32',
      shape: [1, 2],
      data: Float32Array.of(1, 2),
    });
    const at: Tensor = { name: 'at', datatype: 'INT64', shape: [1], data: BigInt64Array.of(2n) };
    const both = await model.run([pair('a'), pair('b'), at], ['picked', 'sum'], limit);
    expect(both.map(({ name, data }) => [name, [...data]])).toEqual([
      ['picked', [30]],
      ['sum', [2, 4]],
    ]);
    expect(await model.run([pair('a'), pair('b'), at], ['sum'], limit)).toHaveLength(1);
  });

  it('refuses values that the model cannot take, says why, and goes on', async () => {
    const model = await load(arithmetic());
    const rows = (name: string, count: number): Tensor => ({
      name,
      datatype: 'FP32',
      shape: [count, 2],
      data: new Float32Array(count * 2),
    });
    const at = (index: bigint): Tensor => ({
      name: 'at',
      datatype: 'INT64',
      shape: [1],
      data: BigInt64Array.of(index),
    });
    const outOfRange = await refusal(model.run([rows('a', 1), rows('b', 1), at(7n)], ['picked'], limit));
    expect(outOfRange.reason).toBe('refused');
    expect(outOfRange.message).toContain('idx=7 must be within the inclusive range [-3,2]');
    const mismatch = await refusal(model.run([rows('a', 2), rows('b', 3), at(0n)], ['sum'], limit));
    expect(mismatch.reason).toBe('refused');
    expect(mismatch.message).not.toMatch(/\/onnxruntime/);
    expect((await model.run([rows('a', 2), rows('b', 2), at(0n)], ['picked'], limit))[0]!.data).toEqual(
      Float64Array.of(10),
    );
  });

  it('refuses outputs that are too large as JSON before they travel', async () => {
    const model = await load(workload());
    const most = (mostBytes: number): OutputLimit => ({ as: 'json', mostBytes });
    const size = (n: bigint): Tensor => ({
      name: 'size',
      datatype: 'INT64',
      shape: [2],
      data: BigInt64Array.of(n, n),
    });
    const { reason, message } = await refusal(model.run([size(12n)], ['product'], most(242)));
    expect(reason).toBe('too_large');
    expect(message).toMatch(
      /^the outputs product \[12, 12\] take more than 242 bytes as JSON: ask for fewer/,
    );
    expect(await model.run([size(11n)], ['product'], most(242))).toHaveLength(1);

    const text = await load(identity('string'));
    const x: Tensor = { name: 'x', datatype: 'BYTES', shape: [1], data: ['x'.repeat(100)] };
    expect((await refusal(text.run([x], ['y'], most(102)))).reason).toBe('too_large');
  });

  it('counts raw outputs as the bytes that they are', async () => {
    const model = await load(identity('float'));
    const x: Tensor = { name: 'x', datatype: 'FP32', shape: [100], data: new Float32Array(100) };
    expect(await model.run([x], ['y'], { as: 'bytes', mostBytes: 400 })).toHaveLength(1);
    const { reason, message } = await refusal(model.run([x], ['y'], { as: 'bytes', mostBytes: 399 }));
    expect([reason, message]).toEqual([
      'too_large',
      'the outputs y [100] take more than 399 bytes: ask for fewer "outputs" or send a smaller input',
    ]);
  });

  it('takes and gives tensors of 64 MB while other work gets its turn', async () => {
    const model = await load(identity('float'));
    const data = Float32Array.from({ length: 16 * 1024 ** 2 }, (_, i) => i);
    let turns = 0;
    const ticking = setInterval(() => (turns += 1), 0);
    const x: Tensor = { name: 'x', datatype: 'FP32', shape: [data.length], data };
    const [y] = await model.run([x], ['y'], { as: 'bytes', mostBytes: data.byteLength });
    clearInterval(ticking);
    expect(Buffer.compare(bytesOf(y!), bytesOf(x))).toBe(0);
    expect(turns).toBeGreaterThan(20);
  });

  it('fails a run whose process is killed in the middle of its inputs or outputs', async () => {
    const data = new Float32Array(16 * 1024 ** 2);
    const x: Tensor = { name: 'x', datatype: 'FP32', shape: [data.length], data };
    const most: OutputLimit = { as: 'bytes', mostBytes: data.byteLength };
    for (const afterMs of [0, 20, 40, 80]) {
      const model = await load(identity('float'));
      const running = model.run([x], ['y'], most);
      setTimeout(() => model.pid && process.kill(model.pid, 'SIGKILL'), afterMs);
      await expect(
        running.then(() => Promise.reject(new ProcessEnded('after its answer', ''))),
      ).rejects.toThrow(ProcessEnded);
    }
  });

  it('refuses a file that is no model, and one the runtime does not know what to do with', async () => {
    for (const content of [Buffer.from('not a model'), identity('float').subarray(0, 40), new Uint8Array()]) {
      expect((await refusal(load(content))).reason).toBe('invalid');
    }
    const unknown = encodeModel({
      name: 'm',
      inputs: [{ name: 'x', type: { tensor: 'float' } }],
      outputs: [{ name: 'y', type: { tensor: 'float' } }],
      nodes: [{ op: 'Conjure', inputs: ['x'], outputs: ['y'] }],
    });
    const { reason, message } = await refusal(load(unknown));
    expect(reason).toBe('invalid');
    expect(message).toContain('Conjure');
    expect(message).not.toContain(folder.path);
  });

  it('says that the file is gone without saying where it was', async () => {
    const { reason, message } = await refusal(load(join(folder.path, 'nowhere.onnx')));
    expect(reason).toBe('invalid');
    expect(message).toBe("ENOENT: no such file or directory, open 'nowhere.onnx'");
  });

  it('refuses a model with a sequence before the runtime has read it', async () => {
    const content = encodeModel({
      name: 'm',
      inputs: [{ name: 'x', type: { tensor: 'float', dims: [4] } }],
      outputs: [{ name: 'parts', type: { sequence: { tensor: 'float' } } }],
      nodes: [{ op: 'SplitToSequence', inputs: ['x'], outputs: ['parts'] }],
    });
    const { reason, message } = await refusal(load(content));
    expect(reason).toBe('unsupported');
    expect(message).toContain('output "parts" is seq(tensor(float))');
  });

  it('refuses a sequence also when only the runtime knows that it is one', async () => {
    const content = encodeModel({
      name: 'm',
      inputs: [{ name: 'x', type: { tensor: 'float', dims: [4] } }],
      outputs: [{ name: 'parts' }],
      nodes: [{ op: 'SplitToSequence', inputs: ['x'], outputs: ['parts'] }],
    });
    expect((await refusal(load(content))).message).toContain('output "parts" is undeclared');
  });

  it('infers the datatype of an output that the file does not declare', async () => {
    const content = encodeModel({
      name: 'm',
      inputs: [{ name: 'x', type: { tensor: 'float', dims: [2] } }],
      outputs: [{ name: 'y' }],
      nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
    });
    const model = await load(content);
    expect(model.signature.outputs).toEqual([{ name: 'y', datatype: 'FP32' }]);
  });

  describe('with weights in a file of their own', () => {
    const content = encodeModel({
      name: 'm',
      inputs: [{ name: 'at', type: { tensor: 'int64', dims: [1] } }],
      outputs: [{ name: 'y', type: { tensor: 'float', dims: [1] } }],
      nodes: [{ op: 'Gather', inputs: ['table', 'at'], outputs: ['y'] }],
      initializers: [{ name: 'table', element: 'float', dims: [3], data: { external: 'model.onnx_data' } }],
    });
    const weights = new Uint8Array(Float32Array.of(10, 20, 30).buffer);
    const second: Tensor = { name: 'at', datatype: 'INT64', shape: [1], data: BigInt64Array.of(1n) };

    it('finds them beside the model', async () => {
      const path = await folder.write('external/model.onnx', content);
      await folder.write('external/model.onnx_data', weights);
      const model = await load(path);
      expect((await model.run([second], ['y'], limit))[0]!.data).toEqual(Float32Array.of(20));
    });

    it('finds them behind the links of the hub’s cache', async () => {
      const snapshot = join(folder.path, 'cache/snapshots/c/onnx');
      await folder.write('cache/blobs/model', content);
      await folder.write('cache/blobs/weights', weights);
      await folder.write('cache/snapshots/c/onnx/config.json', '{}');
      await symlink('../../../blobs/model', join(snapshot, 'model.onnx'));
      await symlink('../../../blobs/weights', join(snapshot, 'model.onnx_data'));
      const model = await load(join(snapshot, 'model.onnx'));
      expect((await model.run([second], ['y'], limit))[0]!.data).toEqual(Float32Array.of(20));
    });

    it('is invalid without them, with too few, and with some from elsewhere', async () => {
      const path = await folder.write('lacking/model.onnx', content);
      const missing = await refusal(load(path));
      expect(missing.reason).toBe('invalid');
      expect(missing.message).toContain('model.onnx_data');
      expect(missing.message).not.toContain(folder.path);
      const data = await folder.write('lacking/model.onnx_data', weights.subarray(0, 8));
      expect((await refusal(load(path))).reason).toBe('invalid');
      await rm(data);
      await symlink(await folder.write('elsewhere/weights', weights), join(dirname(path), 'model.onnx_data'));
      expect((await refusal(load(path))).reason).toBe('invalid');
    });
  });
});

describe('the process', () => {
  const size: Tensor = { name: 'size', datatype: 'INT64', shape: [2], data: BigInt64Array.of(1500n, 1500n) };

  it('fails the run that it held when it is killed, and says so when it is asked again', async () => {
    const model = await load(workload());
    const running = model.run([size], ['sum'], limit);
    await delay(50);
    process.kill(model.pid!, 'SIGKILL');
    await expect(running).rejects.toThrow('ended by SIGKILL');
    expect(await model.exited).toBeInstanceOf(ProcessEnded);
    expect(model.pid).toBeUndefined();
    await expect(model.run([size], ['sum'], limit)).rejects.toThrow('ended by SIGKILL');
  });

  it('is gone when `end` resolves, idle or at work', async () => {
    for (const busy of [false, true]) {
      const model = await load(workload());
      const pid = model.pid!;
      const run = busy ? model.run([size], ['sum'], limit).catch((error: unknown) => error) : undefined;
      const startedAt = performance.now();
      await model.end();
      expect(performance.now() - startedAt).toBeLessThan(1_000);
      expect(isAlive(pid)).toBe(false);
      if (run) expect(await run).toBeInstanceOf(ProcessEnded);
    }
  });

  it('is ended when a load takes too long, and when nobody wants it any more', async () => {
    const path = await folder.write('model.onnx', identity('float'));
    await expect(ProcessHost.start(path, { ...options, loadTimeoutMs: 1 }, signal)).rejects.toThrow(
      ProcessTimeout,
    );
    const controller = new AbortController();
    const starting = ProcessHost.start(path, options, controller.signal);
    controller.abort(new Error('unloaded'));
    await expect(starting).rejects.toThrow('unloaded');
    await expect(ProcessHost.start(path, options, controller.signal)).rejects.toThrow('unloaded');
  });

  it('takes one request at a time', async () => {
    const model = await load(workload());
    const running = model.run([size], ['sum'], limit);
    await expect(model.run([size], ['sum'], limit)).rejects.toThrow('one request at a time');
    await model.end();
    await expect(running).rejects.toThrow(ProcessEnded);
  });
});

it('says that it could not be started, as when this process has no file left to open', () => {
  const script = `
    import { openSync } from 'node:fs';
    import { ProcessHost } from ${JSON.stringify(new URL('../src/process-host.ts', import.meta.url).href)};
    try {
      for (;;) openSync('/dev/null');
    } catch {
      // There is none left.
    }
    const options = { threads: 1, loadTimeoutMs: 5_000 };
    const failed = ProcessHost.start('model.onnx', options, new AbortController().signal);
    await failed.catch(({ name, message }) => console.log(name, message));
  `;
  const { stdout, stderr, status } = spawnSync(
    'sh',
    ['-c', 'ulimit -n 60 && exec "$0" --input-type=module -e "$1"', process.execPath, script],
    { encoding: 'utf8', timeout: 20_000 },
  );
  expect(stdout, stderr).toMatch(/^ProcessEnded could not be started: .*EMFILE\n$/);
  expect(status).toBe(0);
});
