/** The schemas of the wire say what the types, the guards and the runtime say. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/connection.ts';
import { Instance } from '../../src/instance.ts';
import { problemOfMsg } from '../../src/problem.ts';
import { BkgError, errorTable, isProblem, problemOf } from '../../src/protocol/errors.ts';
import type { ErrorCode } from '../../src/protocol/errors.ts';
import { isHeartbeat, isStatusEvent } from '../../src/protocol/event.ts';
import { parseSince } from '../../src/protocol/log-record.ts';
import { isForbiddenEnv } from '../../src/protocol/manifest.ts';
import { configDefaults } from '../../src/protocol/plugin.ts';
import { schemaOf, wireSchemas } from '../../src/protocol/schemas/index.ts';
import type { WireName } from '../../src/protocol/schemas/index.ts';
import { count, flag, object, oneOf, text } from '../../src/protocol/schemas/schema.ts';
import { isTopic, topics } from '../../src/protocol/socket.ts';
import { subjects } from '../../src/protocol/subjects.ts';
import { mergeTelemetry } from '../../src/protocol/telemetry.ts';
import { eventually, silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { assertSchema, createValidator } from '../../src/validator.ts';
import { createEcho } from '../echo.ts';
import { createRandom, mutate } from './random.ts';

const names = Object.keys(wireSchemas) as WireName[];
const validators = new Map(names.map((name) => [name, createValidator(schemaOf(name))]));
const complaints = (name: WireName, value: unknown) => validators.get(name)!(value);
const fits = (name: WireName, value: unknown) => complaints(name, value).length === 0;

const statusEvent = {
  id: 'echo',
  instance: 'I1',
  status: 'running',
  version: '1.0.0',
  started_at: '2026-11-24T08:00:00.000Z',
  host: 'h',
  pid: 7,
  held: true,
  error: 'no',
  ended: 'crashed',
  others: [{ instance: 'I2', inflight: true }],
};
const { id: _, instance: __, error: ___, ended: ____, others: _____, ...life } = statusEvent;
const telemetry = mergeTelemetry('echo', [
  { ...mergeTelemetry('echo', []), cpu_percent: 1.5, request_count: 3, latency_buckets: [[3, 2], [39, 1]] }, // prettier-ignore
]);
const heartbeat = { seq: 4, ...life, descriptor: 'd', every_ms: 2_000, telemetry, by: 'supervisor' };
const problem = problemOf('BUSY', errorTable.BUSY, 'full', [{ path: '/a', message: 'no' }]);
const pluginConfig = { id: 'echo', ...configDefaults };
const plugin = {
  id: 'echo',
  name: 'Echo',
  version: '1.0.0',
  description: '',
  author: '',
  status: 'running',
  capabilities: [],
  config: pluginConfig,
  instances: [],
  versions: ['1.0.0'],
  isolation: Object.fromEntries(
    ['memory', 'cpu', 'processes', 'user', 'files', 'network'].map((limit) => [
      limit,
      { strength: 'late', by: 'watchdog', note: 'Looked at twice a second.' },
    ]),
  ),
  ends: [
    {
      instance: 'I1',
      version: '1.0.0',
      at: '2026-11-24T08:00:00.000Z',
      verdict: 'out_of_memory',
      text: 'ended by SIGKILL',
      output: ['the last line'],
    },
  ],
  restarts: { failures: 2, next_at: '2026-11-24T08:00:01.000Z' },
  telemetry,
  observed_at: '2026-11-24T08:00:00.000Z',
};
const record = {
  time: '2026-11-24T08:00:00.000Z',
  level: 'info',
  plugin_id: 'echo',
  instance: 'I1',
  message: 'hello',
  source: 'sdk',
  more: [1],
};

describe('a schema of the wire', () => {
  it.each(names)('%s stands alone, and every part of it is one', (name) => {
    const schema = schemaOf(name);
    assertSchema(schema);
    const refs = JSON.stringify(schema).match(/"\$ref":"[^"]*"/g) ?? [];
    for (const ref of refs) {
      const [, referred = ''] = /"#\/\$defs\/(\w+)"/.exec(ref) ?? [];
      expect(Object.keys(schema['$defs'] ?? {})).toContain(referred);
    }
  });

  it('does not compile when a member is missing, too much or of another kind', () => {
    interface Two {
      one: string;
      two?: number;
    }
    object<Two>({ one: text('') }, { two: count('') });
    // @ts-expect-error: `one` is missing
    object<Two>({}, { two: count('') });
    // @ts-expect-error: `two` is missing
    object<Two>({ one: text('') });
    // @ts-expect-error: `two` may be absent
    object<Two>({ one: text(''), two: count('') }, {});
    // @ts-expect-error: `three` is no member
    object<Two>({ one: text('') }, { two: count(''), three: flag('') });
    // @ts-expect-error: `two` is a number
    object<Two>({ one: text('') }, { two: flag('') });
    // @ts-expect-error: `one` may be any text
    object<Two>({ one: oneOf(['a'], '') }, { two: count('') });
    expect(object<Two>({ one: text('') }, { two: count('') })['required']).toEqual(['one']);
  });
});

describe('what a guard takes', () => {
  it.each([
    ['StatusEvent', isStatusEvent, statusEvent],
    ['Heartbeat', isHeartbeat, heartbeat],
  ] as const)('the schema takes, and the other way round: %s', (name, guard, valid) => {
    expect([guard(valid), complaints(name, valid)]).toEqual([true, []]);
    const seen = { true: 0, false: 0 };
    for (let seed = 0; seed < 4_000; seed += 1) {
      const value = mutate(createRandom(seed), structuredClone(valid));
      const taken = guard(value);
      seen[`${taken}`] += 1;
      expect([value, taken]).toEqual([value, fits(name, value)]);
    }
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(200);
  });

  it('as a problem is one by its schema when it has been completed, whatever is in it', () => {
    let taken = 0;
    for (let seed = 0; seed < 4_000; seed += 1) {
      const value = mutate(createRandom(seed), structuredClone(problem));
      if (fits('Problem', value)) expect([value, isProblem(value)]).toEqual([value, true]);
      if (!isProblem(value)) continue;
      taken += 1;
      expect([value, complaints('Problem', BkgError.from(value).problem)]).toEqual([value, []]);
    }
    expect(taken).toBeGreaterThan(200);
  });

  it.each(Object.keys(errorTable) as ErrorCode[])('of the error table is one: %s', (code) => {
    expect(complaints('Problem', new BkgError(code, 'why').problem)).toEqual([]);
  });

  it.each(['90s', '15m', '0d', '2026-11-24T08:00:00Z', '2026-11-24T08:00:00.5+02:00', '', '15', '1w', 'now', '2026-11-24', '2026-13-24T08:00:00Z', '2026-11-24T08:00:00', '1000000s'])('as the start of a log: %j', (since) => {
    expect(fits('LogQuery', { since })).toBe(parseSince(since, 0) !== undefined);
  }); // prettier-ignore
});

describe('a configuration', () => {
  it('fits as it is by default, and not without any of its members', () => {
    expect(complaints('PluginConfig', pluginConfig)).toEqual([]);
    for (const member of Object.keys(pluginConfig)) {
      expect(fits('PluginConfig', { ...pluginConfig, [member]: undefined })).toBe(false);
    }
    expect(wireSchemas.PluginConfig['properties']).toMatchObject({
      replicas: { default: 1, maximum: 64 },
      limits: { properties: { max_queue: { default: 1_024 } } },
    });
  });

  it('is changed by what may stand in plugin.json, or null, and a revision', () => {
    const whole = {
      ...configDefaults,
      env: { A: 'b' },
      settings: { deep: { er: [1] } },
      revision: undefined,
    };
    const { revision: _none, ...patch } = whole;
    const seen = { true: 0, false: 0 };
    for (let seed = 0; seed < 4_000; seed += 1) {
      const value = mutate(createRandom(seed), structuredClone(patch)) as object;
      const isPatch = fits('ConfigPatch', value);
      if (isPatch)
        expect([value, complaints('ConfigChange', { ...value, revision: 0 })]).toEqual([value, []]);
      seen[`${isPatch}`] += 1;
    }
    expect(Math.min(seen.true, seen.false)).toBeGreaterThan(200);
    expect(fits('ConfigChange', patch)).toBe(false);
    expect(fits('ConfigChange', { revision: 3, why: 'x'.repeat(500) })).toBe(true);
    expect(fits('ConfigChange', { revision: 3, why: 'x'.repeat(501) })).toBe(false);
    expect(fits('ConfigChange', { ...pluginConfig, revision: 3 })).toBe(true);
    expect(fits('ConfigChange', { revision: 3, other: 1 })).toBe(false);
    const nulls = {
      revision: 3,
      enabled: null,
      replicas: null,
      env: { A: null },
      settings: { a: { b: null } },
    };
    expect(complaints('ConfigChange', { ...nulls, limits: { max_queue: null }, resources: null })).toEqual(
      [],
    );
  });

  it('may name the variables that isForbiddenEnv lets pass', () => {
    const { pick, text: random } = createRandom(1);
    for (let n = 0; n < 2_000; n += 1) {
      const begin = pick([
        '',
        'PATH',
        'NODE_OPTIONS',
        'NODE_PATH',
        'LD_',
        'DYLD_',
        'PYTHON',
        'BASH',
        'PS4',
        'BKG_',
        'NODE_',
      ]);
      const name = begin + random('A_x', 2);
      if (!/^[A-Za-z_]\w*$/.test(name)) continue;
      const change = { revision: 0, env: { [name]: '' } };
      expect([name, fits('ConfigChange', change)]).toEqual([name, !isForbiddenEnv(name)]);
    }
  });
});

describe('a plugin', () => {
  it('fits with what keeps it within its limits, how it ended, and when it is started again', () => {
    expect(complaints('PluginInfo', plugin)).toEqual([]);
    const [end] = plugin.ends;
    const { network: _network, ...rest } = plugin.isolation;
    const wrong = [
      { isolation: rest },
      { isolation: { ...plugin.isolation, cpu: { strength: 'strong', by: '', note: '' } } },
      { ends: [{ ...end, verdict: 'killed' }] },
      { ends: [{ ...end, at: 'today' }] },
      { restarts: { stays_down: true } },
    ];
    for (const one of wrong) expect([one, fits('PluginInfo', { ...plugin, ...one })]).toEqual([one, false]);
  });
});

describe('a frame of /ws', () => {
  const id = 'a';
  it.each([
    { op: 'subscribe', id, topic: 'plugins' },
    { op: 'subscribe', id, topic: 'plugin', plugins: ['echo'], after_seq: 7, gateway: 'g' },
    { op: 'unsubscribe', id },
    { op: 'invoke', id, plugin: 'echo', capability: 'text.say', payload: null, timeout_ms: 1 },
    { op: 'cancel', id },
  ])('of the client: %j', (frame) => {
    expect(complaints('ClientFrame', frame)).toEqual([]);
    for (const member of ['op', 'id'])
      expect(fits('ClientFrame', { ...frame, [member]: undefined })).toBe(false);
    expect(fits('ClientFrame', { ...frame, id: 'x'.repeat(65) })).toBe(false);
    expect(fits('GatewayFrame', frame)).toBe(false);
  });

  const contents: Record<(typeof topics)[number], { snapshot: unknown; data: unknown[]; foreign: unknown }> =
    {
      plugins: { snapshot: [plugin], data: [{ plugin }, { removed: 'echo' }], foreign: plugin },
      plugin: { snapshot: null, data: [plugin, null], foreign: [plugin] },
      telemetry: { snapshot: [telemetry], data: [telemetry], foreign: null },
      logs: { snapshot: [], data: [record], foreign: [record] },
    };
  it.each(topics)('has the content of its topic: %s', (topic) => {
    expect(isTopic(topic)).toBe(true);
    const { snapshot, data, foreign } = contents[topic];
    const snapshotFrame = { type: 'snapshot', id, topic, seq: 1, snapshot };
    expect(complaints('GatewayFrame', snapshotFrame)).toEqual([]);
    expect(fits('GatewayFrame', { ...snapshotFrame, snapshot: foreign })).toBe(false);
    for (const one of data) {
      expect(complaints('GatewayFrame', { type: 'data', id, topic, seq: 2, data: one })).toEqual([]);
    }
    expect(fits('GatewayFrame', { type: 'data', id, topic, seq: 2, data: foreign })).toBe(false);
  });

  it.each([
    { type: 'hello', gateway: 'g', protocol: '1' },
    { type: 'dropped', id, topic: 'logs', count: 3 },
    { type: 'dropped', id, topic: 'logs', count: null },
    { type: 'unsubscribed', id },
    { type: 'result', id, invocation_id: 'i', output: [1] },
    { type: 'error', problem },
    { type: 'error', id, invocation_id: 'i', problem },
  ])('of the gateway: %j', (frame) => {
    expect(complaints('GatewayFrame', frame)).toEqual([]);
    expect(fits('GatewayFrame', { ...frame, type: undefined })).toBe(false);
    expect(fits('ClientFrame', frame)).toBe(false);
  });

  it.each([
    { type: 'status', plugin },
    { type: 'telemetry', telemetry },
    { type: 'log', ...record },
    { type: 'dropped', count: 1 },
  ])('of one plugin: %j', (frame) => {
    expect(complaints('FeedFrame', frame)).toEqual([]);
    expect(fits('FeedFrame', { ...frame, type: 'other' })).toBe(false);
  });
});

describe('a real instance', () => {
  let server: TestServer;
  let peer: Connection;
  let instance: Instance;
  const heard: [string, unknown][] = [];

  beforeAll(async () => {
    server = await startNatsServer({ jetstream: false });
    peer = await server.connect('peer');
    peer.subscribe(subjects.events('*', 'echo'), {
      callback: (_error, msg) => void heard.push([msg.subject.split('.').at(-1)!, msg.json()]),
    });
    await peer.flush();
    const connection = await server.connect('echo');
    instance = new Instance(createEcho().plugin, { connection, log: silentLogger, heartbeatMs: 50 });
    await instance.start();
  });
  afterAll(async () => {
    await instance.drain(0);
    await server.stop();
  });

  const ask = async (subject: string, body: unknown = {}) =>
    peer.request(subject, JSON.stringify(body), { timeoutMs: 5_000 });

  it('publishes events that fit', async () => {
    await eventually(() => heard.filter(([kind]) => kind === 'telemetry').length > 2);
    const kinds = { status: 'StatusEvent', telemetry: 'Heartbeat' } as const;
    expect(heard.map(([kind]) => kind)).toContain('status');
    for (const [kind, body] of heard) expect(complaints(kinds[kind as 'status'], body)).toEqual([]);
  });

  it.each([
    ['PingResponse', subjects.service('PING', 'echo'), {}],
    ['InfoResponse', subjects.service('INFO', 'echo'), {}],
    ['StatsResponse', subjects.service('STATS', 'echo'), {}],
    ['StatusEvent', subjects.status('echo'), {}],
    ['PluginTelemetry', subjects.telemetry('echo'), {}],
    ['InflightReply', subjects.inflight('echo'), { invocation_ids: ['a'] }],
  ] as const)('answers with a %s that fits', async (name, subject, body) => {
    expect(complaints(name, (await ask(subject, body)).json())).toEqual([]);
  });

  it('fails with problems that fit, and announces its capabilities as they are', async () => {
    const failures = [
      await ask(subjects.invokeCapability('echo', 'text.say'), { txt: 1 }),
      await ask(subjects.invokeCapability('echo', 'no.such')),
      await ask(subjects.invokeCapability('echo', 'text.fail'), { how: 'declared' }),
      await ask(subjects.invokeCapability('echo', 'text.fail'), { how: 'otherwise' }),
      await ask(subjects.invokeCapability('echo', 'text.lie')),
      await ask(subjects.invoke('echo'), { payload: {} }),
    ];
    for (const msg of failures) {
      expect(complaints('Problem', msg.json())).toEqual([]);
      expect(problemOfMsg(msg)).toEqual(msg.json());
    }
    const envelope = { capability: 'text.say', payload: { text: 'a' } };
    expect(complaints('InvokeEnvelope', envelope)).toEqual([]);
    expect((await ask(subjects.invoke('echo'), envelope)).json()).toEqual({ text: 'a' });
  });
});
