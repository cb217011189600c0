/**
 * The three replies of the NATS service API, written from the text of ADR-32 (revision 6). Where that text and the
 * shipped clients differ (`last_error`, the names of the types), the clients' form counts. As everywhere, readers ignore
 * members that they do not know: newer services say more of themselves than these.
 */
import type { EndpointStats, InfoEndpoint, InfoResponse, PingResponse, StatsResponse } from '../micro.ts';
import { exactly, listOf, mapOf, object, text } from './schema.ts';
import type { SchemaOf } from './schema.ts';

const name = text('Letters, digits, "_" and "-".', { pattern: '^[A-Za-z0-9_-]+$' });
const subject = text('Without white space and empty tokens.', { pattern: '^[^\\s.]+(\\.[^\\s.]+)*$' });
const metadata = mapOf(text('A text.'), 'An object of texts, never `null`.');
const count: SchemaOf<number> = { type: 'integer', minimum: 0 };
const nanoseconds: SchemaOf<number> = { type: 'integer', minimum: 0, description: 'Whole nanoseconds.' };
/** The regular expression that semver.org suggests. */
const version = text('Semantic Versioning 2.0.0.', {
  minLength: 5,
  pattern:
    '^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)(?:-((?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\\.(?:0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*))*))?(?:\\+([0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*))?$',
});

const identity = { name, id: text('The id of the instance.', { minLength: 1 }), version, metadata };
const endpoint = { name, subject, queue_group: text('The queue group.') };

export const serviceSchemas = {
  PingResponse: object<PingResponse>({ type: exactly('io.nats.micro.v1.ping_response'), ...identity }),
  InfoResponse: object<InfoResponse>({
    type: exactly('io.nats.micro.v1.info_response'),
    ...identity,
    description: text('For people.'),
    endpoints: listOf(object<InfoEndpoint>({ ...endpoint, metadata })),
  }),
  StatsResponse: object<StatsResponse>({
    type: exactly('io.nats.micro.v1.stats_response'),
    ...identity,
    started: { ...text('When it started, in UTC.', { pattern: 'Z$' }), format: 'date-time' },
    endpoints: listOf(
      object<EndpointStats>({
        ...endpoint,
        num_requests: count,
        num_errors: count,
        last_error: text('"" when there was none.'),
        processing_time: nanoseconds,
        average_processing_time: nanoseconds,
      }),
    ),
  }),
};
