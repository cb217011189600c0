import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { BkgError } from '@bkg/sdk';
import { shownPath } from '../http/shown-path.ts';
import { assertAllowed, noKey, whoIs } from './caller.ts';

/** Whom each route lets in, before its handler runs; and what becomes of those it does not. */
export const authorization = fp(
  async (app) => {
    const { access } = app;
    app.addHook('onRequest', (request, _reply, done) => {
      try {
        assertMay(request);
        done();
      } catch (error) {
        done(error as Error);
      }
    });
    app.problemListeners.push((error, request, reply) => {
      if (!(error instanceof BkgError)) return;
      const { code } = error;
      if (code === 'UNAUTHENTICATED') reply.header('www-authenticate', 'Bearer');
      else if (code !== 'FORBIDDEN') return;
      if (isQuestion(request)) return;
      access.refusals.note({
        via: 'http',
        who: whoIs(request.caller),
        from: access.addressOf(request),
        ...actOf(request),
        result: code,
        detail: error.message.slice(0, 500),
      });
    });
  },
  { name: 'authorization', dependencies: ['authentication', 'problems'] },
);

/** Whether its sender may do now what it asks for. @throws BkgError UNAUTHENTICATED, FORBIDDEN */
export function assertMay(request: FastifyRequest): void {
  const { access = 'open' } = request.routeOptions.config;
  const { caller } = request;
  if (access === 'open' || access === 'anyone') return;
  caller.ended.throwIfAborted();
  if (access !== 'signed in') assertAllowed(caller, access.need(request));
  else if (!caller.principal) throw noKey();
}

/** The dashboard asks whether somebody is signed in, which nobody has to be. */
function isQuestion({ method, routeOptions, headers }: FastifyRequest): boolean {
  const hasNothing = headers.authorization === undefined && headers.cookie === undefined;
  return hasNothing && method === 'GET' && routeOptions.url === '/api/session';
}

/** What somebody wanted, in the words of the audit. */
function actOf(request: FastifyRequest): { action: string; target: string } {
  const { access } = request.routeOptions.config;
  const need = typeof access === 'object' ? access.need(request) : undefined;
  const { prefix, name } = (request.params ?? {}) as { prefix?: string; name?: string };
  const action = (typeof access === 'object' ? access.action : undefined) ?? need?.verb ?? 'http';
  return { action, target: need?.plugin ?? prefix ?? name ?? shownPath(request.url) };
}
