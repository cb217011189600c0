import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { headerNames, subjects } from '@bkg/sdk';
import { eventually } from '@bkg/sdk/testing';
import { createCandle } from '../src/candle.ts';
import { encodeModel } from '../src/onnx/writer.ts';
import { CandleMesh } from './candle-mesh.ts';
import { arithmetic, heavy, identity, workload } from './sample-models.ts';

let mesh: CandleMesh;

beforeAll(async () => {
  mesh = await CandleMesh.create();
  const files: Record<string, Uint8Array | string> = {
    'int64.onnx': identity('int64'),
    'double.onnx': identity('double'),
    'half.onnx': identity('float16', ['n']),
    'text.onnx': identity('string'),
    'arithmetic.onnx': arithmetic(),
    'workload.onnx': workload(),
    'broken.onnx': 'not a model',
    '../one/twin.onnx': identity('float'),
    '../two/twin.onnx': identity('float'),
    'sequence.onnx': encodeModel({
      name: 'm',
      inputs: [{ name: 'x', type: { tensor: 'float', dims: [4] } }],
      outputs: [{ name: 'parts', type: { sequence: { tensor: 'float' } } }],
      nodes: [{ op: 'SplitToSequence', inputs: ['x'], outputs: ['parts'] }],
    }),
  };
  for (const [name, content] of Object.entries(files))
    await mesh.folder.write(`models/tests/${name}`, content);
  await mesh.start({ settings: { max_resident_models: 8, max_queue_per_model: 2, abandoned_run_secs: 0.1 } });
});
afterAll(() => mesh[Symbol.asyncDispose]());

const infer = (payload: unknown, headers?: Record<string, string>) =>
  mesh.ask('model.infer', payload, headers);

const workOf = (n: number) => ({
  model_id: 'tests/workload',
  inputs: [{ name: 'size', datatype: 'INT64', shape: [2], data: [n, n] }],
  outputs: ['sum'],
});

describe('model.infer', () => {
  it('answers {"input": "Guten Morgen"}, which is what a playground starts with, with the language', async () => {
    const { capabilities } = createCandle({ homeDir: '/nowhere', dataDir: '/nowhere' });
    const { examples } = capabilities['model.infer']!.input as { examples?: unknown[] };
    expect(examples).toEqual([{ input: 'Guten Morgen' }]);
    const answer = await infer(examples![0]);
    expect(Object.keys(answer)).toEqual(['output', 'scores']);
    expect(answer).toMatchObject({ output: 'de', scores: { de: expect.closeTo(0.99, 1) as number } });
  });

  it('runs a model on tensors and gives tensors, exactly as they are written', async () => {
    const text = (payload: string) =>
      mesh.caller.request(subjects.invokeCapability('candle', 'model.infer'), payload, { timeoutMs: 20_000 });
    const tensors = (datatype: string, shape: string, data: string) =>
      `{"name":"NAME","datatype":"${datatype}","shape":${shape},"data":${data}}`;
    for (const [id, tensor] of [
      [
        'tests/int64',
        tensors('INT64', '[2,2]', '["-9223372036854775808",-9007199254740991,0,"9007199254740993"]'),
      ],
      ['tests/int64', tensors('INT64', '[]', '[7]')],
      ['tests/double', tensors('FP64', '[4]', '["NaN","Infinity","-Infinity",5e-324]')],
      ['tests/half', tensors('FP16', '[3]', '[0.5,"NaN",65504]')],
      ['tests/text', tensors('BYTES', '[2,1]', '["","Grüße 🕯"]')],
      ['tests/text', tensors('BYTES', '[0,3]', '[]')],
    ] as const) {
      const reply = await text(`{"model_id":"${id}","inputs":[${tensor.replace('NAME', 'x')}]}`);
      expect(reply.string()).toBe(`{"model_id":"${id}","outputs":[${tensor.replace('NAME', 'y')}]}`);
    }
  });

  it('takes several inputs in any order and gives the outputs that are asked for', async () => {
    const answer = await infer({
      model_id: 'tests/arithmetic',
      inputs: [
        { name: 'at', datatype: 'INT64', shape: [2], data: [2, -3] },
        { name: 'b', datatype: 'FP32', shape: [1, 2], data: [[1, 2]] },
        { name: 'a', datatype: 'FP32', shape: [1, 2], data: [10, 20] },
      ],
      outputs: ['picked', 'sum'],
    });
    expect(answer['outputs']).toEqual([
      { name: 'picked', datatype: 'FP64', shape: [2], data: [30, 10] },
      { name: 'sum', datatype: 'FP32', shape: [1, 2], data: [11, 22] },
    ]);
  });

  it('finds a model by its bare name', async () => {
    const x = { name: 'x', datatype: 'INT64', shape: [1], data: [1] };
    expect(await infer({ model_id: 'int64', inputs: [x] })).toMatchObject({ model_id: 'tests/int64' });
  });

  const x = { name: 'x', datatype: 'FP32', shape: [1], data: [1] };
  const pair = { datatype: 'FP32', shape: [1, 2], data: [1, 2] };
  const at = (index: number) => ({ name: 'at', datatype: 'INT64', shape: [1], data: [index] });

  it.each<[string, unknown, number, string, RegExp]>([
    ['no payload worth the name', {}, 400, 'INVALID_PAYLOAD', /needs "input", a text, or "inputs"/],
    ['both kinds of input', { input: 'x', inputs: [x] }, 400, 'INVALID_PAYLOAD', /together with "input"/],
    ['tensors without a model', { inputs: [x] }, 400, 'INVALID_PAYLOAD', /\/model_id: is needed/],
    ['a text and outputs', { input: 'x', outputs: ['y'] }, 400, 'INVALID_PAYLOAD', /belongs to "inputs"/],
    ['a member that does not exist', { input: 'x', inptus: 1 }, 400, 'INVALID_PAYLOAD', /inptus/],
    ['a number as text', { input: 17 }, 400, 'INVALID_PAYLOAD', /\/input must be string/],
    ['an empty text', { input: ' ' }, 400, 'INVALID_PAYLOAD', /the text is empty/],
    [
      'a text for a model of tensors',
      { input: 'x', model_id: 'tests/text' },
      400,
      'INVALID_PAYLOAD',
      /takes no text, it takes tensors: x BYTES/,
    ],
    [
      'an unknown model',
      { input: 'x', model_id: 'tests/none' },
      404,
      'CANDLE_MODEL_NOT_FOUND',
      /looked in the data folder for models\/tests\/none/,
    ],
    [
      'an unknown revision',
      { input: 'x', revision: 'main' },
      404,
      'CANDLE_MODEL_NOT_FOUND',
      /no revision main of bkg\/language-id/,
    ],
    [
      'a name of two models',
      { inputs: [x], model_id: 'twin' },
      409,
      'CANDLE_MODEL_AMBIGUOUS',
      /say which of one\/twin, two\/twin/,
    ],
    [
      'a path as a model',
      { inputs: [x], model_id: '../../etc/passwd' },
      400,
      'INVALID_PAYLOAD',
      /\/model_id must match pattern/,
    ],
    ['a model id with dots', { inputs: [x], model_id: 'a/b..c' }, 400, 'INVALID_PAYLOAD', /is no model id/],
    [
      'a file that is no model',
      { inputs: [x], model_id: 'tests/broken' },
      422,
      'CANDLE_MODEL_INVALID',
      /^tests\/broken: /,
    ],
    [
      'a model with a sequence',
      { inputs: [x], model_id: 'tests/sequence' },
      422,
      'CANDLE_MODEL_UNSUPPORTED',
      /output "parts" is seq\(tensor\(float\)\)/,
    ],
    [
      'an unknown input',
      { model_id: 'tests/half', inputs: [{ ...x, name: 'z' }] },
      400,
      'INVALID_PAYLOAD',
      /no input "z"; the model takes x FP16 \[n\]/,
    ],
    [
      'no inputs',
      { model_id: 'tests/half', inputs: [] },
      400,
      'INVALID_PAYLOAD',
      /input x FP16 \[n\] is missing/,
    ],
    [
      'another datatype',
      { model_id: 'tests/half', inputs: [x] },
      400,
      'INVALID_PAYLOAD',
      /FP32 given, the model takes x FP16/,
    ],
    [
      'a datatype that does not exist',
      { model_id: 'tests/half', inputs: [{ ...x, datatype: 'BF16' }] },
      400,
      'INVALID_PAYLOAD',
      /\/inputs\/0\/datatype must be equal to one of the allowed values/,
    ],
    [
      'another rank',
      { model_id: 'tests/half', inputs: [{ ...x, datatype: 'FP16', shape: [1, 1] }] },
      400,
      'INVALID_PAYLOAD',
      /\[1, 1\] given/,
    ],
    [
      'a shape that is none',
      { model_id: 'tests/half', inputs: [{ ...x, shape: [-1] }] },
      400,
      'INVALID_PAYLOAD',
      /\/inputs\/0\/shape\/0 must be >= 0/,
    ],
    [
      'data that is not the shape',
      { model_id: 'tests/half', inputs: [{ ...x, datatype: 'FP16', shape: [2] }] },
      400,
      'INVALID_PAYLOAD',
      /1 elements in data of "x", its shape \[2\] needs 2/,
    ],
    [
      'data of another type',
      { model_id: 'tests/half', inputs: [{ ...x, datatype: 'FP16', data: ['one'] }] },
      400,
      'INVALID_PAYLOAD',
      /"one" is no FP16/,
    ],
    [
      'an unknown output',
      { model_id: 'tests/half', inputs: [{ ...x, datatype: 'FP16' }], outputs: ['z'] },
      400,
      'INVALID_PAYLOAD',
      /no output "z"; the model has y FP16/,
    ],
    [
      'values the model refuses',
      { model_id: 'tests/arithmetic', inputs: [{ ...pair, name: 'a' }, { ...pair, name: 'b' }, at(9)] },
      422,
      'CANDLE_RUN_FAILED',
      /idx=9 must be within/,
    ],
    [
      'an answer that is too large',
      { ...workOf(800), outputs: ['product'] },
      413,
      'PAYLOAD_TOO_LARGE',
      /product \[800, 800\] take more than 1000000 bytes/,
    ],
  ])('refuses %s', async (_, payload, status, code, detail) => {
    const answer = await infer(payload);
    expect(answer).toMatchObject({ status, code });
    expect(answer.detail).toMatch(detail);
    expect(answer.detail).not.toContain(mesh.folder.path);
    expect(await infer({ input: 'Guten Morgen' })).toMatchObject({ output: 'de' });
  });

  it('fails with CANDLE_MODEL_CRASHED when the model’s process is killed in the middle of a run, and lives on', async () => {
    await infer(workOf(64));
    const running = infer(workOf(2000));
    const pid = await mesh.atWork('tests/workload');
    process.kill(pid, 'SIGKILL');
    expect(await running).toMatchObject({ status: 503, code: 'CANDLE_MODEL_CRASHED', retryable: true });
    expect(await infer(workOf(64))).toMatchObject({ model_id: 'tests/workload' });
    expect(await mesh.pidOf('tests/workload')).not.toBe(pid);
  });

  it('brings back the process of an idle model that was killed', async () => {
    await infer({ input: 'Hello' });
    const pid = await mesh.pidOf('bkg/language-id');
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      const entry = await mesh.entry('bkg/language-id');
      return entry?.state === 'loaded' && entry.pid !== pid;
    });
    expect(await infer({ input: 'Hello' })).toMatchObject({ output: 'en' });
  });

  it('is BUSY when the queue of the model is full', async () => {
    await infer(workOf(64));
    const running = infer(workOf(1400));
    await mesh.atWork('tests/workload');
    const answers = await Promise.all([running, ...[64, 64, 64, 64].map((n) => infer(workOf(n)))]);
    const codes = answers.map(({ code = 'success' }) => code).sort();
    expect(codes).toEqual(['BUSY', 'BUSY', 'success', 'success', 'success']);
    expect(answers.find(({ code }) => code === 'BUSY')).toMatchObject({ status: 429, retryable: true });
  });

  it('answers at the deadline although the model runs on, and does not let that run hold up others for long', async () => {
    await infer(workOf(64));
    const startedAt = performance.now();
    const late = infer(workOf(4000), { [headerNames.timeoutMs]: '200' });
    const next = infer(workOf(64));
    expect(await late).toMatchObject({ code: 'DEADLINE_EXCEEDED', status: 504 });
    expect(await next).toMatchObject({ model_id: 'tests/workload' });
    expect(performance.now() - startedAt).toBeLessThan(8_000);
  });

  it('drops a cancelled invocation from the queue', async () => {
    await infer(workOf(64));
    const running = infer(workOf(1400));
    const invocation_id = 'a'.repeat(32);
    await mesh.atWork('tests/workload');
    const queued = infer(workOf(64), { [headerNames.invocationId]: invocation_id });
    await eventually(async () => (await mesh.entry('tests/workload'))?.queued === 1);
    mesh.caller.publish(subjects.cancel('candle'), JSON.stringify({ invocation_id }));
    expect(await queued).toMatchObject({ code: 'CANCELLED', status: 499 });
    expect((await mesh.entry('tests/workload'))?.queued).toBe(0);
    expect(await running).toMatchObject({ model_id: 'tests/workload' });
  });
});

describe('the plugin', () => {
  it('answers status while a model of 90 MB is loaded and while a long run goes on', async () => {
    await mesh.folder.write('models/tests/heavy.onnx', heavy(90));
    const row = { name: 'row', datatype: 'INT64', shape: [], data: [1] };
    await infer(workOf(64));
    for (const work of [() => infer({ model_id: 'tests/heavy', inputs: [row] }), () => infer(workOf(900))]) {
      let answered = false;
      const times: number[] = [];
      const answer = work().finally(() => (answered = true));
      while (!answered) {
        const startedAt = performance.now();
        const [reply] = await mesh.caller.requestMany(subjects.status('candle'), '', {
          forMs: 2_000,
          most: 1,
        });
        times.push(performance.now() - startedAt);
        expect(reply?.json()).toMatchObject({ status: 'running' });
        await delay(2);
      }
      expect((await answer).code).toBeUndefined();
      expect(times.length).toBeGreaterThan(20);
      // Generous, since tests share their machine; bench/responsiveness.ts has the strict figures.
      expect(times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.5)]).toBeLessThan(20);
    }
  });

  it('tells in its README of every capability, setting with its default, and error with its number', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const row = (...cells: unknown[]) =>
      new RegExp(cells.map((cell) => `\\| \\\`?${String(cell)}\\\`? +`).join(''));
    const { capabilities, settings } = createCandle({ homeDir: '/nowhere', dataDir: '/nowhere' });
    for (const [id, { errors = {} }] of Object.entries(capabilities)) {
      expect(readme).toMatch(row(id));
      for (const [code, { number, retryable }] of Object.entries(errors)) {
        expect(readme).toMatch(row(code, number, retryable ? 'yes' : 'no'));
      }
    }
    for (const [name, schema] of Object.entries(settings!.properties)) {
      expect(readme).toMatch(row(name, (schema as { default?: unknown }).default));
    }
  });

  it('says the same of itself in its manifest, its package and its descriptor', async () => {
    const read = async (name: string) =>
      JSON.parse(await readFile(new URL(`../${name}`, import.meta.url), 'utf8')) as Record<string, unknown>;
    const { id, version, name, description, author } = createCandle({
      homeDir: '/nowhere',
      dataDir: '/nowhere',
    });
    const manifest = await read('plugin.json');
    expect(manifest).toMatchObject({
      id,
      version,
      name,
      description,
      author,
      command: ['node', 'dist/main.js'],
    });
    // The first thing a new user does is to start it.
    expect(manifest).not.toHaveProperty('autostart');
    expect(await read('package.json')).toMatchObject({ version });
  });
});
