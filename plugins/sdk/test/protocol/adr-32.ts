/**
 * The three replies of the NATS service API as JSON Schemas, written from the text of ADR-32 (revision 6). Where that
 * text and the shipped clients differ (`last_error`, the names of the types), the clients' form counts.
 */
import type { JsonSchema } from '../../src/protocol/plugin.ts';

const name = { type: 'string', pattern: '^[A-Za-z0-9_-]+$' };
const subject = { type: 'string', pattern: '^[^\\s.]+(\\.[^\\s.]+)*$' };
const metadata = { type: 'object', additionalProperties: { type: 'string' } };
const count = { type: 'integer', minimum: 0 };
const nanoseconds = { type: 'integer', minimum: 0 };

/** The regular expression that semver.org suggests. */
const version = {
  type: 'string',
  minLength: 5,
  pattern:
    '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$',
};

const identity = { name, id: { type: 'string', minLength: 1 }, version, metadata };
const endpoint = { name, subject, queue_group: { type: 'string' } };

export const pingSchema: JsonSchema = strict({
  type: { const: 'io.nats.micro.v1.ping_response' },
  ...identity,
});

export const infoSchema: JsonSchema = strict({
  type: { const: 'io.nats.micro.v1.info_response' },
  ...identity,
  description: { type: 'string' },
  endpoints: { type: 'array', items: strict({ ...endpoint, metadata }) },
});

export const statsSchema: JsonSchema = strict({
  type: { const: 'io.nats.micro.v1.stats_response' },
  ...identity,
  started: { type: 'string', format: 'date-time', pattern: 'Z$' },
  endpoints: {
    type: 'array',
    items: strict(
      {
        ...endpoint,
        num_requests: count,
        num_errors: count,
        last_error: { type: 'string' },
        processing_time: nanoseconds,
        average_processing_time: nanoseconds,
      },
      { data: true },
    ),
  },
});

/** An object with all of these members, perhaps the optional ones, and no other. */
function strict(properties: Record<string, unknown>, optional: Record<string, unknown> = {}) {
  return {
    type: 'object',
    required: Object.keys(properties),
    properties: { ...properties, ...optional },
    additionalProperties: false,
  };
}
