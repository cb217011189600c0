import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventually } from '@bkg/sdk/testing';
import { CrashLog } from '../src/crash-log.ts';
import type { Tensor } from '../src/datatypes.ts';
import type { ModelFile } from '../src/locator.ts';
import { Model, type ModelOptions } from '../src/model.ts';
import { ProcessHost } from '../src/process-host.ts';
import { cpuMsOf } from './candle-mesh.ts';
import { limit, temporaryFolder, workload, type Folder } from './sample-models.ts';

let folder: Folder;
let file: ModelFile;
let model: Model;
let events: string[];

const options = (): ModelOptions => ({
  process: { threads: 1, loadTimeoutMs: 20_000 },
  maxQueue: 3,
  abandonedRunMs: 60_000,
  crashes: new CrashLog(),
  onCrash: (_, how) => events.push(how),
  onRestored: () => events.push('restored'),
  onLost: (_, error) => events.push(`lost: ${(error as Error).message}`),
});

beforeAll(async () => {
  folder = await temporaryFolder();
  const path = await folder.write('model.onnx', workload());
  file = { model_id: 'tests/workload', source: 'models', path, sizeBytes: 1, identity: 'x' };
});
beforeEach(() => {
  events = [];
  model = new Model(file, options());
});
afterEach(() => model.close());
afterAll(() => folder[Symbol.asyncDispose]());

const never = new AbortController().signal;

/** 64 runs for no time, 1000 for about a second. */
const run = (n = 64, signal: AbortSignal = never): Promise<Tensor[]> => {
  const size: Tensor = {
    name: 'size',
    datatype: 'INT64',
    shape: [2],
    data: BigInt64Array.of(BigInt(n), BigInt(n)),
  };
  return model.infer([size], ['sum'], limit, signal);
};

const code = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'success',
    (error: unknown) => (error as { code?: string }).code ?? String(error),
  );

describe('a resident model', () => {
  it('is loaded once for everybody who wants it at the same time', async () => {
    const signatures = await Promise.all([model.load(), model.load(), run().then(() => model.load())]);
    expect(new Set(signatures).size).toBe(1);
    expect(model.signature?.inputs[0]?.name).toBe('size');
  });

  it('runs one invocation after the other, in order', async () => {
    await model.load();
    const order: number[] = [];
    await Promise.all([0, 1, 2].map((i) => run().then(() => order.push(i))));
    expect(order).toEqual([0, 1, 2]);
  });

  it('looks at an invocation that comes in the very moment in which the one before ends', async () => {
    await model.load();
    for (let i = 0; i < 20; i++) await run().then(() => run());
  });

  it('refuses with BUSY what its queue has no place for, and goes on', async () => {
    await model.load();
    const accepted = [run(600), run(), run(), run()];
    expect(model.queued).toBe(3);
    expect(await code(run())).toBe('BUSY');
    expect(await Promise.all(accepted.map(code))).toEqual(Array(4).fill('success'));
    expect(await code(run())).toBe('success');
  });

  it('still runs one invocation at a time when nothing may wait', async () => {
    model = new Model(file, { ...options(), maxQueue: 0 });
    const codes = await Promise.all([run(600), run()].map(code));
    expect(codes).toEqual(['success', 'BUSY']);
    expect(await code(run())).toBe('success');
  });

  it('drops from the queue what was cancelled, at once', async () => {
    await model.load();
    const controller = new AbortController();
    const long = run(1000);
    const waiting = run(64, controller.signal);
    controller.abort(new Error('cancelled'));
    const startedAt = performance.now();
    await expect(waiting).rejects.toThrow('cancelled');
    expect(performance.now() - startedAt).toBeLessThan(200);
    expect(model.queued).toBe(0);
    await expect(run(64, controller.signal)).rejects.toThrow('cancelled');
    await long;
  });

  it('answers a cancelled run at once and lets it end, when that is sooner than a new process would be there', async () => {
    await model.load();
    const { pid } = model;
    const controller = new AbortController();
    const running = run(128, controller.signal);
    controller.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
    expect(await code(run())).toBe('success');
    expect(model.pid).toBe(pid);
  });

  it('runs only the one of ten that was not cancelled', async () => {
    model = new Model(file, { ...options(), maxQueue: 10 });
    const ran = vi.spyOn(ProcessHost.prototype, 'run');
    const controllers = Array.from({ length: 9 }, () => new AbortController());
    const cancelled = controllers.map(({ signal }) => code(run(1000, signal)));
    const wanted = run(64);
    for (const controller of controllers) controller.abort(new Error('cancelled'));
    expect(await Promise.all(cancelled)).toEqual(Array(9).fill('Error: cancelled'));
    expect(await code(wanted)).toBe('success');
    expect(ran).toHaveBeenCalledTimes(1);
    ran.mockRestore();
  });

  it('ends a long run that nobody waits for any more: its process is gone, the next one idle', async () => {
    await model.load();
    const { pid } = model;
    const controller = new AbortController();
    const endless = run(4000, controller.signal);
    await eventually(() => cpuMsOf(pid!) > 300);
    controller.abort(new Error('cancelled'));
    await expect(endless).rejects.toThrow('cancelled');
    await eventually(() => events.includes('restored'));
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
    expect(await code(run())).toBe('success');
    const before = cpuMsOf(model.pid!);
    await delay(300);
    expect(cpuMsOf(model.pid!) - before).toBeLessThan(100);
    expect(events).toEqual(['restored']);
  });

  it('fails nobody who waits behind a run that is ended', async () => {
    await model.load();
    const controller = new AbortController();
    const endless = code(run(4000, controller.signal));
    const waiting = [run(), run(), run()].map(code);
    await eventually(() => cpuMsOf(model.pid!) > 300);
    controller.abort(new Error('cancelled'));
    expect(await endless).toBe('Error: cancelled');
    expect(await Promise.all(waiting)).toEqual(Array(3).fill('success'));
  });

  it('leaves no process when it is closed while one takes the place of another', async () => {
    await model.load();
    const started = vi.spyOn(ProcessHost, 'start');
    const { pid } = model;
    const controller = new AbortController();
    const endless = code(run(4000, controller.signal));
    await eventually(() => cpuMsOf(pid!) > 300);
    controller.abort(new Error('cancelled'));
    await eventually(() => started.mock.calls.length === 1);
    await model.close();
    expect(await endless).toBe('Error: cancelled');
    await expect(started.mock.results[0]?.value).rejects.toThrow('has been unloaded');
    started.mockRestore();
    expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
    expect(model.pid).toBeUndefined();
    expect(events).toEqual([]);
  });

  it('replaces a process that goes on for nobody, without calling it a crash', async () => {
    await model.close();
    model = new Model(file, { ...options(), abandonedRunMs: 50 });
    await model.load();
    const { pid } = model;
    const controller = new AbortController();
    const endless = run(4000, controller.signal);
    const next = run();
    await delay(20);
    controller.abort(new Error('cancelled'));
    await expect(endless).rejects.toThrow('cancelled');
    const startedAt = performance.now();
    await next;
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(model.pid).not.toBe(pid);
    expect(events).toEqual(['restored']);
  });

  it('fails only the invocation that it held when its process is killed, and brings another process', async () => {
    await model.load();
    const results = [run(1500), run(), run()].map(code);
    await delay(50);
    process.kill(model.pid!, 'SIGKILL');
    expect(await Promise.all(results)).toEqual(['CANDLE_MODEL_CRASHED', 'success', 'success']);
    expect(events[0]).toBe('ended by SIGKILL');
  });

  it('comes back by itself when its process is killed while it is idle', async () => {
    await model.load();
    const { pid } = model;
    process.kill(pid!, 'SIGKILL');
    await eventually(() => events.includes('restored'));
    expect(model.pid).not.toBe(pid);
    expect(await code(run())).toBe('success');
    expect(events).toEqual(['ended by SIGKILL', 'restored']);
  });

  it('is left alone after three crashes in a minute, until it is forgiven', async () => {
    const { crashes } = { ...options() };
    model = new Model(file, { ...options(), crashes });
    await model.load();
    for (let i = 1; i <= 3; i++) {
      await eventually(() => model.pid !== undefined);
      process.kill(model.pid!, 'SIGKILL');
      await eventually(() => events.filter((event) => event === 'ended by SIGKILL').length === i);
    }
    await eventually(() => events.some((event) => event.startsWith('lost: ')));
    expect(events.at(-1)).toMatch(/ended too often: tried again in \d+ s, or at once by model\.load/);
    expect(await code(run())).toBe('CANDLE_MODEL_UNSTABLE');
    crashes.forget(model.key);
    expect(await code(run())).toBe('success');
  });

  it('fails everybody who waits for a load that fails', async () => {
    const path = await folder.write('broken.onnx', 'not a model');
    model = new Model({ ...file, path }, options());
    expect(await Promise.all([run(), run(), model.load()].map(code))).toEqual(
      Array(3).fill('CANDLE_MODEL_INVALID'),
    );
  });

  it('ends while it loads, and leaves no process', async () => {
    const loading = code(model.load());
    await model.close();
    expect(await loading).toContain('has been unloaded');
    expect(model.pid).toBeUndefined();
    expect(events).toEqual([]);
  });
});
