import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { CrashLog } from '../src/crash-log.ts';
import type { Tensor } from '../src/datatypes.ts';
import { createLocator, type Locator } from '../src/locator.ts';
import { ModelPool } from '../src/model-pool.ts';
import { ProcessHost } from '../src/process-host.ts';
import { limit, temporaryFolder, workload, type Folder } from './sample-models.ts';

let folder: Folder;
let locator: Locator;
let pool: ModelPool;
let pinned: Set<string>;
let log: string[];

const never = new AbortController().signal;

const createPool = (maxResident: number): ModelPool =>
  new ModelPool({
    maxResident,
    isPinned: (key) => pinned.has(key),
    onLoaded: (key) => log.push(`loaded ${key}`),
    onEvicted: (key, by) => log.push(`${key} made room for ${by}`),
    onDropped: (key) => log.push(`dropped ${key}`),
    model: {
      process: { threads: 1, loadTimeoutMs: 20_000 },
      maxQueue: 8,
      abandonedRunMs: 60_000,
      crashes: new CrashLog(),
      onCrash: () => undefined,
      onRestored: () => undefined,
      onLost: () => undefined,
    },
  });

beforeAll(async () => {
  folder = await temporaryFolder();
  locator = createLocator({ homeDir: folder.path, bundledDir: folder.path });
  for (const name of ['a', 'b', 'c']) await folder.write(`models/${name}.onnx`, workload());
});
beforeEach(() => {
  pinned = new Set();
  log = [];
  pool = createPool(2);
});
afterEach(() => pool.close());
afterAll(() => folder[Symbol.asyncDispose]());

const use = async (model_id: string, work = () => Promise.resolve(), signal = never): Promise<void> =>
  pool.use(await locator.locate({ model_id }), signal, work);

const run = async (model_id: string, n: number, signal = never): Promise<void> => {
  const size: Tensor = {
    name: 'size',
    datatype: 'INT64',
    shape: [2],
    data: BigInt64Array.of(BigInt(n), BigInt(n)),
  };
  await pool.use(await locator.locate({ model_id }), signal, (model) =>
    model.infer([size], ['sum'], limit, signal),
  );
};

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'success',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

const inMemory = (): string[] => [...pool.residents.keys()].sort();

describe('the pool of models', () => {
  it('loads a model at its first use, once for all who come together', async () => {
    await Promise.all([use('a'), use('a'), use('a')]);
    expect(log).toEqual(['loaded a']);
  });

  it('puts out the model that was used least recently', async () => {
    await use('a');
    await use('b');
    await use('a');
    await use('c');
    expect(inMemory()).toEqual(['a', 'c']);
    expect(log).toContain('b made room for c');
  });

  it('never puts out a pinned model, and says what to do when all are', async () => {
    pinned.add('a');
    await use('a');
    await use('b');
    await use('c');
    expect(inMemory()).toEqual(['a', 'c']);
    pinned.add('c');
    await expect(use('b')).rejects.toThrow(
      'all 2 resident models are pinned; unload one, or raise the setting',
    );
    expect(await code(use('b'))).toBe('CANDLE_NO_ROOM');
  });

  it('never puts out a model at work, and is BUSY when all are', async () => {
    await Promise.all([use('a'), use('b')]);
    const release = Promise.withResolvers<void>();
    let working = 0;
    const atWork = ['a', 'b'].map((id) =>
      use(id, () => {
        working += 1;
        return release.promise;
      }),
    );
    await eventually(() => working === 2);
    expect(await code(use('c'))).toBe('BUSY');
    release.resolve();
    await Promise.all(atWork);
    expect(await code(use('c'))).toBe('success');
  });

  it('puts out a model whose last user gave up, run or no run', async () => {
    pool = createPool(1);
    await use('a');
    const controller = new AbortController();
    const running = run('a', 4000, controller.signal);
    setTimeout(() => controller.abort(new Error('cancelled')), 50);
    await expect(running).rejects.toThrow('cancelled');
    await use('b');
    expect(inMemory()).toEqual(['b']);
  });

  it('unloads after the invocations that use the model, and loads it anew for who comes then', async () => {
    await use('a');
    const { pid } = pool.residents.get('a')!.model;
    const running = run('a', 600);
    await new Promise((resolve) => setTimeout(resolve, 20));
    const unloading = pool.unload('a');
    const next = run('a', 64);
    expect(await Promise.all([running, unloading, next].map(code))).toEqual(Array(3).fill('success'));
    expect(pool.residents.get('a')!.model.pid).not.toBe(pid);
    expect(await pool.unload('a')).toBe(true);
    expect(await pool.unload('a')).toBe(false);
  });

  const cancelled = new Error('cancelled');
  /** A use of a model that is cancelled when its load has begun. */
  const cancelledUse = async (model_id: string): Promise<void> => {
    const controller = new AbortController();
    const using = use(model_id, () => Promise.resolve(), controller.signal);
    await eventually(() => pool.residents.has(model_id));
    controller.abort(cancelled);
    await expect(using).rejects.toThrow(cancelled);
  };

  it('goes on with a load that somebody else waits for', async () => {
    const other = use('a');
    await cancelledUse('a');
    await other;
    expect(log).toEqual(['loaded a']);
  });

  it('drops a load when the last one who waits for it has gone, and loads anew for who comes then', async () => {
    const started = vi.spyOn(ProcessHost, 'start');
    const controller = new AbortController();
    const file = await locator.locate({ model_id: 'a' });
    const uses = Array.from({ length: 3 }, () => pool.use(file, controller.signal, () => Promise.resolve()));
    await eventually(() => started.mock.calls.length > 0);
    controller.abort(cancelled);
    const ends = await Promise.allSettled(uses);
    expect(ends).toEqual(uses.map(() => ({ status: 'rejected', reason: cancelled })));
    expect(inMemory()).toEqual([]);
    await expect(started.mock.results[0]?.value).rejects.toThrow('a has been unloaded');
    expect(started).toHaveBeenCalledTimes(1);
    started.mockRestore();
    expect(await code(use('a'))).toBe('success');
    expect(log).toEqual(['dropped a', 'loaded a']);
  });

  it('goes on with the load of a pinned model, because the pin wants it', async () => {
    pinned.add('a');
    await cancelledUse('a');
    await eventually(() => log.includes('loaded a'));
    expect(inMemory()).toEqual(['a']);
  });

  it('takes a file that was replaced as another model', async () => {
    await folder.write('models/changing.onnx', workload());
    await use('changing');
    const { pid } = pool.residents.get('changing')!.model;
    await folder.write('models/changing.onnx', Buffer.concat([workload(), Buffer.from([0x12, 0x00])]));
    await use('changing');
    expect(pool.residents.get('changing')!.model.pid).not.toBe(pid);
  });

  it('remembers for a while that a file is no model, forgets it on demand and when the file changes', async () => {
    await folder.write('models/broken.onnx', 'not a model');
    expect(await code(use('broken'))).toBe('CANDLE_MODEL_INVALID');
    const startedAt = performance.now();
    expect(await code(use('broken'))).toBe('CANDLE_MODEL_INVALID');
    expect(performance.now() - startedAt).toBeLessThan(60);
    expect(pool.failure(await locator.locate({ model_id: 'broken' }))?.message).toMatch(/^broken: /);
    await folder.write('models/broken.onnx', workload());
    expect(pool.failure(await locator.locate({ model_id: 'broken' }))).toBeUndefined();
    expect(await code(use('broken'))).toBe('success');
    expect(inMemory()).toEqual(['broken']);
  });

  it('ends every process when it closes', async () => {
    await Promise.all([use('a'), use('b')]);
    const pids = [...pool.residents.values()].map(({ model }) => model.pid!);
    await pool.close();
    for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
  });
});
