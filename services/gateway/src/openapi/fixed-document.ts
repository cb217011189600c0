import {
  headerNames,
  jsonContentType,
  keyPrefixPattern,
  protocolVersion,
  timeoutMostMs,
  wireSchemas,
} from '@bkg/sdk/protocol';
import type { JsonSchema, WireName } from '@bkg/sdk/protocol';
import type { FixedAnswer, FixedOperation } from './fixed-operation.ts';
import { fixedOperations } from './fixed-operations.ts';
import type { MediaType, Operation, Parameter, PathItem, Reference, Response } from './openapi.ts';
import {
  accessCodes,
  invocationCodes,
  limitHeaders,
  problemResponses,
  sharedResponses,
} from './problem-responses.ts';
import { eventStreamContent } from './stream-content.ts';

/** A schema of the wire, as the document has it. */
export function component(name: WireName): Reference {
  return { $ref: `#/components/schemas/${name}` };
}

const token = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,128}$' };

const headerParameters = {
  InvocationId: {
    name: headerNames.invocationId,
    in: 'header',
    description:
      'Best 128 random bits as 32 hexadecimal digits; whoever knows it can cancel the invocation. Made when it is missing.',
    schema: token,
  },
  TimeoutMs: {
    name: headerNames.timeoutMs,
    in: 'header',
    description:
      "The time that the caller has left. At most, and by default, the plugin's `resources.timeout_secs`.",
    schema: { type: 'integer', minimum: 1, maximum: timeoutMostMs },
  },
  Traceparent: {
    name: headerNames.traceparent,
    in: 'header',
    description: 'W3C trace context.',
    schema: { type: 'string' },
  },
  Tracestate: {
    name: headerNames.tracestate,
    in: 'header',
    description: 'W3C trace context, passed on as it is.',
    schema: { type: 'string' },
  },
} as const satisfies Record<string, Parameter>;

/** The headers that every invocation may have. */
export const invocationParameters: Reference[] = Object.keys(headerParameters).map((name) => ({
  $ref: `#/components/parameters/${name}`,
}));

/** The headers that an answer to an invocation has; of limits where it has some. */
export const invocationHeaders: Response['headers'] = {
  [headerNames.invocationId]: { $ref: '#/components/headers/InvocationId' },
  ...limitHeaders,
};

/** How somebody says who they are. */
const securitySchemes = {
  key: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'bkg_<prefix>_<secret>',
    description: 'An API key.',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'bkg_session',
    description:
      'The session of somebody who has signed in on the dashboard; `__Host-bkg_session` where people come by TLS. It counts for the pages of the gateway itself only.',
  },
} as const;

/** Either of them, with the scope that is needed; as the document has it for everything that does not say more. */
export function securityFor(...scopes: string[]): Record<string, string[]>[] {
  return Object.keys(securitySchemes).map((name) => ({ [name]: scopes }));
}

export const fixedComponents = {
  securitySchemes,
  parameters: headerParameters,
  headers: {
    InvocationId: { description: 'The id of the invocation.', schema: token },
    RateLimitPolicy: {
      description:
        'Its limits, by the draft of the IETF: `"plugin";q=100;w=1` is 100 invocations in 1 s. Absent without any.',
      schema: { type: 'string' },
    },
    RateLimit: {
      description:
        'What is left of each: `"plugin";r=0;t=1` is none, and one more in 1 s. Absent without any.',
      schema: { type: 'string' },
    },
    RetryAfter: {
      description: 'In so many seconds it may be tried again. Absent on `BUSY`.',
      schema: { type: 'integer', minimum: 1 },
    },
  },
  responses: sharedResponses,
  schemas: Object.fromEntries(
    Object.entries(wireSchemas).map(([name, schema]) => [name, inDocument(schema)]),
  ) as Record<WireName, JsonSchema>,
};

export const info = {
  title: 'bkg',
  version: protocolVersion,
  summary: 'A mesh of plugins over NATS, by HTTP.',
  description: [
    'Every capability that a plugin of this mesh has now is an operation here, with its own schemas; the document changes with the mesh.',
    'A failure is a problem object (RFC 9457) whose `code` says what happened; its number is the HTTP status. Repeat by yourself only what is `retryable`, and only when it has not been executed, or when the operation is marked `x-idempotent`.',
    'Requests must carry the `Host` of the gateway, and from a browser its own `Origin`. Who sends them is said with `Authorization: Bearer <API key>`; what a key may do stands with each operation, and this document has the capabilities that yours may read or invoke.',
  ].join('\n\n'),
};

/** `/api/plugins/:id` as OpenAPI writes it. */
export function pathOf(route: string): string {
  return route.replaceAll(/:(\w+)/g, '{$1}');
}

const pathParameters: Record<string, Parameter> = {
  prefix: {
    name: 'prefix',
    in: 'path',
    required: true,
    description: 'The public part of an API key.',
    schema: { type: 'string', pattern: keyPrefixPattern.source },
  },
  name: {
    name: 'name',
    in: 'path',
    required: true,
    description: 'The name of a role.',
    schema: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' },
  },
  id: {
    name: 'id',
    in: 'path',
    required: true,
    description: 'The plugin id.',
    schema: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]{0,62}$' },
  },
  invocation_id: {
    name: 'invocation_id',
    in: 'path',
    required: true,
    description: 'The id of the invocation.',
    schema: token,
  },
  capability: {
    name: 'capability',
    in: 'path',
    required: true,
    description: 'The capability id.',
    schema: { type: 'string', pattern: '^[a-z0-9_-]+(\\.[a-z0-9_-]+)*$', maxLength: 64 },
  },
};

/** The gateway's own operations by their path. */
export const fixedPaths: Record<string, PathItem> = {};
for (const one of fixedOperations) {
  (fixedPaths[pathOf(one.route)] ??= {})[one.method] = operationOf(one);
}

function operationOf(one: FixedOperation): Operation {
  const {
    route,
    operationId,
    tag,
    summary,
    description,
    query = [],
    isInvocation,
    body,
    answers,
    access,
    failures = [],
    declared,
    frames,
  } = one;
  const parameters = [
    ...[...route.matchAll(/:(\w+)/g)].flatMap(([, name = '']) => pathParameters[name] ?? []),
    ...query.map((parameter): Parameter => ({ ...parameter, in: 'query' })),
    ...(isInvocation ? invocationParameters : []),
  ];
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(parameters.length > 0 && { parameters }),
    ...(access !== undefined && { security: securityOf(access) }),
    ...(body && {
      requestBody: {
        required: body.required,
        ...(body.description !== undefined && { description: body.description }),
        content: { [jsonContentType]: { schema: schemaFor(body.json) } },
      },
    }),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, responseOf(answer, isInvocation)])),
      ...problemResponses(
        [...(isInvocation ? invocationCodes : access === 'open' ? [] : accessCodes), ...failures],
        declared,
      ),
    },
    ...(frames && {
      'x-frames': Object.fromEntries(Object.entries(frames).map(([by, name]) => [by, component(name)])),
    }),
  };
}

function securityOf(access: string): Record<string, string[]>[] {
  if (access === 'open') return [];
  return access === 'anyone' ? [{}, ...securityFor()] : securityFor(access);
}

function responseOf(
  { description, json, contentType, isStreamed }: FixedAnswer,
  isInvocation = false,
): Response {
  const content: Record<string, MediaType> | undefined =
    json !== undefined
      ? { [jsonContentType]: { schema: schemaFor(json) }, ...(isStreamed && eventStreamContent()) }
      : contentType !== undefined
        ? { [contentType]: { schema: { type: 'string' } } }
        : undefined;
  return {
    description,
    ...(isInvocation && { headers: invocationHeaders }),
    ...(content && { content }),
  };
}

function schemaFor(json: WireName | [WireName] | JsonSchema): JsonSchema {
  if (typeof json === 'string') return { ...component(json) };
  if (Array.isArray(json)) return { type: 'array', items: component(json[0]) };
  return json;
}

/** A schema of the wire with its references as they are in the document. */
function inDocument<T>(value: T): T {
  return JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/')) as T;
}
