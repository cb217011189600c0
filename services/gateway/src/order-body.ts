import type { FastifyReply, FastifyRequest } from 'fastify';
import type { WireName } from '@bkg/sdk';
import { invalidBody, WireBody } from './http/wire-body.ts';
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

// What the supervisor does not know it would refuse, too.
const bodies = Object.fromEntries(
  Object.entries(orderSchemas).map(([what, schema]) => [
    what,
    new WireBody<Order>({ what, schema, mostBytes }),
  ]),
) as Record<ControlVerb, WireBody<Order>>;

/** The order as the body has it; of `wait` the address has the last word. @throws BkgError INVALID_PAYLOAD */
export async function readOrder(
  verb: ControlVerb,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<Order> {
  const { wait } = request.query as Record<string, unknown>;
  if (wait !== undefined && wait !== 'true' && wait !== 'false') {
    const given = JSON.stringify(wait).slice(0, givenMostLength);
    throw invalidBody(`"wait" in the address is ${given}; it takes true or false.`, [
      { path: '/wait', message: 'must be true or false' },
    ]);
  }
  const order = await bodies[verb].read(request, reply);
  return wait === undefined ? order : { ...order, wait: wait === 'true' };
}
