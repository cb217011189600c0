import { headerNames } from '../../src/protocol/index.ts';
import { altered } from './saboteur.ts';
import type { Sabotage } from './saboteur.ts';
import {
  deaf,
  deafWhileBusy,
  onEndpoints,
  onEvent,
  onFailure,
  onJson,
  onMetadata,
  onReply,
  oneIn,
  seenAs,
  seenAsHeld,
  silentAfter,
  withHeader,
  withoutHeader,
} from './sabotages.ts';
import type { Json } from './sabotages.ts';

const stats = /^\$SRV\.STATS/;
let requests = 0;

/** The rule that is broken, the case that must find it, and how it is broken. */
export type Flaw = [string, string, Sabotage];

/** Tried alone: among others its answer is late, and seems to come in time. */
export const early: Flaw = [
  'answers long before its time is over',
  'deadline',
  withHeader(headerNames.timeoutMs, '1'),
];

export const flaws: Flaw[] = [
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
