import { wireSchemas } from '@bkg/sdk/protocol';
import type { ErrorCode, JsonSchema, WireName } from '@bkg/sdk/protocol';
import type { Method } from './openapi.ts';
import type { Declared } from './problem-responses.ts';

/** The groups of the gateway's own operations. Plugin ids have no capitals, so that none is called the same. */
export const fixedTags = [
  { name: 'Plugins', description: 'What exists, and what it measures and says.' },
  { name: 'Control', description: 'Starting, stopping, replacing and configuring.' },
  {
    name: 'Invocation',
    description: 'For any capability. Those that there are now have an operation each, under their plugin.',
  },
  { name: 'Live', description: 'WebSockets.' },
  { name: 'Access', description: 'Who may do what: API keys, roles, sessions, and what was done.' },
  { name: 'Gateway', description: 'About the gateway itself.' },
] as const;

export interface FixedAnswer {
  status: number;
  description: string;
  /** JSON of the wire, of a list of it, or anything by a schema of its own. */
  json?: WireName | [WireName] | JsonSchema;
  /** Of what is not JSON. */
  contentType?: string;
  /** It may come as events, too. */
  isStreamed?: boolean;
}

/** One operation of the gateway's own, in short. */
export interface FixedOperation {
  method: Method;
  /** As Fastify has it: `/api/plugins/:id`. */
  route: string;
  operationId: string;
  tag: (typeof fixedTags)[number]['name'];
  summary: string;
  description?: string;
  query?: { name: string; description: string; schema: JsonSchema }[];
  /** Takes the headers of an invocation. */
  isInvocation?: boolean;
  body?: { json: WireName | JsonSchema; required: boolean; description?: string };
  answers: FixedAnswer[];
  /** The scope that it needs, `open` where nobody is asked, `anyone` where who says who they are see more. @default a key */
  access?: string;
  /** Besides those that any request may have. */
  failures?: readonly ErrorCode[];
  /** Those with codes of their own. */
  declared?: Declared;
  /** The frames of a WebSocket. */
  frames?: { client?: WireName; gateway: WireName };
}

/** The members of a type as parameters of an address. */
export function queryOf(name: WireName): NonNullable<FixedOperation['query']> {
  const members = wireSchemas[name]['properties'] as Record<string, { description: string }>;
  return Object.entries(members).map(([member, { description, ...schema }]) => ({
    name: member,
    description,
    schema,
  }));
}
