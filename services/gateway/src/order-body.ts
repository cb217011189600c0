import type { FastifyReply, FastifyRequest } from 'fastify';
import { BkgError, createValidator, isJsonContentType, schemaOf } from '@bkg/sdk';
import type { PayloadError, WireName } from '@bkg/sdk';
import { parseBody } from './invoke/raw-json.ts';
import { readBody } from './http/read-body.ts';
import type { ControlVerb, Order } from './mesh/supervisor-client.ts';

/** The body of each verb, which is that of the request on the broker. */
export const orderSchemas = {
  start: 'ControlOptions',
  stop: 'ControlOptions',
  restart: 'ControlOptions',
  swap: 'SwapOrder',
  scale: 'ScaleOrder',
  rollback: 'RollbackOrder',
} as const satisfies Record<ControlVerb, WireName>;

/** Enough for `why` and `by` in whatever way they are escaped. */
const mostBytes = 16 * 1024;
const givenMostLength = 64;

const validators = Object.fromEntries(
  Object.entries(orderSchemas).map(([verb, name]) => [
    verb,
    // What the supervisor does not know it would refuse, too.
    createValidator({ ...schemaOf(name), additionalProperties: false }),
  ]),
) as Record<ControlVerb, (value: unknown) => PayloadError[]>;

/** The order as the body has it; of `wait` the address has the last word. @throws BkgError INVALID_PAYLOAD */
export async function readOrder(
  verb: ControlVerb,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Order> {
  const { wait } = request.query as Record<string, unknown>;
  if (wait !== undefined && wait !== 'true' && wait !== 'false') {
    const given = JSON.stringify(wait).slice(0, givenMostLength);
    throw invalid(`"wait" in the address is ${given}; it takes true or false.`, [
      { path: '/wait', message: 'must be true or false' },
    ]);
  }
  const body = await readBody(request, reply, { mostBytes, remedy: remedy(verb) });
  const order = parseOrder(verb, body, request.headers['content-type']);
  return wait === undefined ? order : { ...order, wait: wait === 'true' };
}

function parseOrder(verb: ControlVerb, body: Buffer, contentType: string | undefined): Order {
  if (body.length > 0 && (contentType === undefined || !isJsonContentType(contentType))) {
    const detail = 'A body needs "Content-Type: application/json".';
    throw invalid(detail, [{ path: '', message: detail }]);
  }
  const value = body.length > 0 ? parseBody(body) : {};
  const errors = validators[verb](value);
  if (errors.length === 0) return value as Order;
  const places = errors.map((error) => describe(error, value)).join('; ');
  throw invalid(`${places}. ${remedy(verb)}`, errors);
}

function describe({ path, message }: PayloadError, body: unknown): string {
  if (path === '') return `The body ${message}`;
  // All members are of the first level.
  const given = JSON.stringify((body as Record<string, unknown>)[path.slice(1)]);
  return `"${path.slice(1)}" ${message}, and is ${given.slice(0, givenMostLength)}`;
}

/** What may be sent, as a sentence. */
function remedy(verb: ControlVerb): string {
  const { properties, required = [] } = schemaOf(orderSchemas[verb]) as {
    properties: object;
    required?: string[];
  };
  const members = Object.keys(properties).map((name) => `"${name}"${required.includes(name) ? '' : '?'}`);
  return `${verb} takes {${members.join(', ')}}${required.length > 0 ? '' : ', or nothing'}.`;
}

function invalid(detail: string, errors: PayloadError[]): BkgError {
  return new BkgError('INVALID_PAYLOAD', detail, { errors });
}
