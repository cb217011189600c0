import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '@bkg/sdk/access';
import type { Orderer } from '../mesh/supervisor-client.ts';
import { whoIs } from './caller.ts';

/** Who orders something, for the audit of who carries it out. */
export function actorOf({ access }: FastifyInstance, request: FastifyRequest): Actor {
  return { who: whoIs(request.caller), via: 'http', from: access.addressOf(request) };
}

/** The same for an order to the supervisor, which asks whether it is an admin's where only it knows what it leads to. */
export function ordererOf(app: FastifyInstance, request: FastifyRequest): Orderer {
  return { ...actorOf(app, request), isAdmin: request.caller.allows({ verb: 'admin' }) };
}
