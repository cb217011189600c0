import { wireSchemas } from '@bkg/sdk/protocol';
import type { ErrorCode, JsonSchema } from '@bkg/sdk/protocol';
import { orderSchemas } from '../order-body.ts';
import type { ControlVerb } from '../mesh/supervisor-client.ts';
import { accessOperations } from './access-operations.ts';
import { queryOf } from './fixed-operation.ts';
import type { FixedAnswer, FixedOperation } from './fixed-operation.ts';

const waitQuery = queryOf('ControlOptions')
  .filter(({ name }) => name === 'wait')
  .map((wait) => ({ ...wait, description: `${wait.description} It counts more than the body.` }));

const controlFailures = [
  'PLUGIN_NOT_FOUND',
  'CONFLICT',
  'PAYLOAD_TOO_LARGE',
  'CANCELLED',
  'PLUGIN_CRASHED',
  'DEADLINE_EXCEEDED',
] as const satisfies ErrorCode[];

function control(verb: ControlVerb, summary: string, description?: string): FixedOperation {
  const json = orderSchemas[verb];
  return {
    method: 'post',
    route: `/api/plugins/:id/${verb}`,
    operationId: `${verb}Plugin`,
    tag: 'Control',
    summary,
    ...(description !== undefined && { description }),
    access: 'control:{id}',
    query: waitQuery,
    body: { json, required: 'required' in wireSchemas[json] },
    answers: [
      { status: 200, description: 'It is reached.', json: 'PluginInfo' },
      { status: 202, description: 'It is accepted, and not waited for.', json: 'PluginInfo' },
    ],
    failures: controlFailures,
  };
}

const switching: FixedAnswer = { status: 101, description: 'The connection is a WebSocket from here on.' };
const page: FixedAnswer = { status: 200, description: 'A page.', contentType: 'text/html' };
const health = (word: string): JsonSchema => ({
  type: 'object',
  required: ['status'],
  properties: { status: { const: word } },
});

/** Every route of the gateway but the pages of the dashboard. */
export const fixedOperations: readonly FixedOperation[] = [
  {
    method: 'get',
    route: '/api/plugins',
    operationId: 'listPlugins',
    access: 'read',
    tag: 'Plugins',
    summary: 'All plugins, by id',
    answers: [{ status: 200, description: 'What the registry has.', json: ['PluginInfo'] }],
  },
  {
    method: 'get',
    route: '/api/plugins/:id',
    operationId: 'getPlugin',
    access: 'read:{id}',
    tag: 'Plugins',
    summary: 'One plugin',
    answers: [{ status: 200, description: 'What the registry has of it.', json: 'PluginInfo' }],
    failures: ['PLUGIN_NOT_FOUND'],
  },
  {
    method: 'get',
    route: '/api/plugins/:id/telemetry',
    operationId: 'getTelemetry',
    access: 'read:{id}',
    tag: 'Plugins',
    summary: 'What its instances measure',
    answers: [{ status: 200, description: 'Over all its instances.', json: 'PluginTelemetry' }],
    failures: ['PLUGIN_NOT_FOUND'],
  },
  {
    method: 'get',
    route: '/api/plugins/:id/logs',
    operationId: 'getLogs',
    access: 'read:{id}',
    tag: 'Plugins',
    summary: 'What was logged',
    description: 'Also of a plugin that is stopped or has crashed.',
    query: queryOf('LogQuery'),
    answers: [{ status: 200, description: 'Oldest first.', json: 'LogReply' }],
    failures: ['PLUGIN_NOT_FOUND', 'CANCELLED', 'DEADLINE_EXCEEDED'],
  },
  control('start', 'Start it, and wait until it runs'),
  control('stop', 'Drain and end it, and wait until it has'),
  control('restart', 'Replace what runs, instance by instance'),
  control(
    'swap',
    'Replace what runs by another version, instance by instance',
    'Each new instance is ready and tested before an old one ends; of a `single_writer` plugin the old one ends first, and invocations are held meanwhile. `rollout` of the answer is the receipt. When it fails the old version goes on: 409 when it could not be done or its contract is broken (then `errors` names where), 502 when a new instance was not ready, crashed, or failed its test.',
  ),
  control('scale', 'Change how many instances it has'),
  control(
    'rollback',
    'Bring back an earlier configuration and its version',
    'Done and answered as a swap. The configuration is written again, as a new revision.',
  ),
  {
    method: 'get',
    route: '/api/plugins/:id/config',
    operationId: 'getConfig',
    access: 'read:{id}',
    tag: 'Control',
    summary: 'Its configuration',
    answers: [{ status: 200, description: 'The configuration that is written.', json: 'PluginConfig' }],
    failures: ['PLUGIN_NOT_FOUND'],
  },
  {
    method: 'post',
    route: '/api/plugins/:id/config',
    operationId: 'changeConfig',
    access: 'control:{id}',
    tag: 'Control',
    summary: 'Change its configuration',
    description:
      'A merge patch (RFC 7396); one with `env` or `sandbox` needs `admin`. What instances cannot take over while they run is brought to them by replacing them one by one.',
    body: { json: 'ConfigChange', required: true },
    answers: [
      {
        status: 200,
        description: 'The new configuration; unless `wait` is `false`, every instance has it.',
        json: 'PluginConfig',
      },
    ],
    failures: controlFailures,
  },
  {
    method: 'get',
    route: '/api/plugins/:id/config/history',
    operationId: 'getConfigHistory',
    access: 'read:{id}',
    tag: 'Control',
    summary: 'Its configurations so far',
    query: queryOf('HistoryQuery'),
    answers: [{ status: 200, description: 'Those that are kept, newest first.', json: 'ConfigHistory' }],
    failures: ['PLUGIN_NOT_FOUND', 'CANCELLED', 'DEADLINE_EXCEEDED'],
  },
  {
    method: 'post',
    route: '/api/plugins/:id/invoke/:capability',
    operationId: 'invokeCapability',
    access: 'invoke:{id}:{capability}',
    tag: 'Invocation',
    summary: 'Invoke a capability',
    description:
      "The body is the payload and the answer's is the output, both byte by byte, of whatever content type. One that is larger than a message, or of no length, is piped to a capability that takes uploads. With `Accept: text/event-stream` the answer comes as events.",
    isInvocation: true,
    body: { json: {}, required: true, description: 'What the input schema of the capability takes.' },
    answers: [{ status: 200, description: 'The output.', json: {}, isStreamed: true }],
  },
  {
    method: 'post',
    route: '/api/plugins/:id/invoke',
    operationId: 'invoke',
    access: 'invoke:{id}:{capability}',
    tag: 'Invocation',
    summary: 'Invoke the capability that the body names',
    isInvocation: true,
    body: { json: 'InvokeEnvelope', required: true },
    answers: [{ status: 200, description: 'The output.', json: {}, isStreamed: true }],
  },
  {
    method: 'delete',
    route: '/api/plugins/:id/invocations/:invocation_id',
    operationId: 'cancelInvocation',
    access: 'invoke:{id}',
    tag: 'Invocation',
    summary: 'End an invocation',
    description:
      'Whoever has sent it is answered with `CANCELLED`, unless it has ended already: that is no error, and nobody tells. Needs the scope for any capability of the plugin.',
    answers: [{ status: 204, description: 'Its instance is told.' }],
    failures: ['PLUGIN_NOT_FOUND'],
  },
  {
    method: 'get',
    route: '/ws',
    operationId: 'connect',
    tag: 'Live',
    summary: 'One WebSocket for everything',
    description:
      'JSON, one frame a message. `x-frames` names the schemas of both directions. Each frame needs the scope of what it wants.',
    answers: [switching],
    failures: ['BUSY'],
    frames: { client: 'ClientFrame', gateway: 'GatewayFrame' },
  },
  {
    method: 'get',
    route: '/ws/plugins/:id',
    operationId: 'followPlugin',
    access: 'read:{id}',
    tag: 'Live',
    summary: 'A WebSocket about one plugin',
    description: 'JSON, one frame a message; it wants none. `x-frames` names their schema.',
    answers: [switching],
    failures: ['PLUGIN_NOT_FOUND', 'BUSY'],
    frames: { gateway: 'FeedFrame' },
  },
  ...accessOperations,
  {
    method: 'get',
    route: '/api/openapi.json',
    operationId: 'getOpenApi',
    access: 'anyone',
    tag: 'Gateway',
    summary: 'This document',
    description: 'With a key it has the capabilities, too, that this may read or invoke.',
    answers: [
      { status: 200, description: 'OpenAPI 3.1.', json: { type: 'object' } },
      { status: 304, description: 'It is still the one with the `ETag` in `If-None-Match`.' },
    ],
  },
  {
    method: 'get',
    route: '/api/docs',
    operationId: 'readDocs',
    access: 'anyone',
    tag: 'Gateway',
    summary: 'This document, for people',
    answers: [page],
  },
  {
    method: 'get',
    route: '/api/docs/:id',
    operationId: 'readPluginDocs',
    access: 'anyone',
    tag: 'Gateway',
    summary: 'The capabilities of one plugin, for people',
    answers: [page],
    failures: ['PLUGIN_NOT_FOUND'],
  },
  {
    method: 'get',
    route: '/livez',
    operationId: 'isLive',
    access: 'open',
    tag: 'Gateway',
    summary: "Whether the gateway's process works",
    answers: [{ status: 200, description: 'It works.', json: health('live') }],
  },
  {
    method: 'get',
    route: '/readyz',
    operationId: 'isReady',
    access: 'open',
    tag: 'Gateway',
    summary: 'Whether it has the broker and has read the registry',
    answers: [{ status: 200, description: 'It has.', json: health('ready') }],
  },
];
