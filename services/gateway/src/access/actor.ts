import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Actor } from '@bkg/sdk/access';
import { whoIs } from './caller.ts';

/** Who orders something, for the audit of who carries it out. */
export function actorOf({ access }: FastifyInstance, request: FastifyRequest): Actor {
  return { who: whoIs(request.caller), via: 'http', from: access.addressOf(request) };
}
