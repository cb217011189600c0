import { setTimeout as wait } from 'node:timers/promises';
import { headers as createHeaders } from '@nats-io/nats-core';
import type { Msg } from '@nats-io/nats-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runConformance, suite } from '../../src/conformance/index.ts';
import { capability, definePlugin } from '../../src/define-plugin.ts';
import { Type } from '../../src/index.ts';
import { Instance } from '../../src/instance.ts';
import { headerNames } from '../../src/protocol/index.ts';
import { silentLogger, startNatsServer } from '../../src/testing.ts';
import type { TestServer } from '../../src/testing.ts';
import { altered, SabotagedConnection } from './saboteur.ts';
import type { Reply, Sabotage } from './saboteur.ts';

let server: TestServer;

beforeAll(async () => {
  server = await startNatsServer({ jetstream: false });
});
afterAll(() => server.stop());

function definition(id: string) {
  return definePlugin({
    id,
    version: '1.0.0',
    description: 'Breaks one rule.',
    capabilities: {
      'text.say': capability({
        description: 'Says it.',
        idempotent: true,
        input: Type.Object({ text: Type.String() }, { additionalProperties: false }),
        output: Type.Object({ text: Type.String() }),
        handler: ({ text }) => ({ text }),
      }),
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
}

let plugins = 0;

/** The verdicts on a plugin that is sabotaged. @param cases all, when there are none */
async function verdictsOn(sabotage: Sabotage, ...cases: string[]) {
  const plugin = definition(`broken-${++plugins}`);
  const connection = await SabotagedConnection.of(server, sabotage);
  const instance = new Instance(plugin, { connection, log: silentLogger, heartbeatMs: 1_200 });
  await instance.start();
  void instance.drainAsked.then(() => instance.drain(8_000));
  try {
    return await runConformance({
      connection: await server.connect('tester'),
      pluginId: plugin.id,
      samples: { 'text.say': { text: 'x' } },
      slow: { wait: { ms: 3_000 } },
      level: 'full',
      ...(cases.length > 0 && { cases }),
    });
  } finally {
    await instance.drain(0);
  }
}

type Json = Record<string, unknown>;
type EndpointsOf = { endpoints: Json[] } & Json;

/** Changes answers on the subjects that match. */
function onReply(subject: RegExp, change: (reply: Reply) => Reply[]): Sabotage {
  return { reply: (reply) => (subject.test(reply.subject) ? change(reply) : [reply]) };
}

function onJson(subject: RegExp, change: (json: Json) => unknown): Sabotage {
  return onReply(subject, (reply) => [
    { ...reply, body: JSON.stringify(change(JSON.parse(reply.body) as Json)) },
  ]);
}

const onEndpoints = (subject: RegExp, change: (endpoint: Json) => Json): Sabotage =>
  onJson(subject, (json) => ({ ...json, endpoints: (json as EndpointsOf).endpoints.map(change) }));

const onMetadata = (change: Json): Sabotage =>
  onEndpoints(/^\$SRV\.INFO/, (endpoint) => ({
    ...endpoint,
    metadata: { ...(endpoint['metadata'] as Json), ...change },
  }));

const onFailure = (change: (reply: Reply) => Reply): Sabotage =>
  onReply(/\.invoke/, (reply) => [reply.headers?.[headerNames.errorCode] ? change(reply) : reply]);

const withoutHeader = (name: string): Sabotage =>
  onFailure((reply) => ({ ...reply, headers: { ...reply.headers, [name]: undefined } }));

/** The plugin does not see this header of requests, or sees another value. */
function withHeader(name: string, value?: string): Sabotage {
  return {
    request: (msg) => {
      if (!msg.headers?.has(name)) return msg;
      const headers = createHeaders();
      for (const key of msg.headers.keys()) if (key !== name) headers.set(key, msg.headers.get(key));
      if (value !== undefined) headers.set(name, value);
      return altered(msg, { headers });
    },
  };
}

const deaf = (subject: RegExp): Sabotage => ({
  request: (msg) => (subject.test(msg.subject) ? undefined : msg),
});

const seenAs = (subject: RegExp, body: string): Sabotage => ({
  request: (msg: Msg) => (subject.test(msg.subject) ? altered(msg, { data: Buffer.from(body) }) : msg),
});

function onEvent(kind: string, change: (json: Json) => unknown): Sabotage {
  return {
    event: (subject, body) => {
      if (!subject.endsWith(`.${kind}`)) return body;
      const changed = change(JSON.parse(body) as Json);
      return changed === undefined ? undefined : JSON.stringify(changed);
    },
  };
}

const stats = /^\$SRV\.STATS/;
let requests = 0;

/** The rule that is broken, the case that must find it, and how it is broken. */
type Flaw = [string, string, Sabotage];

/** Tried alone: among others its answer is late, and seems to come in time. */
const early: Flaw = [
  'answers long before its time is over',
  'deadline',
  withHeader(headerNames.timeoutMs, '1'),
];

const flaws: Flaw[] = [
  ['answers PING twice', 'ping', onReply(/^\$SRV\.PING/, (reply) => [reply, reply])],
  ['does not hear its own PING', 'ping', deaf(/^\$SRV\.PING\.[^.]+\.[^.]+$/)],
  ['calls itself otherwise', 'ping', onJson(/^\$SRV\.PING$/, (json) => ({ ...json, name: 'other' }))],
  ['has null as metadata', 'info', onJson(/^\$SRV\.INFO/, (json) => ({ ...json, metadata: null }))],
  ['leaves the description out', 'info', onJson(/^\$SRV\.INFO/, ({ description: _, ...json }) => json)],
  [
    'has fractional times',
    'stats',
    onEndpoints(stats, (endpoint) => ({ ...endpoint, average_processing_time: 0.5 })),
  ],
  ['leaves last_error out', 'stats', onEndpoints(stats, ({ last_error: _, ...endpoint }) => endpoint)],
  [
    'has two numbers as its version',
    'names',
    onJson(/^\$SRV\.INFO/, (json) => ({ ...json, version: '1.0' })),
  ],
  [
    'has dots in an endpoint name',
    'endpoints',
    onEndpoints(/^\$SRV\.INFO/, (endpoint) => ({ ...endpoint, name: 'text.say' })),
  ],
  [
    'has another queue group',
    'endpoints',
    onEndpoints(/^\$SRV\.INFO/, (endpoint) => ({ ...endpoint, queue_group: 'mine' })),
  ],
  ['has a schema that is none', 'contract', onMetadata({ 'bkg.input_schema': '{"type":"objekt"}' })],
  ['has a schema that is no JSON', 'contract', onMetadata({ 'bkg.output_schema': 'object' })],
  ['has "true" as a flag', 'contract', onMetadata({ 'bkg.idempotent': 'true' })],
  [
    'declares a code of somebody else',
    'contract',
    onMetadata({ 'bkg.errors': '{"OTHER_TIRED":{"number":422,"retryable":true,"description":"x"}}' }),
  ],
  [
    'answers what its schema forbids',
    'valid-payload',
    onReply(/invoke\.text/, (r) => [{ ...r, body: '{"text":7}' }]),
  ],
  ['answers what is no JSON', 'valid-payload', onReply(/invoke\.text/, (reply) => [{ ...reply, body: 'x' }])],
  ['answers everything twice', 'answered-once', onReply(/\.invoke/, (reply) => [reply, reply])],
  [
    'loses one in ten invocations',
    'answered-once',
    { request: (msg) => (msg.subject.includes('.invoke') && ++requests % 10 === 0 ? undefined : msg) },
  ],
  ['takes any payload', 'invalid-payload', seenAs(/invoke\.text/, '{"text":"x"}')],
  ['takes what is no JSON', 'not-json', seenAs(/invoke\.text/, '{"text":"x"}')],
  [
    'takes what is no UTF-8',
    'wrong-encoding',
    { request: (msg) => altered(msg, { data: Buffer.from(msg.string()) }) },
  ],
  ['leaves Nats-Service-Error out', 'invalid-payload', withoutHeader(headerNames.error)],
  ['leaves Nats-Service-Error-Code out', 'invalid-payload', withoutHeader(headerNames.errorCode)],
  ['leaves both error headers out', 'invalid-payload', onFailure(({ headers: _, ...reply }) => reply)],
  ['has no problem as a body', 'invalid-payload', onFailure((reply) => ({ ...reply, body: '' }))],
  [
    'has a number that is not the one of its code',
    'invalid-payload',
    onFailure((reply) => ({
      ...reply,
      headers: { ...reply.headers, [headerNames.errorCode]: '422' },
      body: reply.body.replace('"status":400', '"status":422'),
    })),
  ],
  [
    'answers a capability that it does not have',
    'unknown-capability',
    onReply(/conformance_/, ({ subject }) => [{ subject, body: '{}' }]),
  ],
  [
    'answers wherever it is told to',
    'foreign-reply',
    { request: (msg) => altered(msg, { reply: msg.reply && '_INBOX.x' }) },
  ],
  [
    'answers invocations wherever it is told to',
    'foreign-reply-invocation',
    { request: (msg) => altered(msg, { reply: msg.reply && '_INBOX.x' }) },
  ],
  [
    'counts nothing',
    'statistics',
    onEndpoints(stats, (endpoint) => ({ ...endpoint, num_requests: 0, num_errors: 0 })),
  ],
  [
    'counts each twice',
    'statistics',
    onEndpoints(stats, (endpoint) => ({ ...endpoint, num_requests: 2 * Number(endpoint['num_requests']) })),
  ],
  ['counts no failure', 'statistics', onEndpoints(stats, (endpoint) => ({ ...endpoint, num_errors: 0 }))],
  [
    'has an object as its last error',
    'statistics',
    onEndpoints(stats, (endpoint) => ({ ...endpoint, last_error: {} })),
  ],
  ['does not look at the content type', 'headers', withHeader(headerNames.contentType)],
  ['does not look at its time', 'deadline', withHeader(headerNames.timeoutMs)],
  early,
  ['hears no cancel', 'cancel', deaf(/\.cancel$/)],
  [
    'answers a cancelled invocation again',
    'cancel',
    onReply(/invoke\.wait/, (reply) => [reply, { ...reply, body: '{}', headers: undefined }]),
  ],
  ['has everything in flight', 'inflight', seenAsHeld()],
  ['has nothing in flight', 'inflight', onJson(/\.inflight$/, (json) => ({ ...json, invocation_ids: [] }))],
  ['does not look at the id', 'conflict', withHeader(headerNames.invocationId)],
  ['answers no question while it works', 'answers-while-busy', deafWhileBusy()],
  ['falls silent at a cancel that is none', 'cancel-unknown', silentAfter(/\.cancel$/)],
  [
    'counts no cancel',
    'statistics-of-early-ends',
    onEndpoints(stats, (endpoint) => ({
      ...endpoint,
      num_errors: Math.min(1, Number(endpoint['num_errors'])),
    })),
  ],
  ['says that it is starting', 'status', onJson(/\.status$/, (json) => ({ ...json, status: 'starting' }))],
  [
    'leaves a number of its telemetry out',
    'telemetry',
    onJson(/\.telemetry$/, ({ memory_mb: _, ...json }) => json),
  ],
  [
    'has every heartbeat with the same number',
    'heartbeats',
    onEvent('telemetry', (json) => ({ ...json, seq: 4 })),
  ],
  [
    'leaves the telemetry out of its heartbeat',
    'heartbeats',
    onEvent('telemetry', ({ telemetry: _, ...json }) => json),
  ],
  ['has no heartbeat', 'heartbeats', onEvent('telemetry', () => undefined)],
  [
    'beats more often than it says',
    'heartbeats',
    onEvent('telemetry', (json) => ({ ...json, every_ms: 60_000 })),
  ],
  [
    'beats more rarely than it says',
    'heartbeats',
    onEvent('telemetry', (json) => oneIn(2, { ...json, every_ms: 500 })),
  ],
  [
    'leaves the telemetry out of its rare heartbeats',
    'heartbeats',
    onEvent('telemetry', ({ telemetry: _, ...json }) => oneIn(6, { ...json, every_ms: 7_200 })),
  ],
  [
    'has nothing in flight in its telemetry',
    'telemetry-counts',
    onJson(/\.telemetry$/, (json) => ({ ...json, in_flight: 0 })),
  ],
  ['takes no envelope', 'envelope', deaf(/\.invoke$/)],
  ['takes nothing on its own subject', 'direct', deaf(/\.at\./)],
  [
    'does not say what is wrong',
    'places',
    onFailure((reply) => ({
      ...reply,
      body: JSON.stringify({ ...(JSON.parse(reply.body) as Json), errors: undefined }),
    })),
  ],
  [
    'takes any order about its heartbeats',
    'heartbeat-order',
    onReply(/\.configure$/, ({ subject }) => [{ subject, body: '{"ok":true}' }]),
  ],
  ['closes its connection to drain it', 'drain', { drain: (connection) => connection.nats.close() }],
  [
    'does not say that it has stopped',
    'drain',
    onEvent('status', (json) => (json['status'] === 'stopped' ? undefined : json)),
  ],
];

/** Of so many heartbeats one, numbered without a gap. */
function oneIn(many: number, json: Json): Json | undefined {
  const seq = Number(json['seq']) / many;
  return Number.isInteger(seq) ? { ...json, seq } : undefined;
}

/** Claims to hold whatever it is asked for. */
function seenAsHeld(): Sabotage {
  let asked: unknown = [];
  return {
    request: (msg) => {
      if (msg.subject.endsWith('.inflight')) asked = msg.json<Json>()['invocation_ids'];
      return msg;
    },
    ...onJson(/\.inflight$/, (json) => ({ ...json, invocation_ids: asked })),
  };
}

function deafWhileBusy(): Sabotage {
  let isBusy = false;
  return {
    request: (msg) => {
      if (msg.subject.endsWith('.invoke.wait')) isBusy = true;
      return isBusy && msg.subject.startsWith('$SRV.INFO') ? undefined : msg;
    },
  };
}

function silentAfter(subject: RegExp): Sabotage {
  let isSilent = false;
  return {
    request: (msg) => {
      if (subject.test(msg.subject)) isSilent = true;
      return isSilent ? undefined : msg;
    },
  };
}

async function isFound(_: string, id: string, sabotage: Sabotage): Promise<void> {
  expect(await verdictsOn(sabotage, id)).toMatchObject([{ case: id, verdict: 'broken' }]);
}

// At once: each waits most of the time.
describe('a plugin that', { concurrent: true, timeout: 60_000 }, () => {
  it.each(flaws.filter((flaw) => flaw !== early))('%s is found by the case "%s"', isFound);
});

describe('a plugin that', { timeout: 60_000 }, () => {
  it.each([early])('%s is found by the case "%s"', isFound);
});

describe('a plugin that', { concurrent: true, timeout: 60_000 }, () => {
  it('breaks none is found to keep to all', async () => {
    const results = await verdictsOn({});
    expect(results.filter(({ verdict }) => verdict !== 'kept')).toEqual([]);
    expect(results).toHaveLength(suite.cases.length);
  });

  it('is told to beat more rarely than can be waited for is not tried', async () => {
    const rarely = onEvent('telemetry', (json) => oneIn(6, { ...json, every_ms: 7_200 }));
    const [result] = await verdictsOn(rarely, 'heartbeats');
    expect(result).toMatchObject({
      verdict: 'not tried',
      got: expect.stringContaining('beat every 7200 ms'),
    });
  });

  it('says more of itself than ADR-32 asks for is found to keep to it', async () => {
    const more = { metadata: null, data: { depth: 1 }, more: [7] };
    const talkative = onReply(/^\$SRV\./, (reply) => {
      const { endpoints, ...json } = JSON.parse(reply.body) as Json;
      const said = (endpoints as Json[] | undefined)?.map((one) => ({ ...more, ...one }));
      return [{ ...reply, body: JSON.stringify({ ...json, more: [7], ...(said && { endpoints: said }) }) }];
    });
    const cases = ['ping', 'info', 'stats', 'endpoints', 'statistics'];
    const results = await verdictsOn(talkative, ...cases);
    expect(results).toMatchObject(cases.map((one) => ({ case: one, verdict: 'kept' })));
  });

  it('breaks a rule is there for each case of the suite', () => {
    const found = new Set(flaws.map(([, id]) => id));
    expect(suite.cases.map(({ id }) => id).filter((id) => !found.has(id))).toEqual([]);
  });
});
