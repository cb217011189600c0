import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reachedLevel, runConformance } from '../../src/conformance/index.ts';
import type { CaseResult, ConformanceOptions } from '../../src/conformance/index.ts';
import type { Connection } from '../../src/connection.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import type { CapabilityDefinition, StreamingCapabilityDefinition } from '../../src/define-plugin.ts';
import { bytes, PluginError, Type } from '../../src/index.ts';
import type { Body } from '../../src/stream/body.ts';
import { Instance } from '../../src/instance.ts';
import { subjects } from '../../src/protocol/index.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';

let server: TestServer;
let tester: Connection;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
  tester = await server.connect('tester');
});
afterAll(() => server.stop());

let plugins = 0;

/** An instance of a plugin with these capabilities. */
async function start(one: Partial<CapabilityDefinition> = {}, id = `tested-${++plugins}`): Promise<Instance> {
  const plugin = definePlugin({
    id,
    version: '1.0.0',
    description: 'Is tested.',
    capabilities: {
      say: capability({
        description: 'Says it.',
        idempotent: true,
        input: Type.Object({ text: Type.String() }),
        output: Type.Object({ text: Type.String() }),
        errors: {
          [`${id.toUpperCase().replaceAll('-', '_')}_NO`]: {
            number: 404,
            retryable: false,
            description: 'No.',
          },
        },
        handler: ({ text }) => ({ text }),
        ...one,
      } as CapabilityDefinition),
      wait: capability({
        description: 'Waits.',
        input: Type.Object({ ms: Type.Integer() }),
        output: Type.Object({}),
        handler: async ({ ms }, { signal }) => {
          await wait(ms, undefined, { signal });
          return {};
        },
      }),
    },
  });
  const connection = await server.connect(id);
  const instance = new Instance(plugin, { connection, log: silentLogger, heartbeatMs: 1_200 });
  await instance.start();
  void instance.drainAsked.then(() => instance.drain());
  return instance;
}

async function run(instance: Instance, options: Partial<ConformanceOptions>): Promise<CaseResult[]> {
  try {
    return await runConformance({ connection: tester, pluginId: instance.plugin.id, ...options });
  } finally {
    await instance.drain(0);
  }
}

describe('a case is not tried, with the reason,', () => {
  it('when only a lower level was asked for', async () => {
    const told: CaseResult[] = [];
    const cases = ['names', 'status', 'drain'];
    const results = await run(await start(), { level: 'service', cases, onCase: (one) => told.push(one) });
    expect(results.map(({ verdict }) => verdict)).toEqual(['kept', 'not tried', 'not tried']);
    expect(results[2]?.got).toContain('up to the level service');
    expect(told).toEqual(results);
  });

  it('when no capability may be invoked without being told so', async () => {
    const results = await run(await start({ idempotent: false }), { cases: ['valid-payload'] });
    expect(results).toMatchObject([{ verdict: 'not tried' }]);
    expect(results[0]?.got).toContain('idempotent');
  });

  it('when a valid payload would be larger than anybody sends', async () => {
    for (const input of [
      Type.Object({ text: Type.String({ minLength: 1e9 }) }),
      Type.Object({ all: Type.Array(Type.Null(), { minItems: 3e7 }) }),
    ]) {
      const [result] = await run(await start({ input }), { cases: ['valid-payload'] });
      expect(result?.verdict).toBe('not tried');
      expect(result?.got).toContain('no payload is known to be valid');
    }
  });

  it('when there is no slow work, or it is quick', async () => {
    expect(await run(await start(), { cases: ['deadline'] })).toMatchObject([{ verdict: 'not tried' }]);
    const [quick] = await run(await start(), { cases: ['deadline'], slow: { wait: { ms: 10 } } });
    expect(quick?.verdict).toBe('not tried');
    expect(quick?.got).toContain('3 to 8 seconds');
  });

  it('when the plugin refuses a payload that was made up, and broken when it was given', async () => {
    const refusing = async () => {
      const id = `tested-${++plugins}`;
      const code = `${id.toUpperCase().replaceAll('-', '_')}_NO`;
      return start({ handler: () => Promise.reject(new PluginError(code, 'nobody knows it')) }, id);
    };
    const [made] = await run(await refusing(), { cases: ['valid-payload'] });
    expect(made).toMatchObject({ verdict: 'not tried' });
    const [given] = await run(await refusing(), {
      cases: ['valid-payload'],
      samples: { say: { text: 'x' } },
    });
    expect(given).toMatchObject({ verdict: 'broken' });
    expect(given?.got).toContain('nobody knows it');
  });

  it('when the handler fails for reasons of its own it is broken all the same', async () => {
    const instance = await start({ handler: () => Promise.reject(new Error('oh')) });
    expect(await run(instance, { cases: ['valid-payload'] })).toMatchObject([{ verdict: 'broken' }]);
  });

  it('when somebody else moves the statistics', async () => {
    const instance = await start();
    const ending = new AbortController();
    const others = (async () => {
      const subject = subjects.invokeCapability(instance.plugin.id, 'say');
      while (!ending.signal.aborted) await tester.request(subject, '{"text":"x"}', { timeoutMs: 1_000 });
    })();
    const result = await runConformance({
      connection: tester,
      pluginId: instance.plugin.id,
      cases: ['statistics'],
    });
    ending.abort();
    await others;
    await instance.drain(0);
    expect(result).toMatchObject([{ verdict: 'not tried' }]);
    expect(result[0]?.got).toContain('somebody else');
  });

  it('when several instances run and one of them would have to be told apart', async () => {
    const [one, two] = [await start({}, 'twins'), await start({}, 'twins')];
    const cases = ['ping', 'info', 'status', 'statistics', 'inflight'];
    const results = await runConformance({
      connection: tester,
      pluginId: 'twins',
      cases,
      slow: { wait: { ms: 3_000 } },
    });
    await Promise.all([one.drain(0), two.drain(0)]);
    const verdicts = Object.fromEntries(results.map((result) => [result.case, result.verdict]));
    expect(verdicts).toEqual({
      ping: 'kept',
      info: 'kept',
      status: 'kept',
      statistics: 'kept',
      inflight: 'not tried',
    });
  });
});

/** A plugin whose `say` is of another kind. */
const streaming = (one: Partial<StreamingCapabilityDefinition>): Promise<Instance> =>
  start(one as Partial<CapabilityDefinition>);

describe('streams and uploads', () => {
  const cases = ['stream', 'window', 'stream-without-window', 'stream-cancel-flow'];
  const to = Type.Object({ to: Type.Integer({ examples: [60] }) });
  const verdicts = async (instance: Instance, options: Partial<ConformanceOptions>) =>
    (await run(instance, { level: ['streaming', 'upload'], ...options })).map(
      ({ case: id, verdict, got }) => `${id} ${verdict} ${got}`,
    );

  async function* pour({ to: most }: { to: number }): AsyncGenerator<Uint8Array, object, void> {
    for (let n = 1; n <= most; n++) yield Buffer.from(`${n}\n`);
    return {};
  }

  it('may be bytes', async () => {
    const instance = await streaming({
      input: to,
      chunk: bytes('text/*'),
      output: Type.Object({}),
      handler: (input, { respondAs }) => {
        respondAs('text/plain');
        return pour(input as { to: number });
      },
    });
    expect(await verdicts(instance, { cases })).toEqual(cases.map((id) => `${id} kept `));
  });

  it('are too short for a window, which is not tried then', async () => {
    const instance = await streaming({
      input: to,
      chunk: Type.Object({ n: Type.Integer() }),
      output: Type.Object({}),
      async *handler() {
        for (let n = 1; n <= 5; n++) yield { n };
        return {};
      },
    });
    const [window = '', ...rest] = await verdicts(instance, { cases: ['window', 'stream-cancel-flow'] });
    expect(window).toMatch(/^window not tried the stream of say is over after 5 chunks: give a sample/);
    expect(rest).toEqual(['stream-cancel-flow kept ']);
  });

  it('are not tried where nothing streams, or takes uploads, or is known to be harmless', async () => {
    const both = ['stream', 'upload'];
    expect(await verdicts(await start(), { cases: both })).toEqual([
      expect.stringContaining('stream not tried no capability streams'),
      expect.stringContaining('upload not tried no capability takes uploads'),
    ]);
    const harmful = await start({ idempotent: false, upload: true });
    expect(await verdicts(harmful, { cases: ['upload'] })).toEqual([
      expect.stringContaining('upload not tried no capability takes uploads'),
    ]);
  });

  it('take JSON with blanks behind it, and bytes of the type that was given', async () => {
    const all = ['upload', 'upload-unknown-length', 'upload-size', 'upload-cancel'];
    expect(await verdicts(await start({ upload: true }), { cases: all })).toEqual(
      all.map((id) => `${id} kept `),
    );
    const picture = async () =>
      start({
        upload: true,
        input: bytes('image/*'),
        handler: async (body) => {
          const { length } = await (body as Body).bytes();
          return { text: `${length}` };
        },
      });
    const body = Buffer.alloc(3_000_000);
    const uploads = { say: { body, contentType: 'image/png' } };
    expect(await verdicts(await picture(), { cases: all, uploads })).toEqual(all.map((id) => `${id} kept `));
    await expect(run(await picture(), { uploads: { say: { body } } })).rejects.toThrow(
      'say takes image/*: say of which content type the upload is',
    );
    const hasty = await start({
      upload: true,
      input: bytes(),
      handler: () => ({ text: 'I know' }),
    });
    expect(await verdicts(hasty, { cases: all, uploads })).toEqual([
      'upload kept ',
      'upload-unknown-length kept ',
      expect.stringMatching(/^upload-size not tried it answers before/),
      expect.stringMatching(/^upload-cancel not tried it answers before/),
    ]);
    await expect(run(await picture(), { samples: { say: {} } })).rejects.toThrow('give it as an upload');
  }, 30_000);
});

describe('a run', () => {
  it('says at once when nobody answers, or a sample is for what is not there', async () => {
    const options = { connection: tester, cases: ['ping'] };
    await expect(runConformance({ ...options, pluginId: 'nobody' })).rejects.toThrow('$SRV.INFO.nobody');
    await expect(runConformance({ ...options, pluginId: 'No.Id' })).rejects.toThrow('is no plugin id');
    await expect(run(await start(), { samples: { sing: {} } })).rejects.toThrow('it has say, wait');
    await expect(run(await start(), { cases: ['juggling'] })).rejects.toThrow('no case "juggling"');
  });

  it('ends when it is told to', async () => {
    const ending = new AbortController();
    const results = run(await start(), {
      signal: ending.signal,
      onCase: () => ending.abort(new Error('enough')),
    });
    await expect(results).rejects.toThrow('enough');
  });

  it('has a managed plugin restarted by the supervisor', async () => {
    const instance = await start();
    const { id } = instance.plugin;
    const orders: string[] = [];
    const supervisor = await server.connect('supervisor');
    supervisor.subscribe(subjects.registryGet(id), {
      callback: (_, msg) => void supervisor.respond(msg, '{"instances":[{"managed":true}]}'),
    });
    supervisor.subscribe(subjects.control('restart', id), {
      callback: (_, msg) => {
        orders.push(msg.string());
        supervisor.respond(msg, '{}');
        void instance.drain();
      },
    });
    const results = await run(instance, { level: 'graceful', cases: ['drain'] });
    expect(results).toMatchObject([{ verdict: 'kept' }]);
    expect(orders).toEqual(['{"wait":false}']);
  });

  it('reaches the highest level up to which everything is kept', () => {
    const result = (level: CaseResult['level'], verdict: CaseResult['verdict']): CaseResult => ({
      case: '',
      title: '',
      section: '',
      expected: '',
      got: '',
      level,
      verdict,
    });
    const kept = (['service', 'timed', 'live', 'graceful', 'full'] as const).map((level) =>
      result(level, 'kept'),
    );
    expect(reachedLevel(kept)).toBe('full');
    expect(reachedLevel([...kept, result('live', 'not tried')])).toBe('timed');
    expect(reachedLevel([...kept, result('service', 'broken')])).toBeUndefined();
    const streaming = [...kept, result('streaming', 'kept')];
    expect(reachedLevel(streaming, 'streaming')).toBe('streaming');
    expect(reachedLevel([...streaming, result('graceful', 'broken')], 'streaming')).toBe('streaming');
    expect(reachedLevel([...streaming, result('timed', 'broken')], 'streaming')).toBe('service');
    expect(reachedLevel([...kept, result('streaming', 'broken')])).toBe('full');
    expect(reachedLevel([...kept, result('streaming', 'broken')], 'streaming')).toBe('timed');
  });
});
