import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { subjects, type StatusEvent } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { createPins } from '../src/pins.ts';
import { CandleMesh } from './candle-mesh.ts';
import { identity, temporaryFolder } from './sample-models.ts';

let mesh: CandleMesh;

beforeEach(async () => {
  mesh = await CandleMesh.create();
  for (const name of ['a', 'b', 'c']) await mesh.folder.write(`models/tests/${name}.onnx`, identity('float'));
});
afterEach(() => mesh[Symbol.asyncDispose]());

const ref = (name: string) => ({ model_id: `tests/${name}` });
const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] };
const runningStatus = async () =>
  (await mesh.caller.requestMany(subjects.status('candle'), '', { forMs: 100 })).map((msg) =>
    msg.json<StatusEvent>(),
  );

describe('model.load and model.unload', () => {
  it('tell what a model takes and gives, and pin it', async () => {
    await mesh.start();
    expect(await mesh.ask('model.load', ref('a'))).toEqual({
      ...ref('a'),
      source: 'models',
      size_bytes: identity('float').length,
      pinned: true,
      inputs: [{ name: 'x', datatype: 'FP32' }],
      outputs: [{ name: 'y', datatype: 'FP32' }],
    });
    expect(await mesh.entry('tests/a')).toMatchObject({
      state: 'loaded',
      pinned: true,
      pid: expect.any(Number) as number,
    });
    expect(await mesh.ask('model.unload', ref('a'))).toEqual({ ...ref('a'), unpinned: true, unloaded: true });
    expect(await mesh.entry('tests/a')).toMatchObject({ state: 'on_disk', pinned: false });
    // Once more does no harm, and the next use loads it again.
    expect(await mesh.ask('model.unload', ref('a'))).toEqual({
      ...ref('a'),
      unpinned: false,
      unloaded: false,
    });
    expect(await mesh.ask('model.infer', { ...ref('a'), inputs: [x] })).toHaveProperty('outputs');
  });

  it('fail for a model that is not there, and one that is damaged', async () => {
    await mesh.start();
    await mesh.folder.write('models/tests/broken.onnx', 'x');
    for (const capability of ['model.load', 'model.unload']) {
      expect(await mesh.ask(capability, ref('none'))).toMatchObject({ code: 'CANDLE_MODEL_NOT_FOUND' });
      expect(await mesh.ask(capability, { model_id: '../x' })).toMatchObject({ code: 'INVALID_PAYLOAD' });
      expect(await mesh.ask(capability, { ...ref('a'), revision: '..' })).toMatchObject({
        code: 'INVALID_PAYLOAD',
      });
    }
    expect(await mesh.ask('model.load', ref('broken'))).toMatchObject({ code: 'CANDLE_MODEL_INVALID' });
    expect(await mesh.entry('tests/broken')).toMatchObject({
      state: 'failed',
      pinned: false,
      error: expect.any(String) as string,
    });
  });

  it('try a damaged file again at once, which an invocation does not', async () => {
    await mesh.start();
    await mesh.folder.write('models/tests/late.onnx', 'x');
    const payload = { ...ref('late'), inputs: [x] };
    expect(await mesh.ask('model.infer', payload)).toMatchObject({ code: 'CANDLE_MODEL_INVALID' });
    await mesh.folder.write('models/tests/late.onnx', identity('float'));
    expect(await mesh.ask('model.load', ref('late'))).toMatchObject({ pinned: true });
  });

  it('pin a commit of the hub’s cache, a branch, and whatever main is', async () => {
    const [first, second] = ['1', '2'].map((digit) => digit.repeat(40));
    for (const commit of [first, second]) {
      await mesh.folder.write(`hub/models--org--m/snapshots/${commit}/model.onnx`, identity('float'));
    }
    await mesh.folder.write('hub/models--org--m/refs/main', first!);
    await mesh.start();
    const load = (revision?: string) =>
      mesh.ask('model.load', { model_id: 'org/m', ...(revision && { revision }) });
    expect(await load()).toMatchObject({ model_id: 'org/m', revision: first, source: 'hub' });
    expect(await load('main')).toMatchObject({ revision: first });
    await mesh.folder.write('hub/models--org--m/refs/main', second!);
    const { models } = (await mesh.ask('model.list', {})) as unknown as {
      models: { revision?: string; pinned: boolean }[];
    };
    const pinned = models.filter((entry) => entry.pinned).map(({ revision }) => revision);
    expect(pinned).toEqual([second]);
    // Both pins mean the second commit now, and both are taken off by any name of it.
    expect(await mesh.ask('model.unload', { model_id: 'org/m', revision: second })).toMatchObject({
      unpinned: true,
    });
    expect(await createPins(join(mesh.folder.path, 'data/candle/pins'), () => undefined).list()).toEqual([]);
  });
});

describe('a pin', () => {
  it('means the model of exactly its name, also when that is gone and others are called alike', async () => {
    await mesh.folder.write('models/same.onnx', identity('float'));
    await mesh.start();
    await mesh.ask('model.load', { model_id: 'same' });
    await rm(join(mesh.folder.path, 'models/same.onnx'));
    for (const org of ['one', 'two']) await mesh.folder.write(`models/${org}/same.onnx`, identity('float'));
    expect(await mesh.ask('model.infer', { ...ref('a'), inputs: [x] })).toHaveProperty('outputs');
    expect(await mesh.entry('one/same')).toMatchObject({ pinned: false });
    await mesh.stopAll();
    await mesh.start();
    expect(await mesh.entry('same')).toMatchObject({ state: 'missing' });
  });
});

describe('a new instance', () => {
  it('is ready when the language model and the pinned models are in memory, and shares the pins', async () => {
    const first = await mesh.start();
    await mesh.ask('model.load', ref('a'));
    await mesh.ask('model.load', ref('b'));
    const second = await mesh.start();
    for (const id of ['bkg/language-id', 'tests/a', 'tests/b']) {
      expect(await mesh.entry(id, second)).toMatchObject({ state: 'loaded' });
    }
    expect(await mesh.entry('tests/c', second)).toMatchObject({ state: 'on_disk' });
    await mesh.askAt(second, 'model.unload', ref('a'));
    expect(await mesh.entry('tests/a', first)).toMatchObject({ state: 'loaded', pinned: false });
  });

  it('gives every instance the same answers, whatever has been loaded where', async () => {
    const first = await mesh.start();
    await mesh.askAt(first, 'model.load', ref('a'));
    const second = await mesh.start();
    await mesh.askAt(second, 'model.unload', ref('a'));
    const payload = { ...ref('a'), inputs: [x] };
    const answers = [first, second].map((candle) => mesh.askAt(candle, 'model.infer', payload));
    const [one, other] = await Promise.all(answers);
    expect(one).toEqual(other);
  });

  it('knows what another instance has pinned when it has to make room', async () => {
    const settings = { max_resident_models: 2 };
    const [first, second] = [await mesh.start({ settings }), await mesh.start({ settings })];
    const use = (name: string) => mesh.askAt(second, 'model.infer', { ...ref(name), inputs: [x] });
    await use('a');
    await mesh.askAt(first, 'model.load', ref('a'));
    await mesh.askAt(second, 'model.infer', { input: 'Hello' });
    await use('b');
    // Of its two, "a" is the older one, but pinned by the other instance.
    expect(await mesh.entry('tests/a', second)).toMatchObject({ state: 'loaded' });
    expect(await mesh.entry('bkg/language-id', second)).toMatchObject({ state: 'on_disk' });
  });

  it('starts without a pinned model that is gone or damaged, says so, and lists it', async () => {
    await mesh.start();
    for (const name of ['a', 'b', 'c']) await mesh.ask('model.load', ref(name));
    await mesh.stopAll();
    await rm(join(mesh.folder.path, 'models/tests/a.onnx'));
    await mesh.folder.write('models/tests/b.onnx', 'damaged');
    const { log } = await mesh.start();
    expect(await runningStatus()).toMatchObject([{ status: 'running' }]);
    expect(await mesh.entry('tests/a')).toMatchObject({ state: 'missing', pinned: true });
    expect(await mesh.entry('tests/b')).toMatchObject({ state: 'failed', pinned: true });
    expect(await mesh.entry('tests/c')).toMatchObject({ state: 'loaded', pinned: true });
    expect(log.some((line) => line.includes('tests/a is pinned and gone; the start goes on'))).toBe(true);
    expect(log.some((line) => line.includes('tests/b could not be loaded; the start goes on'))).toBe(true);
    // The pin of a model that is gone can be taken off.
    expect(await mesh.ask('model.unload', ref('a'))).toMatchObject({ unpinned: true, unloaded: false });
    expect(await mesh.entry('tests/a')).toBeUndefined();
  });

  it('starts with as many pinned models as there are places', async () => {
    await mesh.start();
    for (const name of ['a', 'b', 'c']) await mesh.ask('model.load', ref(name));
    await mesh.stopAll();
    const { log } = await mesh.start({ settings: { max_resident_models: 2 } });
    expect(log.filter((line) => line.includes('could not be loaded; the start goes on'))).toHaveLength(1);
    expect(await mesh.ask('model.infer', { input: 'Hello' })).toMatchObject({
      code: 'CANDLE_NO_ROOM',
      status: 507,
    });
  });

  it('no longer waits for a load when its time is up, and lets it go on', async () => {
    await mesh.start();
    await mesh.ask('model.load', ref('a'));
    await mesh.stopAll();
    const { log } = await mesh.start({ startWaitMs: 1 });
    expect(log.some((line) => line.includes('tests/a is still being loaded'))).toBe(true);
    await eventually(async () => (await mesh.entry('tests/a'))?.state === 'loaded');
  });

  it('does not start when the model that candle ships cannot be loaded, and says why', async () => {
    await using shipped = await temporaryFolder();
    await shipped.write('bkg/language-id/model.onnx', 'damaged');
    await expect(mesh.start({ bundledDir: shipped.path })).rejects.toThrow(
      /^The model that candle ships cannot be loaded, so no other could: bkg\/language-id: /,
    );
    await eventually(async () => (await runningStatus())[0]?.status === 'error');
  });

  it('starts when somebody has put a damaged language model in front of the shipped one', async () => {
    await mesh.folder.write('models/bkg/language-id/model.onnx', 'damaged');
    await mesh.start();
    expect(await mesh.ask('model.infer', { input: 'Hello' })).toMatchObject({ code: 'CANDLE_MODEL_INVALID' });
  });
});
